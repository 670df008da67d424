"""``corewire produce``: send messages."""

from __future__ import annotations

import itertools
import re
import sys
from dataclasses import dataclass
from pathlib import Path  # noqa: TC003  cyclopts reads the annotations
from typing import TYPE_CHECKING, Annotated, Any, Final, cast
from uuid import uuid1

from cyclopts import Parameter
from cyclopts.validators import Number

from corewire import Message
from corewire.values import Byte, Char, Float, Long, Short
from corewire_server.cli import workers
from corewire_server.cli.durations import seconds
from corewire_server.cli.message_json import from_json
from corewire_server.cli.options import Connection, read_destination
from corewire_server.cli.progress import Progress
from corewire_server.cli.report import Exit, UsageError, attempt
from corewire_server.cli.workers import Pace, Shared
from corewire_transports.threads import connect

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator

    from corewire.values import Destination, Headers
    from corewire_transports.threads import Client

_PROPERTY: Final = re.compile(r"([^=]+?)(?::(boolean|byte|short|int|long|float|double|string|char))?=(.*)", re.DOTALL)
_BOOLEANS: Final = {"true": True, "false": False}
_READERS: Final[dict[str, Callable[[str], Any]]] = {
    "boolean": lambda text: _BOOLEANS[text.lower()],
    "byte": Byte,
    "short": Short,
    "int": int,
    "long": Long,
    "float": Float,
    "double": float,
    "string": str,
    "char": Char,
}


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class What:
    """What the messages are."""

    file: Annotated[Path | None, Parameter(help="One message with the bytes of this file.")] = None
    stream: Annotated[Path | None, Parameter(help="A large message with the bytes of this file, of any size.")] = None
    from_json: Annotated[bool, Parameter(help="Standard input has messages as JSON, one a line.", negative="")] = False
    message_size: Annotated[
        int | None, Parameter(help="Generated messages of so many bytes.", validator=Number(gte=0))
    ] = None
    text_size: Annotated[
        int | None, Parameter(help="Generated messages of so many characters.", validator=Number(gte=0))
    ] = None
    non_persistent: Annotated[bool, Parameter(help="Not kept over a restart of the broker.", negative="")] = False
    priority: Annotated[int | None, Parameter(help="0 to 9.")] = None
    ttl: Annotated[str | None, Parameter(help="How long they live; a bare number: milliseconds.")] = None
    delay: Annotated[str | None, Parameter(help="How long they are held back; a bare number: milliseconds.")] = None
    group: Annotated[str | None, Parameter(help="The group they belong to.")] = None
    property: Annotated[tuple[str, ...], Parameter(help="name=text, or name:long=7.", negative="")] = ()
    correlation_id: Annotated[str | None, Parameter(help="What joins answers to questions.")] = None
    reply_to: Annotated[str | None, Parameter(help="The destination for answers.")] = None
    duplicate_id: Annotated[str | None, Parameter(help="What the broker takes only once.")] = None

    def headers(self) -> Headers:
        """The headers that were asked for. Raises UsageError."""
        try:
            given: dict[str, Any] = {
                "durable": False if self.non_persistent else None,
                "priority": self.priority,
                "ttl": None if self.ttl is None else seconds(self.ttl, bare="ms"),
                "delivery_delay": None if self.delay is None else seconds(self.delay, bare="ms"),
                "group_id": self.group,
                "properties": dict(map(_read_property, self.property)) or None,
                "correlation_id": self.correlation_id,
                "reply_to": self.reply_to,
                "duplicate_id": self.duplicate_id,
            }
            headers = cast("Headers", {name: value for name, value in given.items() if value is not None})
            Message(None, **headers)
        except (TypeError, ValueError) as error:
            raise UsageError(str(error)) from None
        return headers

    def messages(self, texts: tuple[str, ...], count: int | None) -> Iterator[Message]:
        """The messages to send, ``count`` of them if it is given; standard input may have fewer. Raises UsageError."""
        headers = self.headers()
        given = [
            bool(texts),
            self.file is not None,
            self.stream is not None,
            self.from_json,
            self.message_size is not None,
            self.text_size is not None,
        ]
        if sum(given) > 1:
            raise UsageError("TEXT, --file, --stream, --from-json, --message-size and --text-size exclude each other")
        if self.from_json or not any(given):
            return itertools.islice(self._from_input(headers), count)
        bodies: tuple[str | bytes | None, ...] = texts
        if self.stream is not None:
            bodies = (None,)
        elif self.file is not None:
            bodies = (self.file.read_bytes(),)
        elif self.message_size is not None:
            bodies = (bytes(self.message_size),)
        elif self.text_size is not None:
            bodies = ("a" * self.text_size,)
        made = [Message(body, **headers) for body in bodies]
        return itertools.islice(itertools.cycle(made), len(made) if count is None else count)

    def _from_input(self, headers: Headers) -> Iterator[Message]:
        for number, raw in enumerate(sys.stdin.buffer, start=1):
            try:
                line = raw.decode("utf-8", "surrogatepass")  # as consume writes texts
                if not self.from_json:
                    yield Message(line.rstrip("\r\n"), **headers)
                elif line.strip():
                    yield from_json(line).replace(**headers)
            except ValueError as error:
                raise UsageError(f"line {number}: {error}") from None


