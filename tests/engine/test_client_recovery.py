"""Histories with links cut at any byte: what was promised of re-attached, recreated and mistrusted sessions holds."""

from __future__ import annotations

import random
import tracemalloc
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from tests.engine.client_world import ClientWorld, fragile, resilient

from corewire.client.message import Message
from corewire.errors import (
    BrokerError,
    ErrorCode,
    ObjectClosed,
    TransactionOutcomeUnknown,
    TransactionRolledBack,
    Unblocked,
)
from corewire.events import FailedOver, Reattached
from corewire.values import AckMode, Queue, QueueConfiguration, RoutingType

if TYPE_CHECKING:
    from corewire._operation import Operation
    from corewire.client.config import ClientConfig


@dataclass
class History:
    """One producer that submits, one that commits, one consumer, and a network that cuts."""

    config: ClientConfig
    seed: int
    foreign: bool = False
    rounds: int = 30
    received: list[Any] = field(default_factory=list)
    sends: list[tuple[str, Operation[Any]]] = field(default_factory=list)
    commits: list[tuple[str, Operation[Any]]] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)

    def run(self) -> ClientWorld:
        rng = random.Random(self.seed)
        self.world = world = self.make_world()
        engine = world.engine
        sender, receiver, teller = world.session(), world.session(), world.session(transacted=True)
        world.run(
            engine.create_queue(world.now, sender, QueueConfiguration(name="q", routing_type=RoutingType.ANYCAST))
        )
        producer = world.run(engine.create_producer(world.now, sender, Queue("q")))
        consumer = world.consumer(receiver, create=False)
        for number in range(self.rounds):
            if rng.random() < 0.5:
                self.arm(rng)
            self.sends.append((f"s{number}", engine.submit(world.now, producer, Message(f"s{number}"))))
            if number % 3 == 0:
                self.settle(engine.send(world.now, teller, Queue("q"), Message(f"t{number}")))
                self.commits.append((f"t{number}", engine.commit(world.now, teller)))
                self.settle(self.commits[-1][1])
            asked = engine.receive_immediate(world.now, consumer)
            self.settle(asked)
            self.take(asked)
        for wire in world.wires.values():
            wire.client_reads = wire.broker_reads = None
        world.advance(1.0)
        while self.settle(asked := engine.receive_immediate(world.now, consumer)).result() is not None:
            self.take(asked)
        return world

    def make_world(self) -> ClientWorld:
        return ClientWorld(self.config, foreign=self.foreign, seed=self.seed)

    def arm(self, rng: random.Random) -> None:
        """The next cut comes after so many bytes in one direction."""
        for wire in self.world.wires.values():
            if wire.alive and wire.client_reads is None and wire.broker_reads is None:
                if rng.random() < 0.5:
                    wire.client_reads = rng.randrange(1, 400)
                else:
                    wire.broker_reads = rng.randrange(1, 400)

    def settle(self, operation: Operation[Any]) -> Operation[Any]:
        for _ in range(300):
            self.world.advance(0.1)
            if operation.done:
                return operation
        raise AssertionError("a call never ended")

    def take(self, asked: Operation[Any]) -> None:
        if asked.error is not None:
            self.failures.append(asked.error)
        elif (delivery := asked.result()) is not None:
            self.received.append(delivery.body)
            self.world.engine.acknowledge(self.world.now, delivery)

    def error_of(self, outer: Operation[Any]) -> Exception | None:
        return outer.error or outer.result().error


SEEDS = pytest.mark.parametrize("seed", range(15))


@SEEDS
def test_re_attached_nothing_is_lost_doubled_or_out_of_order_and_no_call_fails(seed: int) -> None:
    history = History(resilient(retry_interval_s=0.1), seed)
    world = history.run()
    assert [body for body in history.received if body[0] == "s"] == [name for name, _ in history.sends]
    assert [body for body in history.received if body[0] == "t"] == [name for name, _ in history.commits]
    assert not [each for _, each in history.sends if history.error_of(each) is not None]
    assert not [each for _, each in history.commits if each.error is not None]
    assert not history.failures
    assert not world.names(FailedOver)
    assert world.names(Reattached)


def judge(history: History) -> None:
    """Nothing is lost that was confirmed, nothing is there that was refused."""
    counts = Counter(history.received)
    for name, each in history.sends:
        error = history.error_of(each)
        assert error is None or isinstance(error, Unblocked)
        assert counts[name] >= 1 or error is not None
    for name, each in history.commits:
        match each.error:
            case None:
                assert counts[name] >= 1
            case TransactionRolledBack():
                assert counts[name] == 0
            case error:
                assert isinstance(error, TransactionOutcomeUnknown)
    assert not history.failures


