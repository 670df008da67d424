"""
What was handed out outside transactions is not handed out again: each history is one for which a rule of the ledger is there
(docs/design/exactly-once.md), then any history against a judge.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from tests.engine.client_world import ONE, ClientWorld, resilient

from corewire.client.config import ClientConfig
from corewire.client.message import Message
from corewire.errors import NotConnected, TransactionRolledBack
from corewire.events import FailedOver
from corewire.values import AckMode, Queue

if TYPE_CHECKING:
    from corewire.client._delivery import Delivery
    from corewire.client._ids import ConsumerId, SessionId

EVERY_MODE = pytest.mark.parametrize("mode", [AckMode.AUTO, AckMode.CLIENT, AckMode.INDIVIDUAL, AckMode.DUPS_OK])
IN_TRANSACTION = pytest.mark.parametrize("mode", [AckMode.CLIENT, AckMode.INDIVIDUAL])


def exactly_once(**fields: Any) -> ClientConfig:
    return ClientConfig(**{"endpoints": (ONE,), "exactly_once": True, **fields})


class Scene:
    """Two consumers of a queue in sessions of their own, at a broker that is not ours, and a session that looks."""

    def __init__(self, mode: AckMode = AckMode.AUTO, config: ClientConfig | None = None, **options: Any) -> None:
        self.world = ClientWorld(config or exactly_once(), foreign=True)
        self.engine = self.world.engine
        self.session = self.world.session(ack_mode=mode)
        self.looking = self.world.session()
        self.consumer = self.world.consumer(self.session, **options)
        self.second: ConsumerId | None = None

    @property
    def now(self) -> float:
        return self.world.now

    def send(self, *texts: str) -> None:
        for text in texts:
            self.world.run(self.engine.send(self.now, self.looking, Queue("q"), Message(text)))

    def receive(self) -> Delivery:
        return self.world.run(self.engine.receive(self.now, self.consumer))

    def acknowledge(self, delivery: Delivery, *, lost: bool = False) -> None:
        """``lost``: the link is, before the broker read it."""
        call = self.engine.acknowledge(self.now, delivery)
        while self.world.perform():
            pass
        if lost:
            self.cut()
        else:
            self.world.pump()
        call.result()

    def cut(self) -> None:
        self.world.cut()
        self.world.advance(1.0)

    def next(self, consumer: ConsumerId | None = None) -> str | None:
        """What is handed out next, None for nothing."""
        delivery = self.world.run(self.engine.receive_immediate(self.now, consumer or self.consumer))
        return None if delivery is None else str(delivery.body)

    def other(self, mode: AckMode = AckMode.AUTO) -> ConsumerId:
        """A competing consumer of the same client."""
        return self.world.consumer(self.world.session(ack_mode=mode))

    @property
    def left(self) -> int:
        return self.world.run(self.engine.query_queue(self.now, self.looking, "q")).message_count

    @property
    def suppressed(self) -> int:
        return self.engine.counters.duplicates_suppressed

    @property
    def entries(self) -> int:
        return len(self.engine._context.ledger)


@EVERY_MODE
def test_what_was_acknowledged_is_not_handed_out_again(mode: AckMode) -> None:
    scene = Scene(mode, exactly_once(dups_ok_batch_bytes=1))
    scene.send("1", "2")
    scene.acknowledge(scene.receive(), lost=True)
    assert scene.world.names(FailedOver)
    assert scene.suppressed == 1
    assert scene.next() == "2"
    assert scene.left == 1
    assert scene.entries == 1, "what is in hand"


@EVERY_MODE
@pytest.mark.parametrize("whole", [True, False], ids=["session", "consumer"])
def test_what_is_in_hand_when_its_session_or_consumer_is_over_is_given_back(mode: AckMode, whole: bool) -> None:
    scene = Scene(mode)
    scene.send("1")
    scene.receive()
    over = scene.engine._consumer(scene.consumer)
    over.closed_by_broker(scene.now)
    if whole:
        over.session.end(scene.now, NotConnected("the connection was given up"))
    else:
        scene.world.run(scene.engine.close_consumer(scene.now, scene.consumer))
    assert scene.entries == 0


@EVERY_MODE
def test_what_is_in_hand_at_a_failure_stays_there(mode: AckMode) -> None:
    """Its copy may even come to another consumer: nobody gets it."""
    scene = Scene(mode, exactly_once(dups_ok_batch_bytes=1))
    scene.send("1")
    delivery = scene.receive()
    other = scene.other(mode)
    scene.cut()
    assert scene.next() is None
    assert scene.next(other) is None
    scene.acknowledge(delivery)
    assert scene.left == 0
    assert (scene.suppressed, scene.entries) == (1, 0)


def test_a_queue_may_be_named_in_two_ways() -> None:
    scene = Scene()
    scene.send("1")
    delivery = scene.receive()
    other = scene.world.consumer(scene.looking, "q::q", create=False)
    scene.cut()
    assert scene.next(other) is None
    scene.acknowledge(delivery)
    assert scene.left == 0


@EVERY_MODE
@pytest.mark.parametrize("by", ["closing", "recovering"])
def test_what_is_given_back_comes_again(mode: AckMode, by: str) -> None:
    scene = Scene(mode)
    scene.send("1")
    delivery = scene.receive()
    other = scene.other(mode)
    scene.cut()
    assert scene.next(other) is None
    if by == "closing":
        scene.world.run(scene.engine.close_consumer(scene.now, scene.consumer, consider_last_delivered=True))
        assert scene.next(other) == "1"
    else:
        scene.world.run(scene.engine.rollback(scene.now, scene.session))
        assert (scene.next() or scene.next(other)) == "1"
    late = scene.engine.acknowledge(scene.now, delivery)
    scene.world.pump()
    assert isinstance(late.error, TransactionRolledBack) == (mode in (AckMode.CLIENT, AckMode.INDIVIDUAL))
    assert scene.suppressed == 0


@EVERY_MODE
def test_a_copy_whose_acknowledgement_is_lost_leaves_no_hole(mode: AckMode) -> None:
    """The entry does not go when a copy came, but when its last acknowledgement was answered."""
    scene = Scene(mode, exactly_once(dups_ok_batch_bytes=1))
    scene.send("1")
    world = scene.world
    call = scene.engine.acknowledge(scene.now, scene.receive())
    while world.perform():
        pass
    written = world.sent.count("SESS_INDIVIDUAL_ACKNOWLEDGE")
    world.cut()
    while world.sent.count("SESS_INDIVIDUAL_ACKNOWLEDGE") == written:
        if not (world.step() or world.perform()):
            world.advance(0.05)
    scene.cut()
    assert call.error is None
    assert scene.next() is None
    assert (scene.left, scene.entries) == (0, 0)


@IN_TRANSACTION
def test_a_copy_is_gone_even_if_its_session_never_acknowledges_again(mode: AckMode) -> None:
    scene = Scene(mode)
    scene.send("1")
    scene.acknowledge(scene.receive(), lost=True)
    scene.world.run(scene.engine.close_session(scene.now, scene.session))
    assert scene.left == 0


def test_client_mode_covers_what_was_handed_out_before_a_failure() -> None:
    scene = Scene(AckMode.CLIENT)
    scene.send("1", "2", "3")
    scene.receive()
    scene.cut()
    assert scene.receive().body == "2"
    scene.acknowledge(scene.receive())
    assert scene.left == 0
    assert scene.entries == 0


def test_an_acknowledgement_that_is_refused_proves_nothing() -> None:
    scene = Scene()
    scene.send("1")
    delivery = scene.receive()
    consumer = delivery.source
    number, consumer.number = consumer.number, 77  # a consumer that the broker does not know
    scene.acknowledge(delivery)
    consumer.number = number
    assert scene.entries == 1
    scene.cut()
    assert scene.next() is None
    assert (scene.left, scene.entries) == (0, 0)


def test_transactions_see_every_delivery() -> None:
    scene = Scene()
    session = scene.world.session(transacted=True)
    scene.send("1")
    delivery = scene.receive()
    consumer = scene.world.consumer(session)
    scene.cut()
    scene.world.run(scene.engine.close_consumer(scene.now, scene.consumer))
    scene.acknowledge(delivery)
    assert scene.next(consumer) == "1"


def test_a_message_that_nobody_took_is_first_in_line_again() -> None:
    scene = Scene()
    receiving = scene.engine.receive(scene.now, scene.consumer)
    scene.world.pump()
    scene.send("1", "2")
    assert receiving.done
    scene.engine.abandon(scene.now, receiving)
    assert scene.entries == 0
    assert [scene.next(), scene.next()] == ["1", "2"]


def test_a_message_that_nobody_took_before_a_failure_comes_again() -> None:
    scene = Scene()
    receiving = scene.engine.receive(scene.now, scene.consumer)
    scene.world.pump()
    scene.send("1")
    scene.cut()
    scene.engine.abandon(scene.now, receiving)
    assert scene.next() == "1"


@pytest.mark.parametrize("window_bytes", [0, 100, None])
def test_copies_do_not_stand_in_the_way_of_others(window_bytes: int | None) -> None:
    scene = Scene(AckMode.INDIVIDUAL, window_bytes=window_bytes)
    scene.send("1", "2", "3", "4")
    held = [scene.receive(), scene.receive()]
    scene.cut()
    assert scene.next() == "3"
    receiving = scene.engine.receive(scene.now, scene.consumer)
    assert scene.world.run(receiving).body == "4"
    for delivery in held:
        scene.acknowledge(delivery)
    assert scene.left == 2


def test_what_was_handed_out_during_the_outage_is_known() -> None:
    scene = Scene()
    scene.send("1")
    scene.world.refusing.add("one")
    scene.world.cut()
    delivery = scene.receive()
    scene.world.refusing.clear()
    scene.world.advance(3.0)
    assert scene.next() is None
    scene.acknowledge(delivery)
    assert scene.left == 0


def test_without_exactly_once_nothing_is_remembered() -> None:
    scene = Scene(config=resilient(confirmation_window_bytes=None))
    scene.send("1")
    scene.acknowledge(scene.receive(), lost=True)
    assert scene.next() == "1"
    assert (scene.suppressed, scene.entries) == (0, 0)


@IN_TRANSACTION
@pytest.mark.parametrize("config", [resilient(), exactly_once()], ids=["plain", "exactly once"])
def test_closing_a_consumer_gives_back_what_was_not_acknowledged(mode: AckMode, config: ClientConfig) -> None:
    """Nor does a later acknowledgement in its session count for it."""
    scene = Scene(mode, config)
    scene.send("1", "2")
    scene.receive()
    scene.world.run(scene.engine.close_consumer(scene.now, scene.consumer))
    scene.send("3")
    scene.consumer = scene.world.consumer(scene.session)
    assert scene.receive().body == "1"
    second = scene.receive()
    assert second.body == "2"
    scene.acknowledge(second)
    assert scene.left == (1 if mode is AckMode.CLIENT else 2)


# -- any history


class Application:
    """Consumers that receive, acknowledge and give back as dice fall, and the judge of what they see."""

    def __init__(self, seed: int, mode: AckMode) -> None:
        self.dice = random.Random(seed)
        self.mode = mode
        self.scene = Scene(mode, exactly_once(dups_ok_batch_bytes=60))
        self.world, self.engine = self.scene.world, self.scene.engine
        sessions = [self.scene.session, self.world.session(ack_mode=mode)]
        self.consumers: dict[ConsumerId, SessionId] = {self.scene.consumer: sessions[0]}
        for session in (sessions[1], sessions[1]):
            self.consumers[self.world.consumer(session)] = session
        self.hand: list[Delivery] = []
        self.done: set[Any] = set()
        self.sent = 0

    def take(self) -> None:
        consumer = self.dice.choice(list(self.consumers))
        delivery = self.engine.receive_nowait(self.world.now, consumer)
        if delivery is not None:
            assert delivery.body not in self.done, "handed out again"
            assert delivery.body not in [each.body for each in self.hand], "handed out twice"
            self.hand.append(delivery)

    def acknowledge(self) -> None:
        if self.hand:
            last = self.dice.choice(self.hand)
            mine = self.consumers[last.consumer]
            covered = [last]
            if self.mode is AckMode.CLIENT:
                covered = [d for d in self.hand if self.consumers[d.consumer] == mine and d.number <= last.number]
            self.hand = [each for each in self.hand if each not in covered]
            self.done |= {each.body for each in covered}
            self.engine.acknowledge(self.world.now, last)

    def give_back(self) -> None:
        session = self.dice.choice(list(self.consumers.values()))
        self.hand = [each for each in self.hand if self.consumers[each.consumer] != session]
        self.world.run(self.engine.rollback(self.world.now, session))

    def send(self) -> None:
        self.sent += 1
        self.scene.send(str(self.sent))

    def cut(self) -> None:
        """The broker has read all of what was written, or part of it, or nothing."""
        for wire in self.world.wires.values():
            wire.broker_reads = self.dice.choice((None, self.dice.randint(1, 300)))
            wire.client_reads = 0
        self.world.turn()
        self.world.cut_all()

    def move(self) -> None:
        for _ in range(self.dice.randint(1, 12)):
            while self.world.perform():
                pass
            if not self.world.step():
                self.world.advance(0.05)
                return

    def play(self, steps: int) -> None:
        doings = [self.take, self.acknowledge, self.give_back, self.send, self.cut, self.move]
        for _ in range(steps):
            [doing] = self.dice.choices(doings, (6, 4, 0.5, 1, 0.7, 5))
            if doing in (self.send, self.give_back):  # they wait for answers
                self.world.advance(1.0)
            doing()

    def come_to_rest(self) -> None:
        """Without faults everything is consumed, once."""
        for _ in range(200):
            self.world.advance(1.0)
            for _ in range(10):
                self.take()
            while self.hand:
                self.acknowledge()
            if len(self.done) == self.sent:
                break
        for consumer in self.consumers:  # DUPS_OK tells the rest
            assert self.world.run(self.engine.receive_immediate(self.world.now, consumer)) is None
        self.world.advance(1.0)
        assert len(self.done) == self.sent
        assert self.scene.left == 0


@EVERY_MODE
@pytest.mark.parametrize("seed", range(5))  # more of them: tests/campaign
def test_any_history_hands_out_each_message_once(mode: AckMode, seed: int) -> None:
    application = Application(seed, mode)
    application.play(250)
    application.come_to_rest()
