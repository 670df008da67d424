"""Faults that people met, as cases, with invented time: outages one after the other, cuts at every byte, a memory that is bounded."""

from __future__ import annotations

import os
from enum import Enum
from typing import TYPE_CHECKING, Any

import pytest
from tests.engine.client_world import ClientWorld, fragile, resilient

from corewire.client.message import Message
from corewire.errors import ConnectionLost, TransactionOutcomeUnknown
from corewire.events import FailedOver, FailureDetected, Reattached
from corewire.values import AckMode, Queue
from corewire.wire.framing import MAGIC, FrameReader, packet_type
from corewire.wire.registry import packet_name
from corewire_server.core.inputs import BytesReceived

if TYPE_CHECKING:
    from corewire._operation import Operation
    from corewire.client.config import ClientConfig

STEP = 1 if "COREWIRE_ROUNDS" in os.environ else 3  # a campaign cuts after every byte
TTL_S, CHECK_S, BACK_S = 3.0, 1.0, 3.0
IMPATIENT: dict[str, Any] = {
    "connection_ttl_s": TTL_S,
    "client_failure_check_period_s": CHECK_S,
    "retry_interval_s": 0.1,
    "call_timeout_s": 30.0,
}


# -- one outage after the other: is it noticed, and does the consumer go on?


class Outage(Enum):
    RESET = "reset"
    FIN = "fin"
    SILENCE = "silence"
    KILL = "kill"


def spoil(world: ClientWorld, outage: Outage) -> float:
    """An outage; returns how long it took until it was noticed."""
    began, failures = world.now, len(world.names(FailureDetected))
    match outage:
        case Outage.RESET:
            link = world.link
            world.drop(link, tell_client=False)
            world.engine.link_down(world.now, link, ConnectionResetError("reset"))
        case Outage.FIN:
            world.cut()
        case Outage.SILENCE:
            world.wire.stalled = True
        case Outage.KILL:
            world.restart()
    while len(world.names(FailureDetected)) == failures:
        world.advance(0.1)
        assert world.now - began < 60.0, "it is not noticed"
    return world.now - began


@pytest.mark.parametrize("kinds", [[*Outage] * 3, [Outage.SILENCE] * 12], ids=["all kinds", "silence"])
@pytest.mark.parametrize("config", [resilient(**IMPATIENT), fragile(**IMPATIENT)], ids=["window", "no window"])
def test_a_consumer_lives_through_twelve_outages(config: ClientConfig, kinds: list[Outage]) -> None:
    world = ClientWorld(config)
    engine = world.engine
    session, sender = world.session(), world.session()
    consumer = world.consumer(session)
    receiving = engine.receive(world.now, consumer)
    for number, outage in enumerate(kinds):
        assert spoil(world, outage) <= TTL_S + 2 * CHECK_S
        world.advance(BACK_S / 2)
        sent = engine.send(world.now, sender, Queue("q"), Message(str(number)))
        world.advance(BACK_S / 2)
        sent.result()
        delivery = receiving.result()
        assert (delivery.text, delivery.delivery_count) == (str(number), 1)
        world.run(engine.acknowledge(world.now, delivery))
        receiving = engine.receive(world.now, consumer)
        assert world.run(engine.query_queue(world.now, sender, "q")).consumer_count == 1
    assert len(world.names(FailureDetected)) == len(kinds)


@pytest.mark.parametrize("outage", Outage)
@pytest.mark.parametrize("in_hand", [True, False])
def test_without_attempts_the_consumer_says_so(outage: Outage, in_hand: bool) -> None:
    world = ClientWorld(resilient(reconnect_attempts=0, **IMPATIENT))
    engine = world.engine
    session = world.session()
    consumer = world.consumer(session)
    if in_hand:
        world.run(engine.send(world.now, session, Queue("q"), Message("x")))
        delivery = world.run(engine.receive(world.now, consumer))
        spoil(world, outage)
        with pytest.raises(ConnectionLost):
            engine.acknowledge(world.now, delivery)
    else:
        receiving = engine.receive(world.now, consumer)
        spoil(world, outage)
        with pytest.raises(ConnectionLost):
            receiving.result()
    with pytest.raises(ConnectionLost):
        engine.receive(world.now, consumer)


# -- standing still


@pytest.mark.parametrize("config", [resilient(**IMPATIENT), fragile(**IMPATIENT)], ids=["window", "no window"])
@pytest.mark.parametrize("broker_too", [True, False])
def test_whoever_stood_still_finds_its_sessions(config: ClientConfig, broker_too: bool) -> None:
    world = ClientWorld(config)
    engine = world.engine
    session = world.session()
    consumer = world.consumer(session)
    world.run(engine.send(world.now, session, Queue("q"), Message("x")))
    delivery = world.run(engine.receive(world.now, consumer))
    before = len(world.sent)
    world.now += 20.0 if broker_too else TTL_S - 0.5  # longer, and an honest broker gives the client up
    engine.handle_timeout(world.now)
    engine.handle_timeout(world.now)
    world.perform()
    assert world.sent[before:].count("PING") == 1
    world.advance(TTL_S / 2)
    world.run(engine.acknowledge(world.now, delivery))
    assert world.run(engine.query_queue(world.now, session, "q")).message_count == 0
    assert not world.names(FailedOver)
    assert not world.names(Reattached)


# -- a link that is cut behind any byte


BODIES = ["a", "b" * 30, "", "d" * 7]


