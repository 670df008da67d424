"""Limits of messages a second."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corewire.client._rate import Rate

SECONDS = st.floats(0, 3, allow_nan=False)


@given(per_second=st.integers(1, 1000), gaps=st.lists(SECONDS, max_size=200))
def test_no_second_sees_more_than_the_rate_and_what_was_saved(per_second: int, gaps: list[float]) -> None:
    rate, now = Rate(per_second), 50.0
    passed: list[float] = []
    for gap in gaps:
        now += gap
        now += rate.take(now)
        passed.append(now)
    for first, start in enumerate(passed):
        within = [at for at in passed[first:] if at <= start + 1.0]
        assert len(within) <= 2 * per_second + 1  # a full bucket, and what flows in meanwhile


def test_a_full_bucket_passes_at_once_and_then_one_by_one() -> None:
    rate = Rate(4)
    assert [rate.take(10.0) for _ in range(6)] == [0, 0, 0, 0, 0.25, 0.5]
    assert rate.take(11.0) == 0
    assert [rate.take(100.0) for _ in range(5)] == [0, 0, 0, 0, 0.25]


def test_a_token_that_is_given_back_is_there_for_others() -> None:
    rate = Rate(1)
    assert rate.take(5.0) == 0
    for _ in range(10):
        assert rate.take(5.0) == 1.0
        rate.give_back(5.0)
    assert rate.take(6.0) == 0


def test_less_than_one_a_second_is_refused() -> None:
    with pytest.raises(ValueError, match="1 message a second or more, not 0"):
        Rate(0)