def _read_property(text: str) -> tuple[str, Any]:
    found = _PROPERTY.fullmatch(text)
    if found is None:
        raise UsageError(f"--property {text!r}: write name=text or name:long=7")
    name, kind, value = found.groups()
    if kind is None and ":" in name:
        raise UsageError(f"--property {text!r}: {name.rpartition(':')[2]!r} is none of {', '.join(_READERS)}")
    try:
        return name, _READERS[kind or "string"](value)
    except (KeyError, ValueError):
        raise UsageError(f"--property {text!r}: {value!r} is no {kind}") from None


def produce(
    destination: Annotated[str, Parameter(help="orders, queue://orders, topic://prices, address::queue")],
    /,
    *text: Annotated[str, Parameter(help="The messages; none: standard input, one a line.")],
    message_count: Annotated[
        int | None, Parameter(help="How many; default: one for each TEXT or line.", validator=Number(gte=0))
    ] = None,
    what: What = What(),
    rate: Annotated[float | None, Parameter(help="At most so many a second.", validator=Number(gt=0))] = None,
    sleep: Annotated[str, Parameter(help="Pause after each message; a bare number: milliseconds.")] = "0",
    commit_interval: Annotated[
        int | None, Parameter(help="Send in transactions of so many messages.", validator=Number(gte=1))
    ] = None,
    threads: Annotated[
        int, Parameter(help="Send from so many sessions; they share the messages.", validator=Number(gte=1, lte=1000))
    ] = 1,
    connection: Connection = Connection(),  # noqa: B008  immutable
) -> int:
    """Send messages; returns when the broker has them. With --verbose their ids go to standard error."""

    def work() -> int:
        try:
            pace = Pace(rate, seconds(sleep, bare="ms"))
        except ValueError as error:
            raise UsageError(f"--sleep: {error}") from None
        to = read_destination(destination)
        if what.stream is not None and (commit_interval is not None or threads > 1):
            raise UsageError("--stream excludes --commit-interval and --threads")
        messages = Shared(what.messages(text, message_count))
        progress = Progress(sys.stderr, "sent", total=message_count, quiet=connection.quiet)

        def send(ending: threading.Event) -> None:
            named = _named(messages) if connection.verbose else messages
            if what.stream is None:
                sent = _send(client, to, named, commit_interval)
            else:
                sent = _stream(client, to, what.stream, what.headers(), named)
            for message in sent:
                progress.step()
                if connection.verbose:
                    sys.stderr.write(f"{message.message_id}\n")
                pace.step(ending)
                if ending.is_set():
                    break

        with connect(connection.config()) as client:
            workers.run(threads, send, interrupt=client.close)
        progress.end()
        return Exit.NO if message_count is not None and progress.count < message_count else Exit.DONE

    return attempt(work, on=connection.where, as_json=connection.json, verbose=connection.verbose)


def _named(messages: Iterator[Message]) -> Iterator[Message]:
    """Messages with an id that is known here."""
    return (message if message.message_id else message.replace(message_id=f"ID:{uuid1()}") for message in messages)


def _stream(
    client: Client, to: Destination, path: Path, headers: Headers, messages: Iterator[Message]
) -> Iterator[Message]:
    """Send the bytes of a file for each message; yields each when the broker has it."""
    with client.session() as session:
        for message in messages:
            if message.message_id is not None:
                headers["message_id"] = message.message_id
            session.send_stream(to, path, **headers)
            yield message


def _send(
    client: Client, to: Destination, messages: Iterator[Message], commit_interval: int | None
) -> Iterator[Message]:
    """Send them; yields each when it is on its way."""
    if commit_interval is None:
        with client.session() as session, session.producer(to) as producer:
            for message in messages:
                producer.submit(message)
                yield message
        return
    with client.transacted_session() as session:
        while batch := list(itertools.islice(messages, commit_interval)):
            with session.transaction():
                for message in batch:
                    session.send(to, message)
                    yield message
