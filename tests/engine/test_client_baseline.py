"""Whatever a broker says or where it closes, afterwards the client holds what it held before: objects, calls, timers, bytes."""

from __future__ import annotations

import gc
import tracemalloc
import weakref
from typing import TYPE_CHECKING

import pytest
from tests.engine.client_world import ClientWorld, fragile, resilient
from tests.engine.large_world import Stage
from tests.engine.recordings import CAPTURES, Written, read
from tests.fuzz.client_play import Play, assert_empty
from tests.fuzz.seeds import seeds

from corewire._connection import Role
from corewire._states import ClientState
from corewire.client.message import Message
from corewire.values import Queue
from corewire.wire import packets
from corewire.wire.framing import MAGIC, channel_id
from corewire.wire.registry import encode

if TYPE_CHECKING:
    from pathlib import Path

GROWTH_BYTES_MAX = 60_000
ROUNDS = 40


def work(world: ClientWorld) -> None:
    """A session that sends and receives, opened and closed; then nothing may be left."""
    engine = world.engine
    session = world.session()
    consumer = world.consumer(session)
    world.run(engine.send(world.now, session, Queue("q"), Message("x")))
    for delivery in (world.run(engine.receive(world.now, consumer)),):
        world.run(engine.acknowledge(world.now, delivery))
    world.run(engine.close_session(world.now, session))
    world.forget()
    assert_empty(engine)


@pytest.mark.parametrize("kind", [resilient, fragile], ids=["re-attached", "recreated"])
@pytest.mark.parametrize("exactly_once", [False, True], ids=["plain", "exactly-once"])
def test_closed_at_any_byte_of_what_it_says(kind: type, exactly_once: bool) -> None:
    world = ClientWorld(kind(retry_interval_s=0.05, call_timeout_s=2.0, exactly_once=exactly_once))
    for at in (*range(1, 130, 3), *range(130, 900, 31)):
        engine = world.engine
        world.wire.client_reads = at
        session = engine.create_session(world.now)
        world.pump()
        if session.done and session.error is None:
            for call in (
                engine.create_consumer(world.now, session.result(), "q", create=True),
                engine.send(world.now, session.result(), Queue("q"), Message("x")),
            ):
                world.pump()
                engine.abandon(world.now, call)
        else:
            engine.abandon(world.now, session)
        world.advance(5.0)
        for left in list(engine._context.sessions):
            engine.close_session(world.now, left)
        world.wire.client_reads = None
        world.advance(5.0)
        assert engine.state is ClientState.UP
        assert_empty(engine)
    assert len(world.wires) > ROUNDS


def test_lies_for_ever_do_not_grow_it() -> None:
    world = ClientWorld(resilient(retry_interval_s=0.05, call_timeout_s=2.0))

    def lie() -> None:
        session = world.session()
        channel = world.engine._session(session).channel.channel
        for packet in (
            packets.NullResponse(77),
            packets.ExceptionResponse(0, "nobody asked", 99),
            packets.SessionProducerCredits(2**31 - 1, "nowhere"),
            packets.SessionReceiveContinuation(bytes(1_000), True, 55),
            packets.SessionReceiveLargeMessage(56, 1, 2**40, b""),
            packets.DisconnectConsumer(57),
            packets.PacketsConfirmed(2**31 - 1),
        ):
            if world.engine.state is ClientState.UP:
                world.wire.to_client += encode(packet, channel, 136)
            world.advance(0.2)
        world.advance(2.0)
        for left in list(world.engine._context.sessions):
            world.engine.close_session(world.now, left)
        world.advance(2.0)
        work(world)

    assert _growth(lie) < GROWTH_BYTES_MAX


def test_large_messages_that_never_end_do_not_grow_it() -> None:
    stage = Stage(window=None)

    def lie() -> None:
        for number in range(5):
            stage.world.begin(stage.consumer, 2**40, number + 1)
            stage.world.chunk(stage.consumer, bytes(10_000))
            stage.nowait()
        stage.world.forget()

    assert _growth(lie) < GROWTH_BYTES_MAX


def _growth(lie: object) -> int:
    """Bytes that are held more after many rounds than after as many before. All are traced: memory that was taken before tracing
    counts when it is given back and taken anew, though nothing grows."""
    assert callable(lie)
    tracemalloc.start()
    try:
        for _ in range(ROUNDS):
            lie()
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(ROUNDS):
            lie()
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()


def test_a_client_that_was_lied_to_goes_as_a_whole() -> None:
    played: list[weakref.ref[object]] = []
    for seed in seeds()[:5]:
        play = Play(seed)
        play.run()
        played.append(weakref.ref(play.engine))
        del play
    gc.collect()
    assert [engine() for engine in played] == [None] * len(played)


@pytest.mark.parametrize("path", CAPTURES[::4], ids=lambda path: path.stem)
def test_what_other_brokers_said_to_others_says_nothing_to_it(path: Path) -> None:
    """All frames of a recording, on the channels that are in use here, changed in one byte each."""
    world = ClientWorld(resilient(retry_interval_s=0.05, call_timeout_s=2.0))
    told = [item.frame for item in read(path) if isinstance(item, Written) and item.by is Role.SERVER]
    for number, frame in enumerate(told[:150]):
        if frame == MAGIC or world.engine.state is not ClientState.UP:
            world.advance(0.1)
            continue
        if number % 10 == 0 or not world.engine._context.by_channel:
            world.engine.create_session(world.now)
            world.pump()
        changed = bytearray(frame)
        if channel_id(frame) > 1 and world.engine._context.by_channel:
            changed[5:13] = next(iter(world.engine._context.by_channel)).to_bytes(8, "big")
        if number % 2:
            changed[13 + number % max(1, len(frame) - 13) if len(frame) > 13 else 4] ^= 1 << number % 8
        if any(wire.alive for wire in world.wires.values()):
            world.wire.to_client += bytes(changed)
        world.advance(0.05)
    world.advance(30.0)
    if world.engine.state is not ClientState.UP:
        assert world.engine._lifeline._killed, "given up, and nobody threw it out"
    for left in list(world.engine._context.sessions):
        world.engine.close_session(world.now, left)
    world.advance(5.0)
    assert_empty(world.engine)
    closed = world.engine.close(world.now)
    world.advance(3.0)
    assert closed.done
    assert world.engine.next_timeout() is None
