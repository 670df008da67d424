"""Clocks that are set wrong and run wrong."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from corewire_server.simulator.clock import EPOCH_MS, Clock, NodeClock
from corewire_server.simulator.world import MS, SECOND

drifts = st.integers(-200_000, 200_000)
times = st.integers(0, 10**12)


@given(drifts, times, times)
def test_a_clock_never_runs_backwards(drift: int, one: int, other: int) -> None:
    clock = Clock(drift_ppm=drift)
    first, second = sorted((one, other))
    assert clock.steady_us(first) <= clock.steady_us(second)


@given(drifts, times)
def test_a_moment_is_the_first_at_which_its_time_has_come(drift: int, target: int) -> None:
    clock = Clock(drift_ppm=drift)
    moment = clock.when(target)
    assert clock.steady_us(moment) >= target
    assert moment == 0 or clock.steady_us(moment - 1) < target


def test_a_node_counts_from_its_wall_clock_or_from_what_an_earlier_process_has_seen() -> None:
    clock = Clock(offset_ms=-5000)
    assert NodeClock(clock, 2 * SECOND, 0).now_ms(2 * SECOND) == EPOCH_MS - 3000
    seen = EPOCH_MS + 60_000
    node = NodeClock(clock, 2 * SECOND, seen)
    assert node.now_ms(2 * SECOND) == seen
    assert node.now_ms(3 * SECOND) == seen + 1000


@given(drifts, st.integers(0, 10**7), st.integers(0, 10**7))
def test_a_node_is_woken_when_its_time_has_come(drift: int, start_ms: int, wait_ms: int) -> None:
    node = NodeClock(Clock(drift_ppm=drift), start_ms * MS, 0)
    due = node.now_ms(start_ms * MS) + wait_ms
    moment = node.when(due)
    assert node.now_ms(moment) >= due
    assert moment <= start_ms * MS or node.now_ms(moment - 1) < due
