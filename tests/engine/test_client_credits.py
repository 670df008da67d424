"""Credits as arithmetic, in both directions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corewire.client._credits import ConsumerWindow, ProducerCredits


def test_half_a_window_is_asked_for_and_the_second_send_asks_again() -> None:
    account = ProducerCredits(65_536)
    assert account.request_for(100) == 32_768
    account.granted(32_768)
    assert account.take(100)
    assert account.request_for(100) == 32_768
    assert account.request_for(100) == 0


def test_a_large_message_asks_for_its_own_size() -> None:
    assert ProducerCredits(1_000).request_for(5_000) == 5_000


def test_without_a_window_nothing_is_asked_and_all_may_go() -> None:
    account = ProducerCredits(None)
    assert account.request_for(1_000_000) == 0
    assert account.take(1_000_000)


def test_a_refusal_is_told_once() -> None:
    account = ProducerCredits(1_000)
    account.granted(500, failed=True)
    assert account.take_failure()
    assert not account.take_failure()


@given(st.integers(2, 5_000), st.lists(st.integers(1, 3_000), max_size=50))
def test_whoever_asks_and_waits_can_send(window: int, sizes: list[int]) -> None:
    account = ProducerCredits(window)
    for size in sizes:
        account.granted(account.request_for(size))
        assert account.take(size)
        assert 0 <= account.balance <= max(window, size)


@given(st.integers(2, 5_000), st.lists(st.integers(1, 3_000), max_size=50))
def test_paying_at_once_is_asking_and_taking(window: int, sizes: list[int]) -> None:
    one, other = ProducerCredits(window), ProducerCredits(window)
    for size in sizes:
        due = one.request_for(size)
        paid = one.take(size)
        assert other.pay(size) == (due if paid else None)
        if not paid:
            assert other.request_for(size) == due
        one.granted(due)
        other.granted(due)
        assert one.balance == other.balance


def test_half_a_window_is_given_back_at_a_time() -> None:
    window = ConsumerWindow(1_000)
    assert window.opening() == (1_000,)
    assert [window.consumed(200) for _ in range(6)] == [None, None, 600, None, None, 600]


def test_a_window_of_one_is_given_back_message_by_message() -> None:
    window = ConsumerWindow(1)
    assert window.opening() == (1,)
    assert window.consumed(250) == 250


def test_no_limit_is_said_once() -> None:
    window = ConsumerWindow(None)
    assert window.opening() == (-1,)
    assert window.consumed(10_000) is None


def test_no_window_asks_while_somebody_waits_and_takes_back() -> None:
    window = ConsumerWindow(0)
    assert window.opening() == ()
    assert window.ask() == (1,)
    assert window.ask() == ()
    window.delivered(300)
    assert window.consumed(300) is None
    assert window.withdraw() == ()
    assert window.ask() == (300,), "which makes one again, whenever the broker counts the message"
    assert window.withdraw() == (0,)
    assert window.ask() == (0, 1), "a message may have crossed the withdrawal"
    window.delivered(300)
    assert window.ask(1_000) == (1_299,)


@pytest.mark.parametrize("waits", [False, True])
def test_what_was_asked_for_twice_is_taken_back_where_nobody_waited(waits: bool) -> None:
    """A balance that is set just behind a message would be too low: Artemis takes its price off after it has sent it."""
    window = ConsumerWindow(0)
    window.ask()
    if not waits:
        window.delivered(300)
    window.resumed()
    if waits:
        window.delivered(300)
    assert window.ask() == ((300,) if waits else (0, 1))


@given(st.sampled_from([1, 10, 1_000]), st.lists(st.integers(13, 500), max_size=60))
def test_the_broker_never_has_more_than_the_window_and_one_message(size: int, frames: list[int]) -> None:
    window = ConsumerWindow(size)
    balance = sum(window.opening())
    for frame in frames:
        assert 0 < balance <= size  # so the broker may always send the next one
        balance -= frame
        balance += window.consumed(frame) or 0


@pytest.mark.parametrize("window", [0, 1, 1_000, None])
def test_a_new_epoch_begins_with_the_whole_window(window: int | None) -> None:
    account = ConsumerWindow(window)
    first = account.opening()
    account.consumed(7)
    account.ask()
    assert account.opening() == first
