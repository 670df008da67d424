"""The broker stands still for three times the TTL of its clients (cases.md 6 (c)): on waking it reads before it judges."""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from tests.interop import client_fault_lanes
from tests.interop.worlds import World

if TYPE_CHECKING:
    from tests.interop.artemis import Artemis
    from tests.interop.ours import OurBroker

pytestmark = pytest.mark.slow
CLIENTS = 20
IN_TRANSACTION = 100
STILL_S = 6.0
PATIENCE_S = 60.0
IMPATIENT = "connectionTTL=2000&clientFailureCheckPeriod=500"


class Crowd:
    """Twenty clients of all worlds that send, and one more of each world that is in a long transaction."""

    def __init__(self, pool: ThreadPoolExecutor, url: str) -> None:
        self._stop = threading.Event()
        self._begun: list[str] = []
        self.sent = [0] * CLIENTS
        stopped = self._stop.is_set
        self._sending = [
            pool.submit(
                world.run, client_fault_lanes.sends_until_told, url, f"wakes.{number}", stopped, self.sent, number
            )
            for number, world in enumerate([*World] * (CLIENTS // len(World)))
        ]
        long = client_fault_lanes.has_a_long_transaction
        self._long = [
            pool.submit(world.run, long, url, f"long.{world.value}", IN_TRANSACTION, stopped, self._begun)
            for world in World
        ]

    def await_progress(self) -> None:
        """Until each has sent something more, and the transactions are under way."""
        before, deadline = list(self.sent), time.monotonic() + PATIENCE_S
        while len(self._begun) < len(World) or any(now <= then for now, then in zip(self.sent, before, strict=True)):
            for client in (*self._sending, *self._long):
                if client.done():
                    client.result()
            assert time.monotonic() < deadline, (before, self.sent)
            time.sleep(0.05)

    def finish(self) -> tuple[int, list[bool]]:
        """How many sessions of those that sent were made anew, and which of the transactions are there."""
        self._stop.set()
        return sum(client.result() for client in self._sending), [client.result() for client in self._long]


def freeze_under_a_crowd(url: str, pid: int) -> tuple[int, list[bool]]:
    """Stop a broker for a while. What the clients say."""
    with ThreadPoolExecutor(CLIENTS + len(World)) as pool:
        crowd = Crowd(pool, url)
        try:
            crowd.await_progress()
            os.kill(pid, signal.SIGSTOP)
            time.sleep(STILL_S)  # it is what is tested
            os.kill(pid, signal.SIGCONT)
            crowd.await_progress()
        finally:
            said = crowd.finish()
    print(f"\n{CLIENTS} clients, {sum(crowd.sent)} sent, {said[0]} sessions made anew, transactions there: {said[1]}")
    return said


def test_no_client_that_pinged_is_given_up_when_our_broker_wakes_up(our_broker: OurBroker) -> None:
    recreated, committed = freeze_under_a_crowd(f"{our_broker.url}?resilient=true&{IMPATIENT}", our_broker.pid)
    assert all(committed)
    assert recreated == 0
    assert "nothing came" not in our_broker.log


def test_nothing_is_lost_or_doubled_when_a_real_broker_wakes_up(artemis: Artemis) -> None:
    """It may judge before it reads, and give them up: then a long transaction is gone, and says so."""
    freeze_under_a_crowd(f"{artemis.url}?exactlyOnce=true&{IMPATIENT}", artemis.pid)
