"""The ledger of a stream: what it calls lost, doubled, redelivered, out of order, foreign."""

from __future__ import annotations

import pytest

from corewire.errors import Unblocked
from corewire_server.demo.ledger import BEHIND_MAX, Ledger, Way


@pytest.fixture
def ledger() -> Ledger:
    """Ten messages sent and confirmed."""
    ledger = Ledger("q", Way.ONE_BY_ONE)
    ledger.confirm([number for _ in range(10) if (number := ledger.begin()) is not None])
    return ledger


def take(ledger: Ledger, *numbers: int, times_made_anew: int = 0) -> None:
    for number in numbers:
        ledger.take(f"q#{number}", times_made_anew)


def test_all_once_and_in_order_breaks_no_promise(ledger: Ledger) -> None:
    take(ledger, *range(10))
    ledger.take(None, 0)
    assert not ledger.broken
    assert (ledger.progress, ledger.begun) == (10, 10)


def test_confirmed_and_never_come_is_lost(ledger: Ledger) -> None:
    take(ledger, 0, 1, 2, 4, 5, 6, 7, 8, 9)
    ledger.ended = True
    assert ledger.outstanding
    assert ledger.lost == {3}
    assert len(ledger.broken) == 1


def test_not_confirmed_may_come_or_not(ledger: Ledger) -> None:
    take(ledger, *range(10))
    ledger.ended = True
    assert ledger.begin() == 10
    assert not ledger.outstanding
    assert not ledger.broken
    take(ledger, 10)
    assert not ledger.broken


def test_twice_is_doubled_settled_or_not(ledger: Ledger) -> None:
    take(ledger, 0, 1)
    take(ledger, 1)
    assert ledger.doubled == [1]
    ledger.settle(0)
    take(ledger, 0)
    assert ledger.doubled == [1, 0]


def test_again_after_the_session_was_made_anew_is_redelivered(ledger: Ledger) -> None:
    take(ledger, 0)
    ledger.settle(0)
    take(ledger, 1, 2)
    ledger.settle(1)  # the answer is of another session: nothing is known
    take(ledger, 1, 2, 3, times_made_anew=1)
    assert ledger.redelivered == [1, 2]
    assert not ledger.doubled
    take(ledger, 0, times_made_anew=1)
    assert ledger.doubled == [0], "that one was settled"


def test_again_after_it_was_given_back_is_redelivered_once(ledger: Ledger) -> None:
    take(ledger, 0, 1)
    ledger.give_back()
    take(ledger, 0, 1)
    assert ledger.redelivered == [0, 1]
    take(ledger, 1)
    assert ledger.doubled == [1]


def test_a_lower_number_after_a_higher_is_out_of_order(ledger: Ledger) -> None:
    take(ledger, 1, 0)
    assert ledger.disorder == [(0, 1)]


def test_what_was_sent_again_among_others_has_no_place_in_the_order() -> None:
    ledger = Ledger("q", Way.PIPELINED)
    ledger.begin()
    ledger.begin()
    ledger.sent_again.add(0)
    take(ledger, 1, 0)
    assert not ledger.disorder


@pytest.mark.parametrize("text", ["p#1", "q#x", "q#10", "nothing", ""])
def test_never_sent_is_foreign(ledger: Ledger, text: str) -> None:
    ledger.take(text, 0)
    assert ledger.foreign == [text]
    assert ledger.broken


def test_errors_are_counted_and_must_have_a_reason(ledger: Ledger) -> None:
    take(ledger, *range(10))
    ledger.raised(Unblocked("?"), traced=True)
    assert ledger.errors == {"Unblocked": 1}
    assert not ledger.broken
    ledger.raised(Unblocked("?"), traced=False)
    assert ledger.broken


def test_the_producer_ends_at_its_count_or_when_stopped() -> None:
    ledger = Ledger("q", Way.ONE_BY_ONE, count_max=2)
    assert [ledger.begin() for _ in range(3)] == [0, 1, None]
    other = Ledger("q", Way.ONE_BY_ONE)
    assert other.begin() == 0
    other.stopped = True
    assert other.begin() is None


def test_the_producer_waits_for_a_consumer_that_is_behind() -> None:
    ledger = Ledger("q", Way.ONE_BY_ONE)
    for number in range(BEHIND_MAX + 1):
        assert not ledger.behind
        assert ledger.begin() == number
        ledger.confirm([number])
    assert ledger.behind
    take(ledger, 0)
    assert not ledger.behind


def test_a_cut_catches_what_is_not_settled(ledger: Ledger) -> None:
    take(ledger, 0, 1)
    ledger.settle(0)
    ledger.note_cut()
    assert ledger.at_cut == set(range(2, 10))
    take(ledger, *range(2, 10))
    ledger.settle(0)
    ledger.note_cut()
    assert ledger.at_cut == set(range(2, 10)), "an earlier cut is not forgotten"


def test_ids_are_there_to_send_again() -> None:
    assert Ledger("q", Way.ONE_BY_ONE).headers(3) == {"duplicate_id": "q#3"}
    assert Ledger("q", Way.ONE_BY_ONE, ids=False).headers(3) == {}
