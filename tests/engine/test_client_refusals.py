"""What a broker refuses, as an error that says what, where and why."""

from __future__ import annotations

from typing import Any

import pytest
from tests.engine.client_world import ClientWorld

from corewire.client._refusals import refusal
from corewire.client.message import Message
from corewire.errors import AddressDoesNotExist, BrokerError, CorewireError, QueueDoesNotExist, QueueExists
from corewire.values import Address, QueueConfiguration
from corewire.wire import packets

WHERE = "tcp://one:61616"
CREATE_CONSUMER = packets.SessionCreateConsumer(0, "q", None, browse_only=False, requires_response=True, priority=0)
CREATE_ADDRESS = packets.CreateAddress("a", [0], requires_response=True, auto_created=False)


def told(code: int, text: str | None, asked: Any) -> CorewireError:
    error = refusal(packets.ExceptionResponse(code, text), asked, WHERE)
    assert error is not None
    return error


def test_a_good_answer_is_none() -> None:
    assert refusal(packets.NullResponse(), CREATE_CONSUMER, WHERE) is None


@pytest.mark.parametrize(
    ("code", "text", "asked", "subject", "said"),
    [
        (
            *(100, "AMQ229017: Queue q does not exist", CREATE_CONSUMER, "queue 'q'"),
            "queue 'q' does not exist (QUEUE_DOES_NOT_EXIST 100)",
        ),
        (100, None, packets.DeleteQueue("q"), "queue 'q'", "queue 'q' does not exist (QUEUE_DOES_NOT_EXIST 100)"),
        (107, "AMQ1: a is there", CREATE_ADDRESS, "address 'a'", "address 'a' exists already (ADDRESS_EXISTS 107)"),
        (
            *(103, "AMQ229020: Invalid filter: = (", CREATE_CONSUMER, "queue 'q'"),
            "queue 'q': AMQ229020: Invalid filter: = ( (INVALID_FILTER_EXPRESSION 103)",
        ),
        (100, "AMQ229017: no", packets.SessionCommit(), None, "AMQ229017: no (QUEUE_DOES_NOT_EXIST 100)"),
    ],
)
def test_a_refusal_says_what_it_is_about_and_where(
    code: int, text: str | None, asked: Any, subject: str | None, said: str
) -> None:
    error = told(code, text, asked)
    assert (error.message, error.subject, error.connection) == (text or "", subject, WHERE)
    assert str(error) == f"{said} on {WHERE}"


def test_the_number_of_the_brokers_message_is_kept_behind_the_sentence() -> None:
    error = told(100, "AMQ229017: Queue q does not exist", CREATE_CONSUMER)
    assert isinstance(error, BrokerError)
    assert error.broker_message_id == "AMQ229017"


def test_of_a_packet_that_names_both_the_code_tells_which_is_meant() -> None:
    both = packets.CreateSharedQueue("a", "q", None, durable=True, requires_response=True)
    assert told(101, "there", both).subject == "queue 'q'"
    assert told(106, "not there", both).subject == "address 'a'"


def test_callers_are_told_by_the_broker_and_by_what_was_found_out_here() -> None:
    world = ClientWorld()
    session = world.session()
    with pytest.raises(QueueDoesNotExist, match=r"queue 'missing' does not exist .* on tcp://one:61616"):
        world.consumer(session, "missing", create=False)
    world.run(world.engine.create_queue(world.now, session, QueueConfiguration(name="q")))
    with pytest.raises(QueueExists, match=r"queue 'q' exists already .* on tcp://one:61616"):
        world.run(world.engine.create_queue(world.now, session, QueueConfiguration(name="q")))
    with pytest.raises(AddressDoesNotExist, match=r"address 'nowhere' does not exist .* on tcp://one") as refused:
        world.run(world.engine.send(world.now, session, Address("nowhere"), Message("x")))
    assert (refused.value.subject, refused.value.message) == ("address 'nowhere'", "there is no such address")
