"""Our client for long: whole counts, more cuts, more kills, in all worlds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.interop import client_cancel_lanes, client_message_lanes, client_session_lanes
from tests.interop.client_traffic import NO_WINDOW, WINDOW, cut, errors, kill
from tests.interop.test_client_cuts import judge
from tests.interop.test_client_kills import ALLOWED
from tests.interop.worlds import World as Program

from corewire_server.demo.broker import BrokerProcess
from corewire_server.demo.traffic import World

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.interop.artemis import Artemis
    from tests.interop.ours import OurBroker

COUNT = 10_000
CUTS = 100
KILLS = 20
CANCELLATIONS, AT_A_TIME = 10_000, 500  # on asyncio and trio each
WHOLE = [
    client_message_lanes.numbered_messages_come_once_and_in_order,
    client_message_lanes.sends_one_by_one_are_there_when_they_return,
    client_message_lanes.non_durable_messages_come_in_order,
    client_message_lanes.browsers_show_all_and_take_nothing,
    client_session_lanes.dups_ok_takes_all,
    client_session_lanes.transactions_move_messages,
]
each_world = pytest.mark.parametrize("world", World, ids=lambda world: world.value)


@pytest.mark.parametrize("world", Program, ids=lambda world: world.value)
@pytest.mark.parametrize("lane", WHOLE, ids=lambda lane: lane.__name__)
class TestWholeCounts:
    """The lanes whose work grows with the count."""

    def test_on_our_broker(self, lane: Callable[..., object], world: Program, our_broker: OurBroker) -> None:
        world.run(lane, our_broker.url, f"whole.{lane.__name__}.{world.value}", COUNT)

    def test_on_a_real_broker(self, lane: Callable[..., object], world: Program, artemis: Artemis) -> None:
        world.run(lane, artemis.url, f"whole.{lane.__name__}.{world.value}", COUNT)


@each_world
@pytest.mark.parametrize("ids", [True, False], ids=["ids", "no ids"])
def test_with_our_broker_nobody_notices(world: World, ids: bool, our_broker: OurBroker) -> None:
    traffic = cut(("127.0.0.1", our_broker.port), world, CUTS, ids=ids)
    assert not [broken for ledger in traffic.ledgers for broken in ledger.broken]
    assert not errors(traffic)
    assert not traffic.recreated_sessions
    assert not any(ledger.redelivered for ledger in traffic.ledgers)


@each_world
@pytest.mark.parametrize("ids", [True, False], ids=["ids", "no ids"])
@pytest.mark.parametrize("options", [WINDOW, NO_WINDOW], ids=["window", "no window"])
def test_with_a_real_broker_nothing_is_lost(world: World, ids: bool, options: str, artemis: Artemis) -> None:
    traffic = cut(("127.0.0.1", artemis.port), world, CUTS, ids=ids, options=options)
    judge(traffic, in_order=options == WINDOW)


@each_world
def test_without_a_window_sessions_are_made_anew(world: World, our_broker: OurBroker) -> None:
    judge(cut(("127.0.0.1", our_broker.port), world, CUTS, ids=True, options=NO_WINDOW), in_order=False)


@pytest.mark.parametrize("with_ids", [list(World), []], ids=["sent-again", "left-alone"])
def test_kills(with_ids: list[World], tmp_path: Path) -> None:
    for traffic in kill(BrokerProcess(tmp_path / "data"), KILLS, with_ids=with_ids):
        assert not [broken for ledger in traffic.ledgers for broken in ledger.broken]
        assert set(errors(traffic)) <= ALLOWED


@pytest.mark.parametrize("world", [Program.ASYNCIO, Program.TRIO], ids=lambda world: world.value)
def test_random_cancellations(world: Program, artemis: Artemis) -> None:
    lane = client_cancel_lanes.what_is_cancelled_is_stored_once_at_most_and_never_lost
    for seed in range(CANCELLATIONS // AT_A_TIME):
        world.run(lane, artemis.url, f"cancelled.{world.value}.{seed}", AT_A_TIME, seed)
