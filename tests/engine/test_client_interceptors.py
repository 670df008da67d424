"""Interceptors: what they see, change and keep back, and what becomes of it."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from tests.engine.client_world import ClientWorld, resilient
from tests.engine.large_world import NOISE, Stage

from corewire.client._engine import ClientEngine
from corewire.client._interceptors import Interceptors
from corewire.client.message import Message
from corewire.errors import InterceptorRejectedPacket
from corewire.events import InterceptorFailed
from corewire.values import AckMode, Long, MessageType, Queue

if TYPE_CHECKING:
    from collections.abc import Callable

    from corewire.client.config import ClientConfig

KEPT = "KEPT"
Intercept: TypeAlias = "Callable[[Message], Message | None]"


@dataclass
class Censor:
    """Keeps back what says so, and remembers what it saw."""

    out: Intercept = lambda message: message
    into: Intercept = lambda message: message
    saw: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def outgoing(self, message: Message, /) -> Message | None:
        self.saw.append(("out", message.text))
        return self.out(message)

    def incoming(self, message: Message, /) -> Message | None:
        self.saw.append(("in", message.text if message.type is MessageType.TEXT else ""))
        return self.into(message)


def without(word: str) -> Callable[[Message], Message | None]:
    return lambda message: None if message.text == word else message


def world_of(*interceptors: Censor, config: ClientConfig | None = None) -> ClientWorld:
    """Another engine in a world that was not begun."""
    world = ClientWorld(config or resilient(), pump=False)
    world.engine = ClientEngine(world.config, rng=random.Random(7), interceptors=interceptors)
    world.run(world.engine.start(world.now))
    return world


def send(world: ClientWorld, *texts: str, **headers: Any) -> None:
    session = world.session()
    for text in texts:
        world.run(world.engine.send(world.now, session, Queue("q"), Message(text, **headers), wall_ms=1_000))


def left(world: ClientWorld) -> int:
    return world.run(world.engine.query_queue(world.now, world.session(), "q")).message_count


def test_what_goes_out_and_comes_in_is_seen_once_and_in_order() -> None:
    first, second = Censor(), Censor()
    world = world_of(first, second)
    send(world, "a", "b")
    assert world.receive_all(world.consumer(world.session())) == ["a", "b"]
    assert first.saw == second.saw == [("out", "a"), ("out", "b"), ("in", "a"), ("in", "b")]


def test_messages_are_changed_on_both_ways() -> None:
    mark = Censor(
        out=lambda message: message.replace(properties={"trace": Long(7)}, priority=8),
        into=lambda message: message.replace(message.text.upper(), properties={**message.properties, "seen": True}),
    )
    world = world_of(mark)
    send(world, "text", duplicate_id="once", correlation_id="c", ttl=60_000_000_000)
    delivery = world.run(world.engine.receive(world.now, world.consumer(world.session())))
    assert (delivery.text, delivery.priority) == ("TEXT", 8)
    assert delivery.properties == {"trace": 7, "seen": True}
    assert (delivery.duplicate_id, delivery.correlation_id) == ("once", "c")
    assert delivery.destination == Queue("q")
    assert delivery.message_id is not None
    assert delivery.timestamp is not None
    assert delivery.expiration is not None
    world.run(world.engine.acknowledge(world.now, delivery))
    assert left(world) == 0


def test_whoever_waits_for_the_answer_learns_that_a_message_was_kept_back() -> None:
    world = world_of(Censor(out=without(KEPT)))
    with pytest.raises(InterceptorRejectedPacket):
        send(world, KEPT)
    send(world, KEPT, durable=False)
    session = world.session()
    producer = world.run(world.engine.create_producer(world.now, session, Queue("q")))
    kept = world.engine.resend_bytes
    receipt = world.run(world.engine.submit(world.now, producer, Message(KEPT)))
    assert isinstance(receipt.error, InterceptorRejectedPacket)
    assert not world.engine.was_written(receipt)
    stream = world.engine.begin_large(world.now, session, Queue("q"), Message(KEPT, durable=False))
    assert isinstance(stream.error, InterceptorRejectedPacket)
    assert world.engine.counters.messages_dropped == 4
    assert world.engine.resend_bytes == kept, "nothing of it is kept for a re-attachment"
    assert left(world) == 0


@pytest.mark.parametrize("exactly_once", [False, True])
@pytest.mark.parametrize("window", [0, 1_048_576])
@pytest.mark.parametrize("mode", AckMode)
def test_what_does_not_come_in_counts_as_consumed(mode: AckMode, window: int, exactly_once: bool) -> None:
    world = world_of(Censor(into=without(KEPT)), config=resilient(exactly_once=exactly_once))
    send(world, KEPT, "a", KEPT, KEPT, "b", KEPT)
    session = world.session(ack_mode=mode)
    consumer = world.consumer(session, window_bytes=window)
    first = world.run(world.engine.receive(world.now, consumer))
    second = world.run(world.engine.receive(world.now, consumer))
    assert world.run(world.engine.receive_immediate(world.now, consumer)) is None
    world.pump()
    assert (first.text, second.text) == ("a", "b")
    assert left(world) == (0 if mode is AckMode.PRE else 2), "those in hand are not acknowledged with it"
    for delivery in (first, second):
        world.run(world.engine.acknowledge(world.now, delivery))
    world.run(world.engine.close_session(world.now, session))
    assert left(world) == 0
    counters = world.engine.counters
    assert (counters.messages_received, counters.messages_dropped) == (2, 4)


def test_in_a_transaction_it_counts_with_the_commit() -> None:
    world = world_of(Censor(into=without(KEPT)))
    send(world, KEPT, "a", KEPT)
    session = world.session(transacted=True)
    consumer = world.consumer(session)
    for ending in (world.engine.rollback, world.engine.commit):
        assert world.receive_all(consumer) == ["a"]
        assert left(world) == 3
        world.run(ending(world.now, session))
    assert left(world) == 0


def test_browsers_do_not_see_it_and_it_stays() -> None:
    world = world_of(Censor(into=without(KEPT)))
    send(world, KEPT, "a", KEPT, "b")
    browser = world.consumer(world.session(), browse_only=True)
    assert world.receive_all(browser, acknowledge=False) == ["a", "b"]
    assert left(world) == 4


def test_a_message_that_nobody_took_is_seen_once() -> None:
    censor = Censor(into=lambda message: message.replace(message.text + "!"))
    world = world_of(censor)
    consumer = world.consumer(world.session())
    waiting = world.engine.receive(world.now, consumer)
    send(world, "a")
    world.engine.abandon(world.now, waiting)
    assert world.receive_all(consumer) == ["a!"]
    assert [way for way, _ in censor.saw] == ["out", "in"]


def raises(_message: Message) -> Message:
    raise ZeroDivisionError


def returns_text(_message: Message) -> Any:
    return "no message"


@pytest.mark.parametrize("fault", [raises, returns_text])
def test_one_that_fails_is_told_and_the_message_passes(fault: Intercept) -> None:
    world = world_of(Censor(out=fault, into=fault))
    send(world, "a")
    assert world.receive_all(world.consumer(world.session())) == ["a"]
    world.pump()
    failures = [warning for warning in world.engine.warnings if isinstance(warning, InterceptorFailed)]
    assert ["outgoing" in failures[0].interceptor, "incoming" in failures[1].interceptor] == [True, True]
    assert {type(failure.error) for failure in failures} <= {ZeroDivisionError, TypeError}


# -- large messages ------------------------------------------------------------------------------------------------------


def stage_of(into: Intercept) -> Stage:
    stage = Stage(window=1)  # every credit is worth a packet
    context = stage.world.engine._context
    context.interceptors = Interceptors(context, [Censor(into=into)])
    return stage


@pytest.mark.parametrize("size", [900, 3_000, 9_500])
@pytest.mark.parametrize("whole", [False, True])
def test_a_large_one_that_does_not_come_in_gives_all_its_credits_back(size: int, whole: bool) -> None:
    stage = stage_of(lambda message: None if message.type is MessageType.BYTES else message)
    cost = stage.world.begin(stage.consumer, size)
    assert whole or stage.nowait() is None
    for at in range(0, size, 500):
        cost += stage.world.chunk(stage.consumer, NOISE[at : min(at + 500, size)], last=at + 500 >= size)
    assert stage.nowait() is None
    stage.world.perform()
    assert stage.given == cost
    stage.world.small(stage.consumer, "next", 2)
    assert stage.next().text == "next"
    assert stage.world.engine.counters.messages_dropped == 1


def test_of_a_large_one_nothing_can_be_changed() -> None:
    stage = stage_of(lambda _message: Message("another"))
    stage.large(NOISE[:9_500])
    assert stage.body(stage.next()) == NOISE[:9_500]
    warnings = stage.world.engine.warnings
    assert [str(warning.error) for warning in warnings if isinstance(warning, InterceptorFailed)] == [
        "a message whose body is not in memory cannot be replaced"
    ]
