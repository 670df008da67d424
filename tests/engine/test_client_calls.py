"""Whose answer is it, and when has a question waited too long; and the table of the client's life."""

from __future__ import annotations

from itertools import product

import pytest

from corewire._states import LIFE, ClientState, LifeMove, advance
from corewire.client._calls import GRACE_S, Answers, Call, Command
from corewire.errors import LocalProtocolError
from corewire.wire import packets

NULL = packets.NullResponse.TYPE


def command(deadline: float | None = 10.0) -> Command:
    return Command(packets.SessionStop(), packets.NullResponse, deadline=deadline)


def test_answers_without_a_name_belong_to_the_oldest_question() -> None:
    answers = Answers()
    first, second = command(), command()
    answers.expect(first)
    answers.expect(second)
    assert answers.match(NULL, -1) is first
    assert answers.match(NULL, None) is second
    assert answers.match(NULL, -1) is None


def test_a_named_answer_finds_its_question_anywhere() -> None:
    answers = Answers()
    unnamed, named = command(), command()
    answers.expect(unnamed)
    named.correlation = 7
    answers.expect(named)
    assert answers.match(NULL, 7) is named
    assert list(answers) == [unnamed]


def test_questions_that_waited_too_long_keep_their_place() -> None:
    answers = Answers()
    late, next_one = command(10.0), command(11.0)
    answers.expect(late)
    answers.expect(next_one)
    assert answers.deadline() == 10.0
    assert answers.expire(9.9) == []
    assert answers.expire(10.0) == [late]
    assert answers.deadline() == 11.0
    assert answers.match(NULL, -1) is late


def test_deadlines_that_were_brought_forward_are_heeded_in_their_order() -> None:
    answers = Answers()
    first, second, third = command(10.0), command(11.0), command(12.0)
    for each in (first, second, third):
        answers.expect(each)
    third.deadline, first.deadline = 5.0, None
    answers.sort()
    assert answers.deadline() == 5.0
    assert answers.expire(5.0) == [third]
    assert answers.deadline() == 11.0


def test_what_was_answered_has_no_deadline() -> None:
    answers = Answers()
    answers.expect(command())
    answers.match(NULL, -1)
    assert answers.deadline() is None


def test_who_is_patient_has_none_either() -> None:
    answers = Answers()
    answers.expect(command(None))
    assert answers.deadline() is None
    assert len(answers) == 1


def test_after_standing_still_there_is_a_moment_of_grace() -> None:
    answers = Answers()
    late = command(10.0)
    answers.expect(late)
    assert answers.expire(60.0) == []
    assert answers.deadline() == 60.0 + GRACE_S
    assert answers.expire(60.0 + GRACE_S) == [late]


def test_all_is_given_back_in_the_order_of_writing() -> None:
    answers = Answers()
    commands = [command() for _ in range(4)]
    for number, each in enumerate(commands):
        each.correlation = number if number % 2 else -1
        answers.expect(each)
    assert answers.take_all() == commands
    assert len(answers) == 0
    assert answers.deadline() is None


def test_a_call_is_taken_by_nobody_until_somebody_walks_away() -> None:
    call: Call[int] = Call()
    assert not call.abandoned
    call.succeed(3)
    assert call.result() == 3


@pytest.mark.parametrize(("state", "move"), list(product(ClientState, LifeMove)))
def test_every_move_of_a_client_is_in_the_table_or_refused(state: ClientState, move: LifeMove) -> None:
    if (state, move) in LIFE:
        assert advance(LIFE, state, move) is LIFE[state, move]
    else:
        with pytest.raises(LocalProtocolError):
            advance(LIFE, state, move)


def test_the_last_states_are_last() -> None:
    assert not [state for state, _ in LIFE if state in (ClientState.FAILED, ClientState.CLOSED)]
