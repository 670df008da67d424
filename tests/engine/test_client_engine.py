"""The engine against a broker core in memory: connect, send, receive, acknowledge, close."""

from __future__ import annotations

from tests.engine.client_world import ClientWorld

from corewire.client.message import Message
from corewire.events import Connected
from corewire.values import Queue


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
