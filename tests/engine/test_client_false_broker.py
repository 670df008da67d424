"""A broker that lies: the client says so or comes back, and nothing else leaves the engine than its own errors."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.engine.client_world import ClientWorld, fragile, resilient

from corewire._states import ClientState
from corewire.client.message import Message
from corewire.errors import ConnectionLost, CorewireError, RemoteProtocolError
from corewire.events import FailedOver, FailureDetected
from corewire.values import AckMode, Queue, QueueConfiguration, Topic
from corewire.wire import packets
from corewire.wire.framing import FrameReader, channel_id
from corewire.wire.registry import decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable

    from corewire._operation import Operation
    from corewire.values import Destination

LIES = (b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xf0", b"\x80\x00\x00\x00")


def between(world: ClientWorld, change: Callable[[bytes], bytes]) -> None:
    """Whatever the broker says goes through ``change``, frame by frame."""
    receive_data = world.engine.receive_data

    def changed(now: float, link: int, data: bytes) -> None:
        receive_data(now, link, b"".join(change(frame) for frame in FrameReader().feed(data)))

    world.engine.receive_data = changed  # type: ignore[method-assign]


def lie(rng: random.Random, frame: bytes) -> bytes:
    """A frame as it must not be, or as nobody asked for it."""
    body = bytearray(frame[4:])
    match rng.randrange(5):
        case 0:
            body[rng.randrange(len(body))] = rng.randrange(256)
        case 1:
            del body[rng.randrange(9, len(body) + 1) :]
        case 2:
            body[0] = rng.randrange(256)
        case 3:
            return frame * 2
        case _:
            at = rng.randrange(len(body))
            body[at : at + 4] = rng.choice(LIES)
    return len(body).to_bytes(4, "big") + bytes(body)


def ask_for_everything(rng: random.Random, world: ClientWorld, session: Any, number: int) -> list[Operation[Any]]:
    engine, now = world.engine, world.now
    message = Message(
        "x" * rng.randrange(99), durable=rng.random() < 0.5, priority=rng.choice([0, 4]), properties={"a": 1}
    )
    destination: Destination = rng.choice((Queue("q"), Topic("t"), Queue("r")))
    return [
        engine.send(now, session, destination, message),
        engine.query_queue(now, session, "q"),
        engine.query_address(now, session, "q"),
        engine.create_consumer(now, session, "q", browse_only=rng.random() < 0.5, create=True),
        engine.create_producer(now, session, Queue("q")),
        engine.create_queue(now, session, QueueConfiguration(name=f"n{number}")),
        engine.create_session(now),
        engine.rollback(now, session),
    ]


@pytest.mark.parametrize("seed", range(30))
def test_whatever_it_says_the_client_lives(seed: int) -> None:
    rng = random.Random(seed)
    world = ClientWorld(resilient(retry_interval_s=0.05, call_timeout_s=2.0), seed=seed)
    session = world.session(ack_mode=rng.choice(list(AckMode)))
    consumer = world.consumer(session)
    honest = False
    between(world, lambda frame: frame if honest or rng.random() < 0.9 else lie(rng, frame))
    for number in range(12):
        calls: list[Operation[Any]] = []
        try:
            calls += ask_for_everything(rng, world, session, number)
            calls.append(world.engine.receive_immediate(world.now, consumer))
        except CorewireError:  # closed, or somebody waits already
            pass
        world.advance(rng.random())
        for call in calls:
            assert call.error is None or isinstance(call.error, CorewireError)
    honest = True
    world.advance(60.0)
    assert world.engine.state is ClientState.UP
    closed = world.engine.close(world.now)
    world.advance(3.0)
    assert closed.done


def test_a_routing_type_that_is_none_is_told_to_whoever_asked() -> None:
    world = ClientWorld()
    session = world.session()

    def change(frame: bytes) -> bytes:
        packet = decode(frame, 136)
        if isinstance(packet, packets.SessionQueueQueryResponseV3):
            packet.routing_type = 7
            return encode(packet, channel_id(frame), 136)
        return frame

    between(world, change)
    with pytest.raises(RemoteProtocolError, match="routing type 7"):
        world.run(world.engine.query_queue(world.now, session, "q"))
    with pytest.raises(RemoteProtocolError, match="routing type 7"):
        world.run(world.engine.create_consumer(world.now, session, "q", create=True))


def test_half_a_confirmation_loses_the_link() -> None:
    world = ClientWorld(resilient(retry_interval_s=0.1))
    session = world.session()
    frame = encode(packets.PacketsConfirmed(0), world.engine._session(session).channel.channel, 136)
    world.wire.to_client += (len(frame) - 6).to_bytes(4, "big") + frame[4:-2]
    world.pump()
    [event] = world.names(FailureDetected)
    assert isinstance(event, FailureDetected)
    assert isinstance(event.error, RemoteProtocolError)


def test_a_session_without_a_window_is_never_continued() -> None:
    world = ClientWorld(fragile(retry_interval_s=0.1, call_timeout_s=1.0))
    session = world.session()

    def change(frame: bytes) -> bytes:
        if isinstance(decode(frame, 136), packets.ReattachSessionResponse):
            return encode(packets.ReattachSessionResponse(3, True), 1, 136)
        return frame

    between(world, change)
    channel = world.engine._session(session).channel.channel
    world.cut()
    world.pump()
    world.wire.to_client += encode(packets.NullResponse(), channel, 136)  # to the SESS_CLOSE of what it says it has
    world.advance(1.0)
    assert len(world.names(FailedOver)) == 1
    world.run(world.engine.send(world.now, session, Queue("q"), Message("x")))


def test_it_is_not_dialled_in_a_hot_loop() -> None:
    world = ClientWorld(resilient(retry_interval_s=0.5))
    session = world.session()
    channel = world.engine._session(session).channel.channel
    for _ in range(20):
        world.pump()
        if world.engine.state is ClientState.UP:
            world.wire.to_client += encode(packets.PacketsConfirmed(1_000), channel, 136)
        world.advance(0.1)
    assert len(world.dials) <= 6


def test_a_topology_without_end_ends_with_the_link() -> None:
    world = ClientWorld(resilient(retry_interval_s=0.5))
    link = world.link
    began = time.process_time()
    for number in range(0, 100_000, 100):
        told = (packets.ClusterTopologyV4(False, f"n{each}", 1, last=False) for each in range(number, number + 100))
        world.engine.receive_data(world.now, link, b"".join(encode(packet, 0, 136) for packet in told))
        if world.engine.state is not ClientState.UP:
            break
    assert len(world.engine.topology.members) <= 1_000
    assert time.process_time() - began < 5.0
    world.advance(2.0)
    assert world.engine.state is ClientState.UP


def test_a_message_with_properties_that_are_none_is_told_to_whoever_reads_it() -> None:
    world = ClientWorld()
    session = world.session()
    consumer = world.consumer(session)
    message = Message("x", durable=False, priority=0, properties={"key": "value"})

    def change(frame: bytes) -> bytes:
        at = frame.find("key".encode("utf-16-le"))
        return frame if at < 0 else frame[: at - 4] + LIES[0] + frame[at:]

    between(world, change)
    world.run(world.engine.send(world.now, session, Queue("q"), message))
    delivery = world.run(world.engine.receive(world.now, consumer))
    with pytest.raises(RemoteProtocolError):
        _ = delivery.properties
    assert not world.names(FailureDetected)


def test_given_up_it_raises_what_callers_expect() -> None:
    world = ClientWorld(resilient(reconnect_attempts=0))
    session = world.session()
    world.wire.to_client += b"\x00\x00\x00\x01\x00"
    asked = world.engine.query_queue(world.now, session, "q")
    world.pump()
    with pytest.raises(ConnectionLost):
        asked.result()
