"""Every command, abandoned after every frame of its exchange: later answers belong to their questions, and what is left
behind is what was promised. The link lives, is cut and re-attached, or is cut and the session made anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from tests.engine.client_world import ClientWorld, fragile, resilient

from corewire.client.message import Message
from corewire.errors import TransactionError
from corewire.values import AckMode, Queue, QueueConfiguration, RoutingType, Topic

if TYPE_CHECKING:
    from corewire._operation import Operation
    from corewire.client._ids import SessionId

Start = Callable[["Scene"], "Operation[Any]"]


class Scene:
    """A world with what commands need: sessions, a queue with messages, a consumer, a producer."""

    def __init__(self, ack_mode: AckMode, *, transacted: bool, windowed: bool) -> None:
        self.world = world = ClientWorld((resilient if windowed else fragile)(retry_interval_s=0.1))
        self.engine = world.engine
        self.session: SessionId = world.session(ack_mode=ack_mode, transacted=transacted)
        self.other: SessionId = world.session()
        for name in ("kept", "filled", "empty"):
            queue = QueueConfiguration(name=name, routing_type=RoutingType.ANYCAST)
            world.run(self.engine.create_queue(world.now, self.other, queue))
        for number in range(3):
            world.run(self.engine.send(world.now, self.other, Queue("filled"), Message(f"filled {number}")))
        self.filled = world.consumer(self.session, "filled", create=False)
        self.empty = world.consumer(self.session, "empty", create=False)
        self.producer = world.run(self.engine.create_producer(world.now, self.session, Queue("kept")))
        world.pump()
        self.delivery = world.run(self.engine.receive(world.now, self.filled))
        self.broker = world.brokers["one"]
        self.before = self.count()

    @property
    def now(self) -> float:
        return self.world.now

    def count(self) -> tuple[int, int]:
        """Sessions and consumers at the broker."""
        sessions = list(self.broker.state.sessions.values())
        return len(sessions), sum(len(session.consumers) for session in sessions)

    def stored(self, queue: str) -> int:
        return self.world.run(self.engine.query_queue(self.now, self.other, queue)).message_count


@dataclass(frozen=True)
class Case:
    name: str
    start: Start
    check: Callable[[Scene], None] = lambda scene: None
    ack_mode: AckMode = AckMode.AUTO
    transacted: bool = False


def no_surplus(scene: Scene) -> None:
    """What was opened is closed again: nothing leaks."""
    assert scene.count() == scene.before


def stored_at_most_once(scene: Scene) -> None:
    assert scene.stored("kept") - 1 in (0, 1)  # one is the proof's own


def nothing_was_received(scene: Scene) -> None:
    """No message is lost: it is first in line for the next call."""
    world, engine = scene.world, scene.engine
    world.run(engine.send(world.now, scene.other, Queue("empty"), Message("first in line")))
    delivery = world.run(engine.receive(world.now, scene.empty))
    assert (delivery.text, delivery.delivery_count) == ("first in line", 1)


CASES = [
    Case("create_session", lambda s: s.engine.create_session(s.now), no_surplus),
    Case("stop_session", lambda s: s.engine.stop_session(s.now, s.other)),
    Case("add_metadata", lambda s: s.engine.add_metadata(s.now, s.session, "key", "value")),
    Case("unique metadata", lambda s: s.engine.add_metadata(s.now, s.session, "key", "value", unique=True)),
    Case("create_producer", lambda s: s.engine.create_producer(s.now, s.session, Topic("news"))),
    Case("send", lambda s: s.engine.send(s.now, s.session, Queue("kept"), Message("x")), stored_at_most_once),
    Case(
        "send, not durable",
        lambda s: s.engine.send(s.now, s.session, Queue("kept"), Message("x", durable=False)),
        stored_at_most_once,
    ),
    Case("submit", lambda s: s.engine.submit(s.now, s.producer, Message("x")), stored_at_most_once),
    Case("create_consumer", lambda s: s.engine.create_consumer(s.now, s.session, "kept"), no_surplus),
    Case("create_consumer, missing", lambda s: s.engine.create_consumer(s.now, s.session, "missing"), no_surplus),
    Case(
        "create_consumer, made",
        lambda s: s.engine.create_consumer(s.now, s.session, "made", create=True),
        no_surplus,
    ),
    Case("browser", lambda s: s.engine.create_consumer(s.now, s.session, "filled", browse_only=True), no_surplus),
    Case("close_consumer", lambda s: s.engine.close_consumer(s.now, s.filled)),
    Case(
        "close_consumer, giving back",
        lambda s: s.engine.close_consumer(s.now, s.filled, consider_last_delivered=True),
    ),
    Case("receive", lambda s: s.engine.receive(s.now, s.empty), nothing_was_received),
    Case("receive_immediate", lambda s: s.engine.receive_immediate(s.now, s.empty), nothing_was_received),
    Case("acknowledge", lambda s: s.engine.acknowledge(s.now, s.delivery)),
    Case("acknowledge, CLIENT", lambda s: s.engine.acknowledge(s.now, s.delivery), ack_mode=AckMode.CLIENT),
    Case("acknowledge, INDIVIDUAL", lambda s: s.engine.acknowledge(s.now, s.delivery), ack_mode=AckMode.INDIVIDUAL),
    Case("recover", lambda s: s.engine.rollback(s.now, s.session, consider_last_delivered=True)),
    Case("commit", lambda s: s.engine.commit(s.now, s.session), transacted=True),
    Case("rollback", lambda s: s.engine.rollback(s.now, s.session), transacted=True),
    Case(
        "send in transaction", lambda s: s.engine.send(s.now, s.session, Queue("kept"), Message("x")), transacted=True
    ),
    Case(
        "create_queue",
        lambda s: s.engine.create_queue(s.now, s.session, QueueConfiguration(name="new")),
    ),
    Case(
        "create_queue, refused",
        lambda s: s.engine.create_queue(s.now, s.session, QueueConfiguration(name="kept")),
    ),
    Case("delete_queue", lambda s: s.engine.delete_queue(s.now, s.session, "missing")),
    Case("create_address", lambda s: s.engine.create_address(s.now, s.session, "a", [RoutingType.MULTICAST])),
    Case("query_queue", lambda s: s.engine.query_queue(s.now, s.session, "filled")),
    Case("query_address", lambda s: s.engine.query_address(s.now, s.session, "filled")),
]


def prove(scene: Scene, case: Case) -> None:
    """The session still asks, sends and receives, and each answer is that of its question."""
    world, engine, session = scene.world, scene.engine, scene.session
    question = engine.query_queue(world.now, session, "kept")
    info = world.run(question)
    assert info.exists
    assert info.configuration.name == "kept"
    world.run(engine.send(world.now, session, Queue("kept"), Message("proof")))
    if case.transacted:
        world.run(engine.commit(world.now, session))
    assert world.run(engine.query_address(world.now, session, "filled")).queue_names == ("filled",)
    case.check(scene)
    consumer = world.consumer(session, "kept", create=False)
    assert "proof" in world.receive_all(consumer)


def abandoned(case: Case, *, windowed: bool) -> Iterator[Scene]:
    """A fresh scene for each point of the exchange, before the first frame and after each, until the answer is there."""
    for frames in count():
        scene = Scene(case.ack_mode, transacted=case.transacted, windowed=windowed)
        operation = case.start(scene)
        moved = [scene.world.step() for _ in range(frames)]
        if operation.done or not all(moved):
            break
        scene.engine.abandon(scene.now, operation)
        yield scene


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_abandoned_command_leaves_the_session_in_step(case: Case) -> None:
    for scene in abandoned(case, windowed=True):
        prove(scene, case)


@pytest.mark.parametrize("windowed", [True, False], ids=["reattached", "recreated"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_abandoned_command_and_a_lost_link_leave_the_session_in_step(case: Case, windowed: bool) -> None:
    for scene in abandoned(case, windowed=windowed):
        scene.world.cut()
        scene.world.advance(1.0)
        if case.transacted and not windowed:  # the lost transaction is reported once
            settle = scene.engine.commit(scene.now, scene.session)
            scene.world.pump()
            assert settle.done
            assert settle.error is None or isinstance(settle.error, TransactionError)
        prove(scene, case)
