"""The engine against a broker core in memory: connect, send, receive, acknowledge, close."""

from __future__ import annotations

import random

from tests.engine.client_world import ClientWorld

from corewire.client._delivery import Delivery
from corewire.client._engine import ClientEngine
from corewire.client.message import Message
from corewire.events import Connected
from corewire.values import Queue
from corewire.wire.hot import null_response_frame


def test_a_message_goes_out_and_comes_back() -> None:
    world = ClientWorld()
    world.run(world.started)
    assert len(world.names(Connected)) == 1
    session = world.session()
    world.run(world.engine.send(world.now, session, Queue("q"), Message("hello")))
    consumer = world.consumer(session)
    delivery = world.run(world.engine.receive(world.now, consumer))
    assert delivery.text == "hello"
    assert delivery.destination == Queue("q")
    world.run(world.engine.acknowledge(world.now, delivery))
    assert world.run(world.engine.query_queue(world.now, session, "q")).message_count == 0
    world.run(world.engine.close_consumer(world.now, consumer))
    world.run(world.engine.close(world.now))
    assert not any(wire.alive for wire in world.wires.values())


def test_answers_in_one_read_find_their_sends_and_what_is_behind_the_end_of_their_session_is_dropped() -> None:
    world = ClientWorld()
    session, other = world.session(), world.session()
    producer = world.run(world.engine.create_producer(world.now, session, Queue("q")))
    wire = world.wire
    wire.deaf = True
    receipts = [world.run(world.engine.submit(world.now, producer, Message(str(n)))) for n in range(3)]
    closing = world.engine.close_session(world.now, session)
    world.pump()
    channel = int.from_bytes(wire.to_client[5:13], "big")
    wire.to_client += null_response_frame(channel, 2) + null_response_frame(channel, 99)
    wire.deaf = False
    world.run(closing)
    assert [receipt.error for receipt in receipts] == [None] * 3
    assert all(receipt.done for receipt in receipts)
    assert not world.engine.is_open(session)
    assert world.engine.is_open(other)
    assert wire.alive


class Marked(Delivery):
    """What a world adds to."""

    __slots__ = ()


def test_messages_that_come_are_made_what_the_engine_was_told() -> None:
    world = ClientWorld(pump=False)
    world.engine = ClientEngine(world.config, rng=random.Random(3), delivery=Marked)
    world.run(world.engine.start(world.now))
    session = world.session()
    world.run(world.engine.send(world.now, session, Queue("q"), Message("hello")))
    delivery = world.run(world.engine.receive(world.now, world.consumer(session)))
    assert type(delivery) is Marked
    assert delivery.text == "hello"
