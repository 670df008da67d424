"""``corewire produce``: send messages."""

from __future__ import annotations

import itertools
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path  # noqa: TC003  cyclopts reads the annotations
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

from cyclopts import Parameter

from corewire import Message
from corewire.values import Byte, Char, Float, Long, Short
from corewire_server.cli.durations import seconds
from corewire_server.cli.message_json import from_json
from corewire_server.cli.options import Connection, read_destination
from corewire_server.cli.progress import Progress
from corewire_server.cli.report import Exit, UsageError, attempt
from corewire_transports.threads import connect

if TYPE_CHECKING:
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
    from_json: Annotated[bool, Parameter(help="Standard input has messages as JSON, one a line.", negative="")] = False
    message_size: Annotated[int | None, Parameter(help="Generated messages of so many bytes.")] = None
    text_size: Annotated[int | None, Parameter(help="Generated messages of so many characters.")] = None
    non_persistent: Annotated[bool, Parameter(help="Not kept over a restart of the broker.", negative="")] = False
    priority: Annotated[int | None, Parameter(help="0 to 9.")] = None
    ttl: Annotated[str | None, Parameter(help="How long they live; a bare number: milliseconds.")] = None
    delay: Annotated[str | None, Parameter(help="How long they are held back; a bare number: milliseconds.")] = None
    group: Annotated[str | None, Parameter(help="The group they belong to.")] = None
    property: Annotated[tuple[str, ...], Parameter(help="name=text, or name:long=7.", negative="")] = ()
    correlation_id: str | None = None
    reply_to: str | None = None
    duplicate_id: str | None = None

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
            self.from_json,
            self.message_size is not None,
            self.text_size is not None,
        ]
        if sum(given) > 1:
            raise UsageError("TEXT, --file, --from-json, --message-size and --text-size exclude each other")
        if self.from_json or not any(given):
            return itertools.islice(self._from_input(headers), count)
        bodies: tuple[str | bytes, ...] = texts
        if self.file is not None:
            bodies = (self.file.read_bytes(),)
        elif self.message_size is not None:
            bodies = (bytes(self.message_size),)
        elif self.text_size is not None:
            bodies = ("a" * self.text_size,)
        made = [Message(body, **headers) for body in bodies]
        return itertools.islice(itertools.cycle(made), len(made) if count is None else count)

    def _from_input(self, headers: Headers) -> Iterator[Message]:
        for number, line in enumerate(sys.stdin, start=1):
            if not self.from_json:
                yield Message(line.rstrip("\r\n"), **headers)
            elif line.strip():
                try:
                    yield from_json(line).replace(**headers)
                except ValueError as error:
                    raise UsageError(f"line {number}: {error}") from None


def _read_property(text: str) -> tuple[str, Any]:
    found = _PROPERTY.fullmatch(text)
    if found is None:
        raise UsageError(f"--property {text!r}: write name=text or name:long=7")
    name, kind, value = found.groups()
    try:
        return name, _READERS[kind or "string"](value)
    except (KeyError, ValueError):
        raise UsageError(f"--property {text!r}: {value!r} is no {kind}") from None


def produce(
    destination: Annotated[str, Parameter(help="orders, queue://orders, topic://prices, address::queue")],
    /,
    *text: Annotated[str, Parameter(help="The messages; none: standard input, one a line.")],
    message_count: Annotated[int | None, Parameter(help="How many; default: one for each TEXT or line.")] = None,
    what: What = What(),
    rate: Annotated[float | None, Parameter(help="At most so many a second.")] = None,
    sleep: Annotated[str, Parameter(help="Pause between messages; a bare number: milliseconds.")] = "0",
    commit_interval: Annotated[int | None, Parameter(help="Send in transactions of so many messages.")] = None,
    connection: Connection = Connection(),  # noqa: B008  immutable
) -> int:
    """Send messages; returns when the broker has them."""

    def work() -> int:
        try:
            pause_s = max(seconds(sleep, bare="ms"), 1 / rate if rate else 0.0)
        except ValueError as error:
            raise UsageError(f"--sleep: {error}") from None
        to = read_destination(destination)
        messages = what.messages(text, message_count)
        progress = Progress(sys.stderr, "sent", total=message_count, quiet=connection.quiet)
        with connect(connection.config()) as client:
            for _ in _send(client, to, messages, commit_interval):
                progress.step()
                if pause_s:
                    time.sleep(pause_s)
        progress.end()
        return Exit.NO if message_count is not None and progress.count < message_count else Exit.DONE

    return attempt(work, on=connection.where, as_json=connection.json, verbose=connection.verbose)


def _send(
    client: Client, destination: Destination, messages: Iterator[Message], commit_interval: int | None
) -> Iterator[None]:
    """Send them, a step for each."""
    if commit_interval is None:
        with client.session() as session, session.producer(destination) as producer:
            for message in messages:
                producer.submit(message)
                yield
        return
    with client.transacted_session() as session:
        while batch := list(itertools.islice(messages, commit_interval)):
            with session.transaction():
                for message in batch:
                    session.send(destination, message)
                    yield
