"""How long a blocking send takes is measured from the mark on, also while it waits."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from tests.interop import pair_load
from tests.interop.pair_load import TimedLedger

from corewire_server.demo.ledger import Way


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """``now``: what time it is."""
    told = SimpleNamespace(now=100.0)
    monkeypatch.setattr(pair_load, "time", SimpleNamespace(monotonic=lambda: told.now, time=lambda: told.now))
    return told


def test_slowest_of_the_sends_since_the_mark_counts(clock: SimpleNamespace) -> None:
    ledger = TimedLedger("q", Way.ONE_BY_ONE, ids=True)
    slowest: list[float] = []
    for took in (5.0, 1.0, 3.0, 2.0):
        number = ledger.begin()
        assert number is not None
        clock.now += took
        ledger.confirm([number])
        clock.now += 10.0
        slowest.append(ledger.since().slowest_send)
        if took == 5.0:
            ledger.mark()
    assert slowest == [5.0, 1.0, 3.0, 3.0]


def test_send_that_still_waits_counts_from_the_mark_on(clock: SimpleNamespace) -> None:
    ledger = TimedLedger("q", Way.ONE_BY_ONE, ids=True)
    number = ledger.begin()
    assert number is not None
    clock.now += 50.0
    ledger.mark()
    clock.now += 2.0
    assert ledger.since().slowest_send == 2.0
    ledger.confirm([number])
    clock.now += 50.0
    assert ledger.since().slowest_send == 2.0


@pytest.mark.parametrize("way", [Way.PIPELINED, Way.TRANSACTED])
def test_what_does_not_block_has_no_slowest_send(way: Way, clock: SimpleNamespace) -> None:
    ledger = TimedLedger("q", way, ids=True)
    number = ledger.begin()
    assert number is not None
    clock.now += 50.0
    assert ledger.since().slowest_send == 0.0
    ledger.confirm([number])
    assert ledger.since().slowest_send == 0.0