@SEEDS
def test_recreated_what_was_confirmed_is_there(seed: int) -> None:
    history = History(fragile(retry_interval_s=0.1), seed)
    assert history.run().names(FailedOver)
    judge(history)


@SEEDS
def test_towards_another_broker_what_was_confirmed_is_there(seed: int) -> None:
    history = History(resilient(retry_interval_s=0.1), seed, foreign=True)
    assert history.run().engine.counters.reconnects
    judge(history)


# -- brokers that are not ours --------------------------------------------------------------------------------------------


def cut_before_the_answer(world: ClientWorld) -> None:
    """The broker does not see what was written, so it is written again."""
    while world.perform():
        pass
    world.cut()
    world.advance(1.0)


def test_a_session_that_wrote_again_is_not_trusted_with_a_second_reattachment() -> None:
    world = ClientWorld(resilient(retry_interval_s=0.1), foreign=True)
    session = world.session()
    world.run(world.engine.send(world.now, session, Queue("q"), Message("known")))
    sent = world.engine.send(world.now, session, Queue("q"), Message("again"))
    cut_before_the_answer(world)
    sent.result()
    assert world.engine.counters.reattached_sessions == 1
    world.cut()
    world.advance(1.0)
    assert world.engine.counters.recreated_sessions == 1
    assert len(world.brokers["one"].state.sessions) == 1, "the old one was closed"
    world.cut()
    world.advance(1.0)
    assert world.engine.counters.reattached_sessions == 2, "the new one is trusted again"


def test_session_that_this_broker_cannot_make_ends_and_the_others_go_on() -> None:
    """An XA session whose next broker has no XA: the client tried again and again, and no session could be used any more."""
    world = ClientWorld(fragile(retry_interval_s=0.1))
    session, other = world.session(), world.session()
    world.engine._context.sessions[other].xa = True  # as one is that another broker has made
    asked = world.engine.query_queue(world.now, other, "q")
    world.cut()
    world.advance(1.0)
    with pytest.raises(BrokerError, match="XA") as refused:
        asked.result()
    assert refused.value.code is ErrorCode.NOT_IMPLEMENTED_EXCEPTION
    with pytest.raises(ObjectClosed):
        world.engine.query_queue(world.now, other, "q")
    assert world.run(world.engine.query_queue(world.now, session, "q")) is not None
    assert world.engine.counters.recreated_sessions == 1


def test_an_open_transaction_with_sends_to_write_again_cannot_be_committed() -> None:
    world = ClientWorld(resilient(retry_interval_s=0.1), foreign=True)
    session = world.session(transacted=True)
    world.run(world.engine.send(world.now, session, Queue("q"), Message("known")))
    world.run(world.engine.send(world.now, session, Queue("q"), Message("again")))
    sent = world.engine.send(world.now, session, Queue("q"), Message("again"))
    cut_before_the_answer(world)
    sent.result()
    with pytest.raises(TransactionRolledBack):
        world.run(world.engine.commit(world.now, session))
    assert world.run(world.engine.query_queue(world.now, session, "q")).message_count == 0


def test_a_rollback_behind_unanswered_sends_undoes_what_is_written_again_with_it() -> None:
    world = ClientWorld(resilient(retry_interval_s=0.1), foreign=True)
    session = world.session(transacted=True)
    world.run(world.engine.stop_session(world.now, session))
    world.run(world.engine.send(world.now, session, Queue("q"), Message("known")))
    world.pump()
    world.engine.send(world.now, session, Queue("q"), Message("again"))
    rollback = world.engine.rollback(world.now, session)
    cut_before_the_answer(world)
    rollback.result()
    assert world.engine.counters.reattached_sessions == 1
    world.run(world.engine.send(world.now, session, Queue("q"), Message("new")))
    world.run(world.engine.commit(world.now, session))
    assert world.run(world.engine.query_queue(world.now, session, "q")).message_count == 1


def test_a_commit_behind_unanswered_sends_is_not_repeated() -> None:
    world = ClientWorld(resilient(retry_interval_s=0.1), foreign=True)
    session = world.session(transacted=True)
    world.run(world.engine.send(world.now, session, Queue("q"), Message("known")))
    world.pump()
    world.engine.send(world.now, session, Queue("q"), Message("again"))
    commit = world.engine.commit(world.now, session)
    cut_before_the_answer(world)
    with pytest.raises(TransactionOutcomeUnknown):
        commit.result()
    assert world.engine.counters.recreated_sessions == 1


