"""Everything at once: random commands, abandoned or not, while links are cut at any byte. Answers never shift, every call
ends, and afterwards the client works."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from tests.engine.client_world import ClientWorld, fragile, resilient

from corewire._states import ClientState
from corewire.client.message import Message
from corewire.errors import CorewireError
from corewire.values import AckMode, Queue, QueueConfiguration, RoutingType, Topic

if TYPE_CHECKING:
    from collections.abc import Callable

    from corewire._operation import Operation
    from corewire.client._ids import ConsumerId, SessionId

QUEUES = ("qA", "qB", "qC")


class Chaos:
    """A client that does what it likes."""

    def __init__(self, seed: int, *, windowed: bool, foreign: bool) -> None:
        self.rng = random.Random(seed)
        config = (resilient if windowed else fragile)(retry_interval_s=0.05, call_timeout_s=5.0)
        self.world = world = ClientWorld(config, seed=seed, foreign=foreign)
        self.engine = world.engine
        self.sessions: list[SessionId] = [
            world.session(),
            world.session(ack_mode=AckMode.INDIVIDUAL),
            world.session(transacted=True),
        ]
        for name in QUEUES:
            queue = QueueConfiguration(name=name, routing_type=RoutingType.ANYCAST)
            world.run(self.engine.create_queue(world.now, self.sessions[0], queue))
        self.consumers: list[ConsumerId] = []
        self.questions: list[tuple[str, Operation[Any]]] = []
        self.calls: list[Operation[Any]] = []

    def command(self) -> Operation[Any]:
        engine, now, rng = self.engine, self.world.now, self.rng
        session = rng.choice(self.sessions)
        name = rng.choice(QUEUES)
        commands: list[Callable[[], Operation[Any]]] = [
            lambda: self.ask(session, name),
            lambda: self.ask(session, name),
            lambda: engine.send(now, session, Queue(name), Message("x", durable=rng.random() < 0.7)),
            lambda: engine.send(now, session, Topic(f"t{rng.randrange(5)}"), Message("x")),
            lambda: engine.create_consumer(now, session, name, window_bytes=rng.choice([0, 500, None])),
            lambda: engine.create_producer(now, session, Queue(name)),
            lambda: engine.create_session(now),
            lambda: engine.add_metadata(now, session, "k", "v"),
            lambda: engine.rollback(now, session),
            lambda: engine.commit(now, self.sessions[2]),
            self.receive,
            self.receive,
        ]
        if not self.world.foreign:  # the broker of these tests counts refused commands, as only ours do
            commands += [
                lambda: engine.create_queue(now, session, QueueConfiguration(name=f"n{rng.randrange(9)}")),
                lambda: engine.delete_queue(now, session, f"n{rng.randrange(9)}"),
            ]
        return rng.choice(commands)()

    def ask(self, session: SessionId, name: str) -> Operation[Any]:
        asked = self.engine.query_queue(self.world.now, session, name)
        self.questions.append((name, asked))
        return asked

    def receive(self) -> Operation[Any]:
        if not self.consumers:
            return self.ask(self.sessions[0], "qA")
        consumer = self.rng.choice(self.consumers)
        try:
            if self.rng.random() < 0.5:
                return self.engine.receive_immediate(self.world.now, consumer)
            return self.engine.receive(self.world.now, consumer)
        except CorewireError:  # somebody waits already
            return self.ask(self.sessions[0], "qB")

    def act(self) -> None:
        rng, world = self.rng, self.world
        if rng.random() < 0.1:
            for wire in world.wires.values():
                if wire.alive:
                    wire.client_reads, wire.broker_reads = rng.choice(
                        [(rng.randrange(600), None), (None, rng.randrange(600))]
                    )
        call = self.command()
        for _ in range(rng.randrange(12)):
            world.step()
        if call.done:
            self.took(call)
        elif rng.random() < 0.5:
            self.engine.abandon(world.now, call)
        else:
            self.calls.append(call)
        if rng.random() < 0.2:
            world.advance(rng.random())

    def took(self, call: Operation[Any]) -> None:
        if call.error is None and hasattr(call.result(), "delivery_count"):
            self.engine.acknowledge(self.world.now, call.result())
        elif call.error is None and isinstance(call.result(), int) and call.result() in self.engine._context.consumers:
            self.consumers.append(call.result())

    def settle(self) -> None:
        """Let everything come to its end in calm."""
        for wire in self.world.wires.values():
            wire.client_reads = wire.broker_reads = None
        self.world.advance(20.0)


@pytest.mark.parametrize("kind", ["re-attached", "recreated", "another broker"])
@pytest.mark.parametrize("seed", range(25))
def test_whatever_happens_answers_never_shift_and_every_call_ends(seed: int, kind: str) -> None:
    chaos = Chaos(seed, windowed=kind != "recreated", foreign=kind == "another broker")
    for _ in range(150):
        chaos.act()
    chaos.settle()
    world, engine = chaos.world, chaos.engine
    assert engine.state is ClientState.UP
    for name, asked in chaos.questions:
        if asked.done and asked.error is None:
            assert asked.result().configuration.name == name
    for call in chaos.calls:
        if not call.done:
            assert any(each.receiving for each in engine._context.consumers.values())
    for session in chaos.sessions:
        assert world.run(engine.query_queue(world.now, session, "qC")).configuration.name == "qC"
        world.run(engine.rollback(world.now, session))
        world.run(engine.send(world.now, session, Queue("proof"), Message("proof")))
    world.run(engine.commit(world.now, chaos.sessions[2]))
    assert world.run(engine.query_queue(world.now, chaos.sessions[0], "proof")).message_count == 3
    world.run(engine.close(world.now))
    world.advance(1.0)
    assert not any(wire.alive for wire in world.wires.values())
