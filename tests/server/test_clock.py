"""The broker's time begins with the wall clock, goes on steadily, and counts while the machine sleeps."""

from __future__ import annotations

import time
from functools import partial
from types import SimpleNamespace

import pytest

from corewire_server.runtime import clock
from corewire_server.runtime.clock import Clock, steady

WALL_MS = 1_700_000_000_000


@pytest.mark.parametrize("not_before", [0, WALL_MS - 1, WALL_MS + 3_600_000])
def test_it_begins_with_the_wall_clock_or_where_an_earlier_run_was_and_only_grows(
    not_before: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "time", SimpleNamespace(time=lambda: WALL_MS / 1000))
    made = Clock(not_before)
    monkeypatch.setattr(clock, "time", SimpleNamespace(time=lambda: 0.0))  # somebody sets it back
    times = [max(WALL_MS, not_before), *(made.now() for _ in range(100))]
    assert times == sorted(times)


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="this system does not count the time that it sleeps")
def test_it_counts_while_the_machine_sleeps() -> None:
    """Else a lease would outlast the sleep of who holds it."""
    assert isinstance(steady, partial)
    assert (steady.func, steady.args) == (time.clock_gettime, (time.CLOCK_BOOTTIME,))
