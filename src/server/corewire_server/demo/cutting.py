"""Cuts links under running traffic, one after the other: the next only when every stream has moved on since the last."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from corewire_server.demo.broker import BrokerProcess
    from corewire_server.demo.ledger import Ledger
    from corewire_server.demo.traffic import Traffic
    from corewire_server.proxy import Ending, Proxy

BYTES_MAX = 4_000
PATIENCE_S = 30.0
GLANCE_S = 0.005


class StandsStill(Exception):
    """A stream does not move on, or a node."""


class Cutter:
    """Spoils the links of a proxy, and watches the streams that go through it."""

    def __init__(self, proxy: Proxy, traffics: Sequence[Traffic]) -> None:
        self._proxy = proxy
        self._traffics = traffics
        self.cuts = 0

    def cut(self, ending: Ending | None = None) -> None:
        """Cut one link behind a random byte, and wait until all has moved on. Raises as `await_progress`.

        The oldest one has its turn, so that soon every client has had a cut.
        """
        proxy, before, give_up_at, draws = self._proxy, self._proxy.cuts, time.monotonic() + PATIENCE_S, 0
        while proxy.cuts == before:
            if time.monotonic() > give_up_at:
                raise StandsStill("no byte came to cut a link behind")
            if living := proxy.living:  # one that is idle, or has ended, makes room for the next one
                proxy.arm(bytes_max=BYTES_MAX, link=living[draws % len(living)], ending=ending)
                draws += 1
            proxy.wait_until(lambda proxy: proxy.cuts > before, 0.2)
        proxy.disarm()  # a link that was cut while the next draw was made
        self.cuts += 1
        await_progress(self._traffics)


def await_progress(traffics: Sequence[Traffic]) -> list[float]:
    """Until messages were confirmed and came in every stream; returns after how many seconds, for each traffic.

    Raises StandsStill if that takes too long, or an actor has failed.
    """
    return _await(traffics, lambda ledger: ledger.progress, lambda ledger: ledger.progress + 1)


def await_new(traffics: Sequence[Traffic], patience_s: float = PATIENCE_S) -> list[float]:
    """Until in every stream a message has come that was not yet sent when this was called: none that was on its way already.

    Returns and raises as `await_progress`.
    """
    return _await(traffics, lambda ledger: ledger.newest, lambda ledger: ledger.begun, patience_s)


def _await(
    traffics: Sequence[Traffic],
    measure: Callable[[Ledger], int],
    goal_of: Callable[[Ledger], int],
    patience_s: float = PATIENCE_S,
) -> list[float]:
    began = time.monotonic()
    goals = [[goal_of(ledger) for ledger in traffic.ledgers] for traffic in traffics]
    took: list[float | None] = [None] * len(traffics)
    while True:
        now_s = time.monotonic() - began
        for index, traffic in enumerate(traffics):
            there = all(measure(ledger) >= goal for ledger, goal in zip(traffic.ledgers, goals[index], strict=True))
            if took[index] is None and there:
                took[index] = now_s
        if None not in took:
            return [each for each in took if each is not None]
        _check([ledger for traffic in traffics for ledger in traffic.ledgers], now_s, patience_s)
        time.sleep(GLANCE_S)


def _check(ledgers: Sequence[Ledger], waited_s: float, patience_s: float) -> None:
    for ledger in ledgers:
        if ledger.failures:
            raise StandsStill(f"{ledger.queue}: {ledger.failures[0]!r}") from ledger.failures[0]
    if waited_s > patience_s:
        raise StandsStill(f"after {waited_s:.0f} s: {[(each.queue, each.progress) for each in ledgers]}")


def kill_and_restart(broker: BrokerProcess, proxy: Proxy) -> None:
    """Kill the broker behind a proxy with -9 and start it again on its data. Until then the proxy's port refuses, as a dead
    broker's does."""
    proxy.refuse()
    broker.kill()
    broker.start()
    proxy.target = broker.address
    proxy.accept()
