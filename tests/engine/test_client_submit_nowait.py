"""Submitting what waits for nothing: as `submit`, or not at all."""

from __future__ import annotations

import gc
import random

import pytest
from tests.engine.client_world import ClientWorld, resilient
from tests.engine.test_client_outlets import grant

from corewire.client._engine import ClientEngine
from corewire.client._producer import Submission
from corewire.client.message import Message
from corewire.errors import CorewireError, LocalProtocolError, ObjectClosed
from corewire.values import Queue


class Silent:
    """An interceptor that counts what it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def outgoing(self, message: Message, /) -> Message:
        self.asked += 1
        return message

    def incoming(self, message: Message, /) -> Message:
        return message


def test_what_has_room_is_written_and_done_when_the_broker_has_it() -> None:
    world = ClientWorld()
    session = world.session()
    producer = world.run(world.engine.create_producer(world.now, session, Queue("q")))
    receipts = [world.engine.submit_nowait(world.now, producer, Message(each)) for each in "abc"]
    assert all(each is not None and not each.done and world.engine.was_written(each) for each in receipts)
    world.pump()
    assert all(each is not None and each.done and each.error is None for each in receipts)
    assert world.receive_all(world.consumer(session)) == ["a", "b", "c"]
    assert world.engine.counters.messages_sent == 3


def test_what_was_answered_is_let_go_without_the_collector() -> None:
    world = ClientWorld()
    producer = world.run(world.engine.create_producer(world.now, world.session(), Queue("q")))
    receipt = world.engine.submit_nowait(world.now, producer, Message("a"))
    assert isinstance(receipt, Submission)
    world.pump()
    assert receipt.done
    assert receipt not in gc.get_referents(receipt.command)


def test_without_room_nothing_is_done_and_nothing_passes_what_waits() -> None:
    world = ClientWorld()
    session = world.session()
    producer = world.run(world.engine.create_producer(world.now, session, Queue("q")))
    account = world.engine._session(session).outlets.outlet(Queue("q")).credits
    account._balance, account._arriving = 0, 1 << 30
    kept, written = world.engine.resend_bytes, len(world.sent)
    assert world.engine.submit_nowait(world.now, producer, Message("first")) is None
    world.pump()
    assert (world.engine.resend_bytes, len(world.sent)) == (kept, written)
    waiting = world.engine.submit(world.now, producer, Message("first"))
    account._balance = 10_000  # as if somebody else had given it back: the one that waits goes first
    assert world.engine.submit_nowait(world.now, producer, Message("second")) is None
    grant(world, session, 10_000, "q")
    assert world.run(world.run(waiting)) is None
    assert world.receive_all(world.consumer(session)) == ["first"]


def test_in_an_outage_it_is_for_submit() -> None:
    world = ClientWorld()
    session = world.session()
    producer = world.run(world.engine.create_producer(world.now, session, Queue("q")))
    world.refusing.add("one")
    world.cut()
    assert world.engine.submit_nowait(world.now, producer, Message("x")) is None


def test_what_there_is_more_to_do_for_is_for_submit() -> None:
    world = ClientWorld(resilient(producer_window_bytes=None))
    producer = world.run(world.engine.create_producer(world.now, world.session(), Queue("q")))
    assert world.engine.submit_nowait(world.now, producer, Message("x" * 200_000)) is None  # in pieces
    again = ClientWorld(resilient(exactly_once=True))
    producer = again.run(again.engine.create_producer(again.now, again.session(), Queue("q")))
    assert again.engine.submit_nowait(again.now, producer, Message("x")) is None  # to be found again
    asked, seen = ClientWorld(pump=False), Silent()
    asked.engine = ClientEngine(asked.config, rng=random.Random(3), interceptors=(seen,))
    asked.run(asked.engine.start(asked.now))
    producer = asked.run(asked.engine.create_producer(asked.now, asked.session(), Queue("q")))
    assert asked.engine.submit_nowait(asked.now, producer, Message("x")) is None  # interceptors are asked once
    assert not seen.asked


def test_more_than_a_frame_holds_is_for_submit_to_refuse() -> None:
    world = ClientWorld(resilient(producer_window_bytes=None, large_message_bytes_min=20_000_000))
    producer = world.run(world.engine.create_producer(world.now, world.session(), Queue("q")))
    message = Message(bytes(17_000_000))
    assert world.engine.submit_nowait(world.now, producer, message) is None
    with pytest.raises(LocalProtocolError):
        world.engine.submit(world.now, producer, message)


def test_it_belongs_to_the_transaction() -> None:
    world = ClientWorld()
    session = world.session(transacted=True)
    producer = world.run(world.engine.create_producer(world.now, session, Queue("q")))
    assert world.engine.submit_nowait(world.now, producer, Message("x")) is not None
    world.cut()
    world.restart()
    world.advance(5.0)
    assert world.engine.rollback_only(session)


@pytest.mark.parametrize("closed", ["producer", "session"])
def test_nothing_is_submitted_to_what_is_closed(closed: str) -> None:
    world = ClientWorld()
    session = world.session()
    producer = world.run(world.engine.create_producer(world.now, session, Queue("q")))
    closing = (
        world.engine.close_producer(world.now, producer)
        if closed == "producer"
        else world.engine.close_session(world.now, session)
    )
    with pytest.raises(CorewireError) as raised:
        world.engine.submit_nowait(world.now, producer, Message("x"))
    assert isinstance(raised.value, ObjectClosed)
    world.run(closing)
