"""
Questions and replies: applications that ask over a temporary queue, and one that replies.

Questions are messages as all others. A reply is not: it lives as long as the queue of who asked, and only he can say whether
it is the right one.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from corewire.client.message import Message
from corewire.errors import CorewireError
from corewire.values import AckMode, Queue, QueueConfiguration, RoutingType
from corewire_server.simulator.workloads import POLL_US, Application, close_session, read_body
from corewire_server.simulator.world import SECOND

if TYPE_CHECKING:
    from corewire.client._ids import SessionId
    from corewire_server.simulator.clients import Client, Script, Task
    from corewire_server.simulator.workloads import Errand


PATIENCE_US: Final = 4 * SECOND  # for one reply


class WrongReply(Exception):
    """A reply to another question: no application may ever see one."""


class Asking(Application):
    """Asks, each question with a consumer of its own on the queue for the replies."""

    def __init__(self, client: Client, errand: Errand) -> None:
        super().__init__(client, errand)
        self._replies: tuple[SessionId, str, str] | None = None  # session, its name, the queue
        self._queues = 0

    def _inbox(self) -> Script[tuple[SessionId, str]]:
        """Where replies come in; made anew where its session was, for then the queue may be gone."""
        engine = self.engine
        if self._replies is not None:
            session, made_as, queue = self._replies
            if engine.is_open(session) and self.name_of(session) == made_as:
                return session, queue
            yield from close_session(self, session)
        session = yield from self.session(AckMode.PRE)
        self._queues += 1
        queue = f"replies {self.errand.name} {self._queues}"
        wanted = QueueConfiguration(name=queue, routing_type=RoutingType.ANYCAST, durable=False, temporary=True)
        made_as = self.name_of(session)
        yield from self.client.call("create_queue", engine.create_queue, session, wanted)
        self._replies = session, made_as, queue
        return session, queue

    def close(self) -> Script[None]:
        """Delete the queue for replies, too."""
        if self._replies is not None:
            session, _, queue = self._replies
            with suppress(CorewireError):
                yield from self.client.call("delete_queue", self.engine.delete_queue, session, queue, missing_ok=True)
            yield from close_session(self, session)

    def ask(self, session: SessionId) -> Script[bool]:
        """One question. Returns whether the reply came in time. Raises CorewireError."""
        client, engine, errand = self.client, self.engine, self.errand
        inbox, queue = yield from self._inbox()
        number = self.sent
        selector = f"JMSCorrelationID = '{number}'"
        replies = yield from client.call(
            "create_consumer",
            engine.create_consumer,
            inbox,
            queue,
            selector=selector,
            window_bytes=self.window_bytes,
            transient=True,
        )
        question = self.message().replace(reply_to=Queue(queue, temporary=True), correlation_id=str(number))
        error: Exception | None = None
        try:
            yield from client.call("send", engine.send, session, errand.destination, question)
        except CorewireError as problem:
            error = problem
        self.tell_sent(number, error)
        if error is not None:
            raise error
        receiving = client.ask(engine.receive, replies)
        came = yield from client.wait(receiving, PATIENCE_US)
        if came:
            reply = client.result(receiving).text
            if reply != f"reply to {errand.name} {number}":
                raise WrongReply(f"{errand.name} {number}: {reply}")
        yield from client.call("close_consumer", engine.close_consumer, replies)
        return came


def ask(client: Client, errand: Errand) -> Task:
    """One question after the other; what fails is not asked again."""
    asking = Asking(client, errand)
    session = yield from asking.session()
    while asking.sent < errand.count:
        before = asking.sent
        try:
            yield from asking.ask(session)
        except CorewireError:
            if asking.sent == before:  # there was no queue for replies yet
                yield POLL_US
        yield from asking.pause(asking.sending)
    yield from asking.close()
    yield from close_session(asking, session)


def reply(client: Client, errand: Errand) -> Task:
    """Reply to whoever asks, until it is time to leave. A question is acknowledged when its reply is on its way."""
    app = Application(client, errand)
    session = yield from app.session(AckMode.INDIVIDUAL)
    consumer = yield from app.consumer(session)
    while (question := (yield from app.next_message(consumer))) is not None:
        taken, made_as = app.tell_delivered(question), app.name_of(session)
        message = Message(f"reply to {taken[0]} {taken[1]}", durable=False, correlation_id=str(taken[1]))
        assert question.reply_to is not None
        with suppress(CorewireError):  # who asked is gone, has another queue by now, or waits for nothing any more
            yield from client.call("send", app.engine.send, session, question.reply_to, message)
        try:
            yield from client.call("acknowledge", app.engine.acknowledge, question)
        except CorewireError:
            continue
        if app.settled(session, made_as):
            app.tell_consumed([taken])
    yield from close_session(app, session)


def look(client: Client, errand: Errand) -> Task:
    """Look at what is in a queue, some times, without taking it."""
    app = Application(client, errand)
    session = yield from app.session()
    for _ in range(errand.count):
        yield 1 + client.rng.randrange(max(1, 4 * errand.pause_us) + SECOND // 100)
        options: dict[str, Any] = {"browse_only": True, "create": True, "window_bytes": app.window_bytes}
        try:
            browser = yield from client.call(
                "create_browser", app.engine.create_consumer, session, errand.queue, **options
            )
            while (seen := (yield from client.call("browse", app.engine.receive_immediate, browser))) is not None:
                producer, number = read_body(seen)
                app.observer.browsed(app.now, client.name, errand.queue, producer, number)
            yield from client.call("close_consumer", app.engine.close_consumer, browser)
        except CorewireError:
            continue
    yield from close_session(app, session)
