"""Answers find their questions, whoever still waits for them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.engine.helpers import Asked

from corewire._operation import Operation
from corewire._replies import EXCEPTION, Replies

NULL_RESPONSE = 21
QUERY_RESPONSE = -14


def question(expected: int = NULL_RESPONSE, correlation: int = -1) -> Asked:
    return Asked(Operation(), (expected,), correlation)


def test_unnamed_answers_go_to_the_oldest_question_of_their_type() -> None:
    replies = Replies[Asked]()
    query, first, second = question(QUERY_RESPONSE), question(), question()
    for each in (query, first, second):
        replies.ask(each)
    assert len(replies) == 3
    assert replies.match(NULL_RESPONSE, -1) is first
    assert replies.match(NULL_RESPONSE, None) is second
    assert replies.match(QUERY_RESPONSE, None) is query
    assert replies.match(QUERY_RESPONSE, None) is None


def test_named_answers_go_to_their_question() -> None:
    replies = Replies[Asked]()
    blocking, unblocked = question(correlation=-2), question(correlation=1)
    replies.ask(blocking)
    replies.ask(unblocked)
    assert replies.match(NULL_RESPONSE, -3) is None
    assert replies.match(NULL_RESPONSE, 1) is unblocked
    assert replies.match(EXCEPTION, 1) is None
    assert replies.match(NULL_RESPONSE, -2) is blocking


def test_exception_without_a_number_goes_to_a_question_without_one() -> None:
    replies = Replies[Asked]()
    send, create_queue = question(correlation=-2), question()
    replies.ask(send)
    replies.ask(create_queue)
    assert replies.match(EXCEPTION, 0) is create_queue
    assert replies.match(EXCEPTION, -2) is send


def test_exception_without_a_number_falls_to_the_oldest_rather_than_to_nobody() -> None:
    replies = Replies[Asked]()
    send = question(correlation=-2)
    replies.ask(send)
    assert replies.match(EXCEPTION, None) is send
    assert replies.match(EXCEPTION, None) is None


def test_clear_returns_all_questions() -> None:
    replies = Replies[Asked]()
    send, call = question(correlation=5), question()
    replies.ask(send)
    replies.ask(call)
    assert replies.clear() == [call, send]
    assert len(replies) == 0


@given(st.data())
def test_every_question_ends_once(data: st.DataObject) -> None:
    """Invariants 9, 10 and 11 of the channel: answers in any order that a broker may send."""
    replies = Replies[Asked]()
    kinds = data.draw(st.lists(st.sampled_from(["call", "query", "send", "unblocked"]), max_size=20))
    asked: list[Asked] = []
    for number, kind in enumerate(kinds):
        each = {
            "call": question(),
            "query": question(QUERY_RESPONSE),
            "send": question(correlation=-2 - number),
            "unblocked": question(correlation=1 + number),
        }[kind]
        asked.append(each)
        replies.ask(each)
    answered = data.draw(st.integers(0, len(asked)))
    ended = [replies.match(each.expected[0], each.correlation) for each in asked[:answered]]
    assert ended == asked[:answered]
    assert {id(each) for each in replies.clear()} == {id(each) for each in asked[answered:]}
