"""``corewire consume`` and ``corewire browse``: take messages, or only look at them."""

from __future__ import annotations

import itertools
import sys
import threading
from dataclasses import dataclass
from pathlib import Path  # noqa: TC003  cyclopts reads the annotations
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from corewire.values import Address, Queue, Topic
from corewire_server.cli import workers
from corewire_server.cli.durations import seconds
from corewire_server.cli.options import Connection, read_destination
from corewire_server.cli.progress import Progress
from corewire_server.cli.report import Exit, UsageError, attempt
from corewire_server.cli.workers import Pace
from corewire_server.cli.writing import Form, Writer
from corewire_transports.threads import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from corewire.values import Destination
    from corewire_transports.threads import (
        Client,
        Consumer,
        ConsumerOptions,
        ReceivedMessage,
        Session,
        TransactedSession,
    )


def consume(
    source: Annotated[
        str, Parameter(name="destination", help="orders, queue://orders, topic://prices, address::queue")
    ],
    /,
    *,
    durable: Annotated[
        str | None, Parameter(help="The durable subscription of this name, for this --client-id.")
    ] = None,
    shared: Annotated[
        str | None, Parameter(help="The durable subscription of this name, with other consumers.")
    ] = None,
    message_count: Annotated[int | None, Parameter(help="How many; default: no end.", validator=Number(gte=0))] = None,
    receive_timeout: Annotated[
        str | None, Parameter(help="How long to wait for the next; a bare number: milliseconds.")
    ] = None,
    filter: Annotated[str | None, Parameter(help="A selector, as \"colour = 'red'\".")] = None,  # noqa: A002  Artemis' name
    commit_interval: Annotated[
        int | None, Parameter(help="Take in transactions of so many messages.", validator=Number(gte=1))
    ] = None,
    sleep: Annotated[str, Parameter(help="Pause after each message; a bare number: milliseconds.")] = "0",
    threads: Annotated[
        int, Parameter(help="Take with so many sessions; they share the count.", validator=Number(gte=1, lte=1000))
    ] = 1,
    save: Annotated[Path | None, Parameter(help="Write each body to a file in this folder.")] = None,
    headers: Annotated[bool, Parameter(help="Write headers and properties too.", negative="")] = False,
    connection: Connection = Connection(),  # noqa: B008  immutable
) -> int:
    """Take messages and write their bodies; each is acknowledged after it was written."""
    writer = Writer(Form(headers, connection.json, save), sys.stdout)

    def work() -> int:
        timeout_s, pause_s = _durations(receive_timeout, sleep)
        options: ConsumerOptions = {} if filter is None else {"selector": filter}
        origin = Origin.read(source, durable, shared, options)
        if threads > 1 and durable is not None:
            raise UsageError("--durable: one consumer may have it; with --threads: --shared")
        progress = Progress(sys.stderr, "received", total=message_count, quiet=connection.quiet)
        pace = Pace(None, pause_s)
        turns = Turns(message_count)

        def take(ending: threading.Event) -> None:
            more = lambda: not ending.is_set() and turns.take()  # noqa: E731  a word for it
            for message in _take(client, origin, timeout_s, commit_interval, more):
                writer.write(message)
                progress.step()
                pace.step(ending)

        writer.begin()
        with connect(connection.config()) as client:
            workers.run(threads, take, interrupt=client.close)
        progress.end()
        return Exit.NO if message_count is not None and progress.count < message_count else Exit.DONE

    return attempt(work, on=connection.where, as_json=connection.json, verbose=connection.verbose)


def _durations(receive_timeout: str | None, sleep: str) -> tuple[float | None, float]:
    try:
        timeout_s = None if receive_timeout is None else seconds(receive_timeout, bare="ms")
        return timeout_s, seconds(sleep, bare="ms")
    except ValueError as error:
        raise UsageError(str(error)) from None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where messages are taken from: a queue, or a topic with a subscription, which may have a name."""

    destination: Destination
    name: str | None
    shared: bool
    options: ConsumerOptions

    @classmethod
    def read(cls, text: str, durable: str | None, shared: str | None, options: ConsumerOptions) -> Origin:
        """Read what was typed; a named subscription makes a plain word a topic. Raises UsageError."""
        if durable is not None and shared is not None:
            raise UsageError("--durable and --shared exclude each other")
        name = durable if shared is None else shared
        found = Topic(text) if name is not None and text and "://" not in text else read_destination(text)
        if name is not None and not isinstance(found, Topic):
            raise UsageError(f"{text}: subscriptions are to topics")
        return cls(found, name, shared is not None, options)

    def consumer(self, session: Session) -> Consumer:
        """Begin to take."""
        match self.destination:
            case Topic() as topic:
                return session.subscribe(topic, self.name, shared=self.shared, **self.options)
            case Queue() as queue:
                return session.consumer(queue, **self.options)
            case Address() as address:
                raise UsageError(
                    f"{address}: messages are taken from a queue, as {address.name}::QUEUE, or from a topic"
                )


class Turns:
    """How many messages may still be taken, by all threads together."""

    def __init__(self, count: int | None) -> None:
        self._left = count
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Take one, if any is left."""
        with self._lock:
            if self._left is None:
                return True
            self._left -= 1
            return self._left >= 0


def _take(
    client: Client, origin: Origin, timeout_s: float | None, commit_interval: int | None, more: Callable[[], bool]
) -> Iterator[ReceivedMessage]:
    """Yield messages; one counts as taken when its user comes back for the next, or with its transaction."""
    transacted: TransactedSession | None = None
    session = client.session() if commit_interval is None else (transacted := client.transacted_session())
    taken = 0
    with session, origin.consumer(session) as consumer:
        while more():
            message = consumer.receive() if timeout_s is None else consumer.receive(timeout_s)
            if message is None:
                break
            yield message
            taken += 1
            if transacted is not None and commit_interval and taken % commit_interval == 0:
                transacted.commit()
        if transacted is not None:
            transacted.commit()


def browse(
    source: Annotated[str, Parameter(name="destination", help="orders, queue://orders, address::queue")],
    /,
    *,
    filter: Annotated[str | None, Parameter(help="A selector, as \"colour = 'red'\".")] = None,  # noqa: A002  Artemis' name
    message_count: Annotated[int | None, Parameter(help="How many; default: all.", validator=Number(gte=0))] = None,
    headers: Annotated[bool, Parameter(help="Write headers and properties too.", negative="")] = False,
    connection: Connection = Connection(),  # noqa: B008  immutable
) -> int:
    """Write the bodies of the messages in a queue; takes nothing."""
    writer = Writer(Form(headers, connection.json), sys.stdout)

    def work() -> int:
        queue = read_destination(source)
        if not isinstance(queue, Queue):
            raise UsageError(f"{queue} is no queue")
        options: ConsumerOptions = {"create": False} if filter is None else {"create": False, "selector": filter}
        progress = Progress(sys.stderr, "browsed", total=message_count, quiet=connection.quiet)
        writer.begin()
        with (
            connect(connection.config()) as client,
            client.session() as session,
            session.browser(queue, **options) as browser,
        ):
            for message in itertools.islice(browser, message_count):
                writer.write(message)
                progress.step()
        progress.end()
        return Exit.NO if message_count is not None and progress.count < message_count else Exit.DONE

    return attempt(work, on=connection.where, as_json=connection.json, verbose=connection.verbose)
