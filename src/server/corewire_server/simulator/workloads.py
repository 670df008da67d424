"""
What applications do: send, consume, ask, look. Each is a task of a client, written as an application would be.

Messages say who sent them and which they are: "producer number". An application that is told of an error by its broker opens
what it needs again and goes on; what became of a message it tells the observer, as far as it knows.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from corewire.client._rate import Rate
from corewire.client.message import Message
from corewire.errors import (
    BrokerError,
    CallTimeout,
    ConnectionLost,
    CorewireError,
    ObjectClosed,
    TransactionError,
    TransactionRolledBack,
)
from corewire.values import AckMode, Queue, QueueConfiguration, RoutingType, Topic
from corewire_server.simulator.clients import RETRY_US, GivenUp, check_connected
from corewire_server.simulator.world import MS, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

    from corewire._operation import Operation
    from corewire.client._delivery import Delivery
    from corewire.client._ids import ConsumerId, SessionId
    from corewire.values import Destination
    from corewire_server.simulator.clients import Client, Script, Task

T = TypeVar("T")
POLL_US: Final = 2 * SECOND  # how long a consumer waits before it looks whether it should leave


class NotAsked(Exception):
    """What became of a message nobody has asked, or will be told."""


@dataclass(frozen=True, slots=True)
class Errand:
    """What one application is to do. ``name`` is the producer's or consumer's, and unique."""

    name: str
    queue: str  # to send to, unless there is a topic; to take from
    topic: str = ""  # to send to
    subscribed: tuple[str, ...] = ()  # queues that get what is sent to the topic
    onward: str = ""  # where to pass on what is taken
    count: int = 0  # messages to send
    pause_us: int = 0  # between them, at most
    batch: int = 1  # of a transaction
    size: int = 0  # bytes that a body is filled up to
    durable: bool = True
    priorities: int = 1  # so many are used in turn
    owed: bool = (
        True  # whether what was confirmed must come: not where somebody lets the broker forget what it delivers
    )

    @property
    def queues(self) -> tuple[str, ...]:
        """Those that get each message."""
        return self.subscribed or (self.queue,)

    @property
    def destination(self) -> Destination:
        """Where to send."""
        return Topic(self.topic) if self.topic else Queue(self.queue)


def read_body(delivery: Delivery) -> tuple[str, int]:
    """Who sent a message, and its number."""
    producer, number = delivery.text.split(" ")[:2]
    return producer, int(number)


class Application:
    """One thread of a client: a session, made again where it is lost."""

    def __init__(self, client: Client, errand: Errand) -> None:
        self.client = client
        self.engine = client.engine
        self.errand = errand
        self.observer = client.world.observer
        config = client.engine.config
        self.sending = None if config.producer_rate_max is None else Rate(config.producer_rate_max)
        self.taking = None if config.consumer_rate_max is None else Rate(config.consumer_rate_max)

    @property
    def now(self) -> int:
        return self.client.world.now

    @property
    def sent(self) -> int:
        """How many messages, also by those who did this errand before."""
        return self.client.sent.get(self.errand.name, 0)

    @property
    def waits(self) -> bool:
        """Whether a send returns only when the broker has the message."""
        config = self.engine.config
        return config.block_on_durable_send if self.errand.durable else config.block_on_non_durable_send

    @property
    def window_bytes(self) -> int | None:
        """Of its consumers, as the client is configured: the facades hand it to the engine."""
        return self.engine.config.consumer_window_bytes

    def call(self, name: str, command: Callable[..., Operation[T]], *args: Any, **kwargs: Any) -> Script[T]:
        """Call the engine. Raises GivenUp if it has given up before."""
        return self.client.call(name, command, *args, **kwargs)

    def opened(self, name: str, command: Callable[..., Operation[T]], *args: Any, **kwargs: Any) -> Script[T]:
        """Open something, however often it takes."""
        while True:
            try:
                return (yield from self.call(name, command, *args, **kwargs))
            except (ConnectionLost, BrokerError, CallTimeout):
                yield RETRY_US

    def session(self, ack_mode: AckMode = AckMode.AUTO, *, transacted: bool = False) -> Script[SessionId]:
        """Open a session, and see that the queues of the topic are there."""
        session = yield from self.opened(
            "create_session", self.engine.create_session, ack_mode=ack_mode, transacted=transacted
        )
        for name in self.errand.subscribed:
            queue = QueueConfiguration(name=name, address=self.errand.topic, routing_type=RoutingType.MULTICAST)
            yield from self.opened("create_queue", self.engine.create_queue, session, queue, exist_ok=True)
        return session

    def name_of(self, session: SessionId) -> str:
        """Another one whenever the session was made anew. Raises GivenUp."""
        check_connected(self.engine)
        return self.engine.session_name(session)

    def settled(self, session: SessionId, made_as: str) -> bool:
        """Whether the broker knows what an acknowledgement that was answered was for: exactly-once may only know that it will not
        hand the message out again."""
        return not self.engine.config.exactly_once or self.name_of(session) == made_as

    def consumer(self, session: SessionId) -> Script[ConsumerId]:
        """Open a consumer."""
        options: dict[str, Any] = {"create": True, "window_bytes": self.window_bytes}
        return self.opened("create_consumer", self.engine.create_consumer, session, self.errand.queue, **options)

    def another(self, session: SessionId, consumer: ConsumerId) -> Script[ConsumerId]:
        """Now and then close the consumer and open another one, or stop and start the session."""
        chance = self.client.rng.random()
        if chance < 0.03:
            yield from self.call("close_consumer", self.engine.close_consumer, consumer)
            return (yield from self.consumer(session))
        if chance < 0.06:
            with suppress(ConnectionLost, CallTimeout):
                yield from self.call("stop_session", self.engine.stop_session, session)
            yield from self.pause()
            yield from self.call("start_session", self.engine.start_session, session)
        return consumer

    def next_message(self, consumer: ConsumerId) -> Script[Delivery | None]:
        """What comes next; None: nothing did, and it is time to leave."""
        while True:
            receiving = self.client.ask(self.engine.receive, consumer)
            if (yield from self.client.wait(receiving, POLL_US)):
                return self.client.result(receiving)
            if self.client.leaving:
                return None

    def rolled_back(self, session: SessionId) -> Script[None]:
        """Roll back, however long it takes."""
        while True:
            try:
                yield from self.call("rollback", self.engine.rollback, session)
            except (ConnectionLost, CallTimeout):
                yield RETRY_US
            else:
                return

    def message(self) -> Message:
        """The next one."""
        number, errand = self.sent, self.errand
        self.client.sent[errand.name] = number + 1
        priority = 4 + number % errand.priorities
        for queue in errand.queues:
            self.observer.sent(
                self.now, self.client.name, errand.name, number, queue, durable=errand.durable, priority=priority
            )
        text = f"{errand.name} {number} "
        return Message(text.ljust(errand.size, "."), durable=errand.durable, priority=priority)

    def pause(self, rate: Rate | None = None) -> Script[None]:
        """Think, and wait until one more message may pass."""
        if self.errand.pause_us:
            yield 1 + self.client.rng.randrange(self.errand.pause_us)
        if rate is not None and (wait_s := rate.take(self.client.now_s())):
            yield int(wait_s * SECOND)

    def tell_sent(self, number: int, error: Exception | None) -> None:
        """A send returned, or raised."""
        if error is None and not self.waits:
            error = NotAsked("its sender did not wait")
        self.tell(range(number, number + 1), error)

    def tell(self, numbers: range, error: Exception | None) -> None:
        """What became of some messages."""
        name, producer, observer = self.client.name, self.errand.name, self.observer
        if error is None and not self.errand.owed:
            error = NotAsked("somebody takes messages that the broker forgets at once")
        for number in numbers:
            if error is None:
                observer.confirmed(self.now, name, producer, number)
            elif isinstance(error, BrokerError | TransactionRolledBack):
                observer.refused(self.now, name, producer, number, error)
            else:
                observer.unknown(self.now, name, producer, number, error)

    def tell_delivered(self, delivery: Delivery) -> tuple[str, int]:
        """A message came."""
        producer, number = read_body(delivery)
        client, errand = self.client.name, self.errand
        self.observer.delivered(
            self.now, client, errand.name, producer, number, errand.queue, redelivered=delivery.redelivered
        )
        return producer, number

    def tell_consumed(self, taken: list[tuple[str, int]]) -> None:
        """The broker knows that messages were consumed."""
        for producer, number in taken:
            self.observer.consumed(self.now, self.client.name, self.errand.name, producer, number, self.errand.queue)


def send_blocking(client: Client, errand: Errand) -> Task:
    """One message after the other, each when the last is safe, or as the client is told to wait."""
    app = Application(client, errand)
    session = yield from app.session()
    while app.sent < errand.count:
        number, message = app.sent, app.message()
        error: Exception | None = None
        try:
            yield from app.call("send", app.engine.send, session, errand.destination, message)
        except CorewireError as problem:
            error = problem
        app.tell_sent(number, error)
        yield from app.pause(app.sending)
    yield from close_session(app, session)


def send_asynchronously(client: Client, errand: Errand) -> Task:
    """All at once, and then the receipts."""
    app = Application(client, errand)
    session = yield from app.session()
    producer = yield from app.opened("create_producer", app.engine.create_producer, session, errand.destination)
    receipts: dict[int, Operation[None]] = {}
    while app.sent < errand.count:
        number, message = app.sent, app.message()
        try:
            receipts[number] = yield from app.call("submit", app.engine.submit, producer, message)
        except CorewireError as problem:
            app.tell(range(number, number + 1), problem)
            break
        yield from app.pause(app.sending)
    for number, receipt in receipts.items():
        with suppress(CorewireError):  # it is told below
            yield from client.settled("receipt", receipt, endless=True)
        app.tell(range(number, number + 1), receipt.error)
    yield from close_session(app, session)


def send_in_transactions(client: Client, errand: Errand) -> Task:
    """Some messages at a time, together or not at all. What was rolled back is not sent again."""
    app = Application(client, errand)
    session = yield from app.session(transacted=True)
    while app.sent < errand.count:
        first = app.sent
        error: Exception | None = None
        try:
            for _ in range(min(errand.batch, errand.count - first)):
                yield from app.call("send", app.engine.send, session, errand.destination, app.message())
                yield from app.pause(app.sending)
            if client.rng.random() < 0.15:
                yield from app.rolled_back(session)
                error = TransactionRolledBack("as the application wished")
            else:
                yield from app.call("commit", app.engine.commit, session)
        except TransactionError as problem:  # it has ended
            error = problem
        except CorewireError as problem:
            error = problem
            app.tell(range(first, app.sent), error)
            yield from app.rolled_back(session)
            continue
        app.tell(range(first, app.sent), error)
    yield from close_session(app, session)


def consume(client: Client, errand: Errand, mode: AckMode) -> Task:
    """Take what comes, and acknowledge each message, until it is time to leave."""
    app = Application(client, errand)
    session = yield from app.session(mode)
    consumer = yield from app.consumer(session)
    settles = mode in (AckMode.CLIENT, AckMode.INDIVIDUAL)
    config = app.engine.config
    forgotten = mode is AckMode.PRE or (config.pre_acknowledge and mode is not AckMode.INDIVIDUAL)
    answered = mode is AckMode.AUTO and config.block_on_acknowledge
    while (delivery := (yield from app.next_message(consumer))) is not None:
        made_as = app.name_of(session)
        taken = app.tell_delivered(delivery)
        if forgotten:
            app.tell_consumed([taken])
        yield from app.pause(app.taking)
        try:
            yield from app.call("acknowledge", app.engine.acknowledge, delivery)
        except (TransactionError, ConnectionLost, CallTimeout):
            continue  # it comes again, or not
        known = (settles and app.settled(session, made_as)) or (answered and app.name_of(session) == made_as)
        if known and not forgotten:
            app.tell_consumed([taken])
        consumer = yield from app.another(session, consumer)
    yield from close_session(app, session)


def consume_in_transactions(client: Client, errand: Errand) -> Task:
    """Take some at a time, together or not at all."""
    app = Application(client, errand)
    session = yield from app.session(transacted=True)
    consumer = yield from app.consumer(session)
    leaving = False
    while not leaving:
        taken: list[tuple[str, int]] = []
        while len(taken) < errand.batch:
            receiving = client.ask(app.engine.receive, consumer)
            came = yield from client.wait(receiving, POLL_US if not taken else 50 * MS)
            if not came:
                leaving = client.leaving
                break
            taken.append(app.tell_delivered(client.result(receiving)))
            yield from app.pause(app.taking)
        if not taken:
            continue
        try:
            if client.rng.random() < 0.15:
                yield from app.rolled_back(session)
                leaving = False
            else:
                yield from app.call("commit", app.engine.commit, session)
                app.tell_consumed(taken)
        except (TransactionError, ConnectionLost, CallTimeout):
            continue
        consumer = yield from app.another(session, consumer)
    yield from close_session(app, session)


def close_session(app: Application, session: SessionId) -> Script[None]:
    """Close it, if it is not closed yet. By another engine it would be a session of somebody else."""
    with suppress(ConnectionLost, CallTimeout, ObjectClosed):
        yield from app.call("close_session", app.engine.close_session, session)


def drain(client: Client, queues: tuple[str, ...], taken: list[str]) -> Task:
    """Take all that is in queues, until nothing is left; ``taken`` is where each message was."""
    for queue in queues:
        app = Application(client, Errand(name=f"last of {queue}", queue=queue))
        session = yield from app.session()
        consumer = yield from app.consumer(session)
        while True:
            delivery = yield from app.call("receive_immediate", app.engine.receive_immediate, consumer)
            if delivery is None:
                break
            taken.append(queue)
            app.tell_delivered(delivery)
            yield from app.call("acknowledge", app.engine.acknowledge, delivery)
        yield from close_session(app, session)


def work(client: Client, jobs: list[Callable[[], Task]]) -> Task:
    """Connect, then begin all that this client is to do."""
    yield from client.connect()
    for job in jobs:
        client.begin(_persistent(client, job))
    client.at_work = True


def _persistent(client: Client, job: Callable[[], Task]) -> Task:
    """Begin again, with another connection, whenever the client has given up."""
    while True:
        try:
            yield from job()
        except GivenUp:
            client.world.observer.probe("a client gave up, and its application connected anew")
            yield from client.connect_anew()
        else:
            return