class Burst:
    """Four messages, sent or received and acknowledged, on a link that is cut after so many bytes."""

    def __init__(self, config: ClientConfig, *, foreign: bool = False, transacted: bool = False) -> None:
        self.world = world = ClientWorld(config, foreign=foreign)
        self.session = world.session(transacted=transacted, ack_mode=AckMode.CLIENT)
        self.producer = world.run(world.engine.create_producer(world.now, self.session, Queue("q")))
        self.link = world.link
        self.arrived: list[str] = []  #: names of the packets that reached the broker whole
        self._readers: dict[int, FrameReader] = {}
        self._step = world._step
        world._step = self.step  # type: ignore[method-assign]

    def step(self, host: str, item: Any) -> None:
        """Note what arrives."""
        if isinstance(item, BytesReceived):
            reader = self._readers.setdefault(item.link, FrameReader())
            self.arrived += [packet_name(packet_type(frame)) for frame in reader.feed(item.data.removeprefix(MAGIC))]
        self._step(host, item)

    def cut_after(self, size: int, *, deaf: bool) -> None:
        self.world.wire.client_reads, self.world.wire.broker_reads = (size, None) if deaf else (None, size)

    def submit(self) -> list[Operation[Operation[None]]]:
        return [self.world.engine.submit(self.world.now, self.producer, Message(body)) for body in BODIES]

    def settle(self) -> bool:
        """Returns whether the link was cut before all had passed."""
        self.world.advance(2.0)
        return not self.world.wires[self.link].alive

    def left(self) -> list[str]:
        self.world.run(self.world.engine.close_session(self.world.now, self.session))
        return self.world.receive_all(self.world.consumer(self.world.session()))


@pytest.mark.parametrize("deaf", [True, False])
@pytest.mark.parametrize("foreign", [True, False])
def test_a_burst_of_sends_arrives_whole_and_once(deaf: bool, foreign: bool) -> None:
    for size in range(1, 2_000, STEP):
        burst = Burst(resilient(retry_interval_s=0.1), foreign=foreign)
        burst.cut_after(size, deaf=deaf)
        sent = burst.submit()
        was_cut = burst.settle()
        assert all(each.result().error is None for each in sent)
        assert burst.left() == BODIES
        assert not burst.world.names(FailedOver)
        if not was_cut:
            return
    raise AssertionError("it never passed")


@pytest.mark.parametrize("deaf", [True, False])
@pytest.mark.parametrize("kind", ["window", "no window", "another broker"])
def test_a_burst_in_a_transaction_is_there_whole_or_not_at_all(deaf: bool, kind: str) -> None:
    config = (fragile if kind == "no window" else resilient)(retry_interval_s=0.1)
    for size in range(1, 2_000, STEP):
        burst = Burst(config, foreign=kind == "another broker", transacted=True)
        burst.cut_after(size, deaf=deaf)
        burst.submit()
        committed = burst.world.engine.commit(burst.world.now, burst.session)
        was_cut = burst.settle()
        assert committed.done
        if kind == "window" or committed.error is None:
            assert committed.error is None
            assert burst.left() == BODIES
        else:
            assert isinstance(committed.error, TransactionOutcomeUnknown)
            assert burst.left() == (BODIES if "SESS_COMMIT" in burst.arrived else [])
        if not was_cut:
            return
    raise AssertionError("it never passed")


@pytest.mark.parametrize("deaf", [True, False])
def test_a_burst_of_acknowledgements_is_done(deaf: bool) -> None:
    for size in range(1, 1_000, STEP):
        burst = Burst(resilient(retry_interval_s=0.1))
        engine, world = burst.world.engine, burst.world
        burst.submit()
        world.pump()
        consumer = world.consumer(burst.session)
        deliveries = [world.run(engine.receive(world.now, consumer)) for _ in BODIES]
        burst.cut_after(size, deaf=deaf)
        told = [engine.acknowledge(world.now, delivery) for delivery in deliveries]
        was_cut = burst.settle()
        assert all(each.result() is None for each in told)
        assert burst.left() == []
        if not was_cut:
            return
    raise AssertionError("it never passed")


# -- a memory that is bounded


def test_what_eight_tasks_submit_in_an_outage_is_bounded_and_keeps_its_order() -> None:
    limit, body = 65_536, 1_024
    world = ClientWorld(resilient(retry_interval_s=0.5, resend_bytes_max=limit, producer_window_bytes=None))
    engine = world.engine
    sessions = [world.session() for _ in range(3)]
    tasks = [world.run(engine.create_producer(world.now, sessions[task % 3], Queue("q"))) for task in range(8)]
    waiting: list[Operation[Operation[None]] | None] = [None] * 8
    receipts: list[Operation[None]] = []
    sent = [0] * 8

    def go_on(until: int) -> None:
        """Each task submits as long as it need not wait."""
        for task, producer in enumerate(tasks):
            while sent[task] < until:
                call = waiting[task] or engine.submit(
                    world.now, producer, Message(f"{task}:{sent[task]}:".ljust(body, "x"))
                )
                waiting[task] = None if call.done else call
                if not call.done:
                    break
                sent[task] += 1
                receipts.append(call.result())

    world.refusing.add("one")
    world.cut()
    for _ in range(20):
        go_on(100)
        world.advance(0.5)
        assert engine.resend_bytes <= limit
    assert 0 < sum(sent) <= limit // body
    assert all(each is not None for each in waiting)
    world.refusing.clear()
    while min(sent) < 100:
        world.advance(0.2)
        go_on(100)
        assert engine.resend_bytes <= limit
    world.advance(3.0)
    assert all(each.done and each.error is None for each in receipts)
    got = [text.split(":") for text in world.receive_all(world.consumer(world.session()))]
    for task in range(8):
        assert [int(number) for owner, number, _ in got if int(owner) == task] == list(range(100))
