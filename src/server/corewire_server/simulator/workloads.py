"""
What applications do: send, consume, ask, look. Each is a task of a client, written as an application would be.

Messages say who sent them and which they are: "producer number". An application that is told of an error by its broker opens
what it needs again and goes on; what became of a message it tells the observer, as far as it knows.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

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
from corewire.values import AckMode, Queue
from corewire_server.simulator.clients import RETRY_US
from corewire_server.simulator.world import MS, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

    from corewire._operation import Operation
    from corewire.client._delivery import Delivery
    from corewire.client._ids import ConsumerId, SessionId
    from corewire_server.simulator.clients import Client, Script, Task

T = TypeVar("T")
POLL_US: Final = 2 * SECOND  # how long a consumer waits before it looks whether it should leave


@dataclass(frozen=True, slots=True)
class Errand:
    """What one application is to do. ``name`` is the producer's or consumer's, and unique."""

    name: str
    queue: str
    count: int = 0  # messages to send
    pause_us: int = 0  # between them, at most
    batch: int = 1  # of a transaction
    size: int = 0  # bytes that a body is filled up to
    durable: bool = True


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
        self.sent = 0

    @property
    def now(self) -> int:
        return self.client.world.now

    def opened(self, name: str, command: Callable[..., Operation[T]], *args: Any, **kwargs: Any) -> Script[T]:
        """Open something, however often it takes."""
        while True:
            try:
                return (yield from self.client.call(name, command, *args, **kwargs))
            except (ConnectionLost, BrokerError, CallTimeout):
                yield RETRY_US

    def session(self, ack_mode: AckMode = AckMode.AUTO, *, transacted: bool = False) -> Script[SessionId]:
        """Open a session."""
        return self.opened("create_session", self.engine.create_session, ack_mode=ack_mode, transacted=transacted)

    def consumer(self, session: SessionId) -> Script[ConsumerId]:
        """Open a consumer."""
        return self.opened("create_consumer", self.engine.create_consumer, session, self.errand.queue, create=True)

    def next_message(self, consumer: ConsumerId) -> Script[Delivery | None]:
        """What comes next; None: nothing did, and it is time to leave."""
        while True:
            receiving = self.engine.receive(self.client.now_s(), consumer)
            if (yield from self.client.wait(receiving, POLL_US)):
                return receiving.result()
            if self.client.leaving:
                return None

    def message(self) -> Message:
        """The next one."""
        number, self.sent = self.sent, self.sent + 1
        errand = self.errand
        self.observer.sent(self.now, self.client.name, errand.name, number, errand.queue, durable=errand.durable)
        text = f"{errand.name} {number} "
        return Message(text.ljust(errand.size, "."), durable=errand.durable)

    def pause(self) -> Script[None]:
        """Think."""
        if self.errand.pause_us:
            yield 1 + self.client.rng.randrange(self.errand.pause_us)

    def tell(self, numbers: range, error: Exception | None) -> None:
        """What became of some messages."""
        name, producer, observer = self.client.name, self.errand.name, self.observer
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
            self.observer.consumed(self.now, self.client.name, self.errand.name, producer, number)


def send_blocking(client: Client, errand: Errand) -> Task:
    """One message after the other, each when the last is safe."""
    app = Application(client, errand)
    session = yield from app.session()
    while app.sent < errand.count:
        message = app.message()
        error: Exception | None = None
        try:
            yield from client.call("send", app.engine.send, session, Queue(errand.queue), message)
        except CorewireError as problem:
            error = problem
        app.tell(range(app.sent - 1, app.sent), error)
        yield from app.pause()
    yield from close_session(client, session)


def send_asynchronously(client: Client, errand: Errand) -> Task:
    """All at once, and then the receipts."""
    app = Application(client, errand)
    session = yield from app.session()
    producer = yield from app.opened("create_producer", app.engine.create_producer, session, Queue(errand.queue))
    receipts: list[Operation[None]] = []
    while app.sent < errand.count:
        message = app.message()
        try:
            receipts.append((yield from client.call("submit", app.engine.submit, producer, message)))
        except CorewireError as problem:
            app.tell(range(app.sent - 1, app.sent), problem)
            break
        yield from app.pause()
    for number, receipt in enumerate(receipts):
        with suppress(CorewireError):  # it is told below
            yield from client.call("receipt", _settled, receipt)
        app.tell(range(number, number + 1), receipt.error)
    yield from close_session(client, session)


def send_in_transactions(client: Client, errand: Errand) -> Task:
    """Some messages at a time, together or not at all. What was rolled back is not sent again."""
    app = Application(client, errand)
    session = yield from app.session(transacted=True)
    while app.sent < errand.count:
        first = app.sent
        error: Exception | None = None
        try:
            for _ in range(min(errand.batch, errand.count - first)):
                yield from client.call("send", app.engine.send, session, Queue(errand.queue), app.message())
                yield from app.pause()
            if client.rng.random() < 0.15:
                yield from client.call("rollback", app.engine.rollback, session)
                error = TransactionRolledBack("as the application wished")
            else:
                yield from client.call("commit", app.engine.commit, session)
        except TransactionError as problem:  # it has ended
            error = problem
        except CorewireError as problem:
            error = problem
            yield from client.call("rollback", app.engine.rollback, session)
        app.tell(range(first, app.sent), error)
    yield from close_session(client, session)


def consume(client: Client, errand: Errand, mode: AckMode) -> Task:
    """Take what comes, and acknowledge each message, until it is time to leave."""
    app = Application(client, errand)
    session = yield from app.session(mode)
    consumer = yield from app.consumer(session)
    while (delivery := (yield from app.next_message(consumer))) is not None:
        taken = app.tell_delivered(delivery)
        yield from app.pause()
        try:
            yield from client.call("acknowledge", app.engine.acknowledge, delivery)
        except (TransactionError, ConnectionLost, CallTimeout):
            continue  # it comes again, or not
        if mode is not AckMode.AUTO:
            app.tell_consumed([taken])
    yield from close_session(client, session)


def consume_in_transactions(client: Client, errand: Errand) -> Task:
    """Take some at a time, together or not at all."""
    app = Application(client, errand)
    session = yield from app.session(transacted=True)
    consumer = yield from app.consumer(session)
    leaving = False
    while not leaving:
        taken: list[tuple[str, int]] = []
        while len(taken) < errand.batch:
            receiving = app.engine.receive(client.now_s(), consumer)
            came = yield from client.wait(receiving, POLL_US if not taken else 50 * MS)
            if not came:
                leaving = client.leaving
                break
            taken.append(app.tell_delivered(receiving.result()))
            yield from app.pause()
        if not taken:
            continue
        try:
            if client.rng.random() < 0.15:
                yield from client.call("rollback", app.engine.rollback, session)
            else:
                yield from client.call("commit", app.engine.commit, session)
                app.tell_consumed(taken)
        except (TransactionError, ConnectionLost, CallTimeout):
            continue
    yield from close_session(client, session)


def close_session(client: Client, session: SessionId) -> Script[None]:
    """Close it, if it is not closed yet."""
    with suppress(ConnectionLost, ObjectClosed):
        yield from client.call("close_session", client.engine.close_session, session)


def drain(client: Client, errand: Errand, taken: list[tuple[str, int]]) -> Task:
    """Take all that is in a queue, until nothing is left; ``taken`` is what that was."""
    app = Application(client, errand)
    session = yield from app.session()
    consumer = yield from app.consumer(session)
    while True:
        delivery = yield from client.call("receive_immediate", app.engine.receive_immediate, consumer)
        if delivery is None:
            break
        taken.append(app.tell_delivered(delivery))
        yield from client.call("acknowledge", app.engine.acknowledge, delivery)
    yield from close_session(client, session)


def work(client: Client, tasks: list[Task]) -> Task:
    """Connect, then begin all that this client is to do."""
    yield from client.connect()
    for task in tasks:
        client.begin(task)
    client.at_work = True


def _settled(_: float, receipt: Operation[None]) -> Operation[None]:
    return receipt
