"""Every pair of state and move is either in its table or refused with LocalProtocolError."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from corewire._states import CHANNEL, LINK, ChannelMove, ChannelState, LinkMove, LinkState, advance
from corewire.errors import LocalProtocolError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from enum import Enum

TABLES = [(LINK, LinkState, LinkMove), (CHANNEL, ChannelState, ChannelMove)]


@pytest.mark.parametrize(("table", "states", "moves"), TABLES)
def test_move_is_made_or_refused(
    table: Mapping[tuple[Enum, Enum], Enum], states: type[Enum], moves: type[Enum]
) -> None:
    for state in states:
        for move in moves:
            if (state, move) in table:
                assert advance(table, state, move) is table[state, move]
            else:
                with pytest.raises(LocalProtocolError, match=f"cannot {move.value} while {state.value}"):
                    advance(table, state, move)


@pytest.mark.parametrize(("table", "states", "moves"), TABLES)
def test_every_state_can_be_reached_and_every_move_made(
    table: Mapping[tuple[Enum, Enum], Enum], states: type[Enum], moves: type[Enum]
) -> None:
    reached = {next(iter(states))}
    while True:
        more = {after for (before, _), after in table.items() if before in reached} - reached
        if not more:
            break
        reached |= more
    assert reached == set(states)
    assert {move for _, move in table} == set(moves)


def test_error_stays_whatever_is_done() -> None:
    assert {after for (before, _), after in LINK.items() if before is LinkState.ERROR} == {LinkState.ERROR}


def test_closed_channel_stays_closed() -> None:
    assert {after for (before, _), after in CHANNEL.items() if before is ChannelState.CLOSED} == {ChannelState.CLOSED}
