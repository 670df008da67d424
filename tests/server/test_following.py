"""A node that follows takes from its primary what is due in this epoch and at this point, and ends the link for all else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.server.pairs import START, Pair

from corewire_server.replication.link import (
    Ack,
    HandOver,
    HeartBeat,
    Inputs,
    SnapshotBegin,
    SnapshotEnd,
    SnapshotSlice,
    Told,
    encode,
)

if TYPE_CHECKING:
    from corewire_server.replication.link import Frame

EPOCH, LATER, OLDER = 2, 4, 1
FAR = 1 << 40  # an input, or a time


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (Told(2, OLDER), "told to have place 2 in epoch 1"),
        (Told(2, LATER), "told to have place 2 in epoch 4"),
        (Told(0, EPOCH), "told to have place 0"),
        (SnapshotBegin(1, OLDER, b"seed", START), "a snapshot of epoch 1 that was not asked for"),
        (SnapshotBegin(1, EPOCH, b"seed", START), "a snapshot of epoch 2 that was not asked for"),
        (SnapshotSlice(b"x"), "a slice without a snapshot"),
        (SnapshotEnd(b"x"), "the end of no snapshot"),
        (HandOver(FAR), "told to take over at input"),
        (Inputs(FAR, [b"x"]), "are missing"),
        (HeartBeat(1, START + FAR), "the echo of a stamp that was never sent"),
        (Ack(1, 1, 1, 1, 0, 0, b""), "Ack"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else value,
)
def test_what_is_not_due_ends_the_link_and_changes_nothing(frame: Frame, why: str) -> None:
    pair = Pair.in_step()
    pair.say(b"before")
    before = pair.b.up.claim()
    assert pair.a.up.link is not None
    pair.write("a", pair.a.up.link, encode(frame))
    pair.pump()
    (line,) = [line for line in pair.b.logs if line.startswith("the replication link is closed: ")]
    assert why in line
    assert pair.b.up.claim() == before
    pair.say(b"after")
    pair.heal()
    status = pair.a.up.status(pair.now)
    assert (pair.a.role, status.epoch, status.place, status.fell_out) == ("primary", EPOCH, 1, 0)
    assert pair.b.core.words == [b"before", b"after"]
