"""When traffic counts as flowing again."""

from __future__ import annotations

import pytest

from corewire_server.demo.cutting import StandsStill, await_new, await_progress
from corewire_server.demo.ledger import Ledger, Way
from corewire_server.demo.traffic import Traffic, World

UNDER_WAY = 3


class Flowing(Ledger):
    """Several messages are under way. Each look finds that one more has come, and another one was sent."""

    def __init__(self) -> None:
        super().__init__("q", Way.ONE_BY_ONE)
        for _ in range(UNDER_WAY):
            self._send()

    def _send(self) -> None:
        number = self.begin()
        assert number is not None
        self.confirm([number])

    def _flow(self) -> None:
        self._send()
        self.take(self.text(len(self.came)), 0)

    @property
    def progress(self) -> int:
        """See `Ledger.progress`."""
        self._flow()
        return super().progress

    @property
    def newest(self) -> int:
        """See `Ledger.newest`."""
        self._flow()
        return super().newest


def traffic(ledger: Ledger) -> Traffic:
    return Traffic(World.THREADS, "", [ledger])


def test_what_was_under_way_is_progress() -> None:
    ledger = Flowing()
    assert len(await_progress([traffic(ledger), traffic(Flowing())])) == 2
    assert len(ledger.came) < UNDER_WAY


def test_what_was_under_way_is_not_new() -> None:
    ledger = Flowing()
    assert len(await_new([traffic(ledger), traffic(Flowing())])) == 2
    assert UNDER_WAY in ledger.came


def test_nobody_waits_for_an_actor_that_has_failed() -> None:
    ledger = Ledger("q", Way.ONE_BY_ONE)
    ledger.failures.append(ValueError("it was wrong"))
    with pytest.raises(StandsStill, match="q: ValueError"):
        await_new([traffic(Flowing()), traffic(ledger)])
