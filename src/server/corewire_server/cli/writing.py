"""How ``consume`` and ``browse`` write messages: bodies, or rows with headers, or JSON Lines, or a file for each body."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TextIO

from corewire import MessageType
from corewire_server.cli.message_json import as_object, to_json
from corewire_server.cli.output import cell

if TYPE_CHECKING:
    from pathlib import Path

    from corewire import Delivery
    from corewire_transports.threads import ReceivedMessage

#: Columns of rows, and how wide they are on a terminal, where they cannot wait for the widest.
COLUMNS: Final = {
    "broker_id": 12,
    "message_id": 39,
    "type": 7,
    "durable": 7,
    "priority": 8,
    "timestamp": 29,
    "delivery_count": 14,
    "properties": 30,
    "body": 0,
}


@dataclass(frozen=True, slots=True)
class Form:
    """What is written of a message: its body, also its headers, all as JSON, or its body into a file of a folder."""

    headers: bool = False
    json: bool = False
    save: Path | None = None


class Writer:
    """Writes messages to a text stream and flushes, so that each is out before it is acknowledged. Any thread may write."""

    def __init__(self, form: Form, stream: TextIO) -> None:
        self._form = form
        self._stream = stream
        self._terminal = stream.isatty()
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Write what stands above the first message. Raises OSError."""
        if self._form.save is not None:
            self._form.save.mkdir(parents=True, exist_ok=True)
        elif self._form.headers and not self._form.json:
            line = self._row(list(COLUMNS))
            bold = self._terminal and not os.environ.get("NO_COLOR")
            self._put(f"\x1b[1m{line}\x1b[0m".encode() if bold else line.encode())

    def write(self, message: ReceivedMessage) -> None:
        """Write one message. Raises OSError. A body that is not in memory gets there, unless it goes into a file as it is."""
        if message.is_large:
            if self._form.save is not None and message.type in (MessageType.BYTES, MessageType.DEFAULT):
                message.save(self._form.save / str(message.broker_id))
                return
            message.read()
        if self._form.save is not None:
            (self._form.save / str(message.broker_id)).write_bytes(body_bytes(message))
        elif self._form.json:
            self._put(to_json(message).encode())
        elif self._form.headers:
            shown = as_object(message)
            self._put(self._row([cell(shown.get(name)) for name in COLUMNS]).encode("utf-8", "backslashreplace"))
        else:
            self._put(body_bytes(message))

    def _row(self, cells: list[str]) -> str:
        if not self._terminal:
            return "\t".join(cells)
        return "  ".join(text.ljust(width) for text, width in zip(cells, COLUMNS.values(), strict=True)).rstrip()

    def _put(self, line: bytes) -> None:
        with self._lock:
            self._stream.flush()
            self._stream.buffer.write(line + b"\n")
            self._stream.buffer.flush()


def body_bytes(message: Delivery) -> bytes:
    """The body as it is written alone: text as UTF-8, bytes raw, maps and streams as JSON."""
    match message.type:
        case MessageType.TEXT:
            return message.text.encode("utf-8", "surrogatepass")
        case MessageType.MAP | MessageType.STREAM:
            return cell(as_object(message)["body"]).encode()
        case _:
            return message.data