def test_a_commit_that_waits_for_a_link_does_not_take_what_is_written_again() -> None:
    world = ClientWorld(resilient(retry_interval_s=0.1), foreign=True)
    session = world.session(transacted=True)
    world.run(world.engine.send(world.now, session, Queue("q"), Message("known")))
    world.pump()
    world.engine.send(world.now, session, Queue("q"), Message("again"))
    while world.perform():
        pass
    world.cut()
    commit = world.engine.commit(world.now, session)
    world.advance(1.0)
    with pytest.raises(TransactionRolledBack):
        commit.result()
    world.run(world.engine.send(world.now, session, Queue("q"), Message("new")))
    world.run(world.engine.commit(world.now, session))
    assert world.run(world.engine.query_queue(world.now, session, "q")).message_count == 1


# -- bursts -----------------------------------------------------------------------------------------------------------------


def burst(cut_after: int | None) -> tuple[ClientWorld, list[str]]:
    """Four sends of different sizes, and the link cut after so many bytes of them."""
    world = ClientWorld(resilient(retry_interval_s=0.1))
    session = world.session()
    producer = world.run(world.engine.create_producer(world.now, session, Queue("q")))
    bodies = ["a", "b" * 30, "", "d" * 7]
    world.wire.broker_reads = cut_after
    for body in bodies:
        world.engine.submit(world.now, producer, Message(body))
    world.advance(1.0)
    consumer = world.consumer(world.session())
    return world, world.receive_all(consumer)


def test_a_burst_cut_after_every_byte_arrives_whole_and_once() -> None:
    world, whole = burst(None)
    assert whole == ["a", "b" * 30, "", "d" * 7]
    for size in range(1, 1_400, 7):
        world, received = burst(size)
        assert received == whole
        assert not world.names(FailedOver)


def test_what_is_kept_for_replay_is_bounded_and_later_senders_wait_their_turn() -> None:
    limit = 20_000
    world = ClientWorld(resilient(retry_interval_s=1.0, resend_bytes_max=limit, producer_window_bytes=None))
    session = world.session()
    producer = world.run(world.engine.create_producer(world.now, session, Queue("q")))
    world.refusing.add("one")
    world.cut()
    admitted: list[Operation[Any]] = []
    number = 0
    for _ in range(100):
        world.advance(0.1)
        while not admitted or admitted[-1].done:
            admitted.append(world.engine.submit(world.now, producer, Message(f"{number:04} " + "x" * 500)))
            number += 1
        assert world.engine.resend_bytes <= limit
    world.refusing.clear()
    while number < 100:
        admitted.append(world.engine.submit(world.now, producer, Message(f"{number:04} " + "x" * 500)))
        number += 1
    world.advance(5.0)
    assert all(each.done and each.result().done for each in admitted)
    consumer = world.consumer(world.session(ack_mode=AckMode.AUTO))
    assert [int(body[:4]) for body in world.receive_all(consumer)] == list(range(100))


def test_what_was_written_and_not_answered_is_kept_once() -> None:
    limit = 1_000_000
    world = ClientWorld(resilient(resend_bytes_max=limit, producer_window_bytes=None))
    producer = world.run(world.engine.create_producer(world.now, world.session(), Queue("q")))
    world.run(world.engine.submit(world.now, producer, Message("known")))
    world.pump()
    submitted: list[Operation[Any]] = []
    tracemalloc.start()
    try:
        while not submitted or submitted[-1].done:
            submitted.append(world.engine.submit(world.now, producer, Message("x" * 20_000)))
        grown_bytes = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert len(submitted) > 10
    assert grown_bytes < 1.2 * limit, "with the one that waits"


def test_an_abandoned_wait_for_room_is_never_sent() -> None:
    world = ClientWorld(resilient(retry_interval_s=1.0))
    session = world.session()
    world.run(world.engine.send(world.now, session, Queue("q"), Message("first")))
    world.refusing.add("one")
    world.cut()
    sent = world.engine.send(world.now, session, Queue("q"), Message("withdrawn"))
    world.advance(0.5)
    world.engine.abandon(world.now, sent)
    world.refusing.clear()
    world.advance(2.0)
    consumer = world.consumer(session)
    assert world.receive_all(consumer) == ["first"]
