"""
Frames for scripts: ``check`` tells what does not survive decoding and encoding, ``to_json`` shows what was decoded.

Pure functions over text and bytes, which the command line calls. Messages are decoded too, so that a lie inside one is found.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from corewire.errors import RemoteProtocolError
from corewire.wire import message as messages
from corewire.wire import properties, registry
from corewire.wire.framing import HEADER_SIZE, channel_id
from corewire.wire.message import CoreMessage
from corewire.wire.packets import (
    SessionReceiveLargeMessage,
    SessionReceiveMessage,
    SessionSend,
    SessionSendLarge,
)
from corewire.wire.versions import OLDEST, UNNEGOTIATED, VERSION, capabilities

if TYPE_CHECKING:
    from collections.abc import Iterable

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

_VERSIONS: Final = frozenset((UNNEGOTIATED, *range(OLDEST, VERSION + 1)))
_HEX: Final = re.compile(r"(?:[0-9a-fA-F]{2})+")
_BEFORE_LARGE: Final = 20  # bytes of a SESS_RECEIVE_LARGE_MSG before its headers
_FROM_DURABLE: Final = 18  # bytes of a message from the durable flag to the properties


@dataclass(frozen=True, slots=True)
class BadLine:
    """What is wrong with one line of the input, counted from 1."""

    line: int
    reason: str
    packet: str | None = None
    offset: int | None = None  #: bytes from the start of the frame

    def __str__(self) -> str:
        return self.at(f"line {self.line}")

    def at(self, where: str) -> str:
        """Say what is wrong, found at another place than a line."""
        packet = "no packet" if self.packet is None else self.packet
        offset = "" if self.offset is None else f", offset {self.offset}"
        return f"{where}, {packet}{offset}: {self.reason}"


# -- decode --check ------------------------------------------------------------------------------------------------------


def parse_line(line: str, version: int = VERSION) -> tuple[int, bytes] | None:
    """
    Return version and frame of a line ``HEX`` or ``VERSION<TAB>HEX``, or None for a comment or an empty line.

    Raises ValueError for any other line.
    """
    text = line.strip()
    if not text or text.startswith("#"):
        return None
    head, tab, tail = text.partition("\t")
    if tab:
        if not head.isascii() or not head.isdecimal() or len(head) > 9 or int(head) not in _VERSIONS:
            raise ValueError(f"{_clipped(head)} is not a version")
        version, text = int(head), tail.strip()
    if not _HEX.fullmatch(text):
        raise ValueError("not hex")
    return version, bytes.fromhex(text)


def check(lines: Iterable[str], *, version: int = VERSION) -> tuple[int, list[BadLine]]:
    """
    Decode each frame and encode it again: how many came out as they went in, and what is wrong with the others.

    Lines are those of ``parse_line``; left-over bytes are wrong here.
    """
    good = 0
    bad: list[BadLine] = []
    for number, line in enumerate(lines, start=1):
        try:
            parsed = parse_line(line, version)
            if parsed is not None:
                verify(parsed[1], parsed[0])
                good += 1
        except ValueError as error:
            bad.append(BadLine(number, str(error)))
        except RemoteProtocolError as error:
            bad.append(BadLine(number, error.message, error.packet, error.offset))
    return good, bad


def verify(frame: bytes, version: int) -> registry.Packet:
    """
    Return the packet of a frame that is the same after decoding and encoding, its message included.

    Raises RemoteProtocolError for any other.
    """
    packet = registry.decode(frame, version, strict=True)
    _compare(packet.NAME, frame, registry.encode(packet, channel_id(frame), version), 0)
    found = message_of(packet)
    if found is not None:
        _verify_message(packet, found, lenient=not capabilities(version).new_addressing)
    return packet


def _compare(name: str, expected: bytes, found: bytes, at: int) -> None:
    if expected == found:
        return
    pairs = zip(expected, found, strict=False)
    first = next((index for index, (a, b) in enumerate(pairs) if a != b), min(len(expected), len(found)))
    here, there = expected[first : first + 8].hex() or "nothing", found[first : first + 8].hex() or "nothing"
    raise RemoteProtocolError(f"encodes to {there} where {here} was", packet=name, offset=at + first)


def _verify_message(packet: registry.Packet, found: CoreMessage, *, lenient: bool) -> None:
    """Check a message, and that its fields encode to its bytes; 1.x peers write the durable flag as FF."""
    raw, at = found.raw, _message_at(packet)
    try:
        values, end = properties.decode(raw, found.properties_at)
    except RemoteProtocolError as error:
        raise _inside(error, packet) from error
    if end != len(raw):
        left = f"{len(raw) - end} bytes are left over in the message"
        raise RemoteProtocolError(left, packet=packet.NAME, offset=at + end)
    again = messages.encode_message(
        found.body,
        address=found.address,
        message_id=found.id,
        user_id=found.user_id,
        type=found.type,
        durable=found.durable,
        expiration=found.expiration,
        timestamp=found.timestamp,
        priority=found.priority,
        properties=values,
    )
    if lenient:
        durable_at = found.properties_at - _FROM_DURABLE
        again = b"".join((again[:durable_at], raw[durable_at : durable_at + 1], again[durable_at + 1 :]))
    _compare(packet.NAME, raw, again, at)


def message_of(packet: registry.Packet) -> CoreMessage | None:
    """
    Return the message in a packet, with an empty body where the packet has only the headers; None where there is none.

    Raises RemoteProtocolError.
    """
    try:
        match packet:
            case SessionSend() | SessionReceiveMessage():
                return CoreMessage(packet.message)
            case SessionSendLarge() | SessionReceiveLargeMessage():
                return CoreMessage(messages.with_body(packet.message))
            case _:
                return None
    except RemoteProtocolError as error:
        raise _inside(error, packet) from error


def _message_at(packet: registry.Packet) -> int:
    """Return where the message that ``message_of`` makes would begin in the frame (of 1.x frames, up to its headers)."""
    match packet:
        case SessionSendLarge():
            return HEADER_SIZE - messages.BODY_AT
        case SessionReceiveLargeMessage():
            return HEADER_SIZE + _BEFORE_LARGE - messages.BODY_AT
        case _:
            return HEADER_SIZE


def _inside(error: RemoteProtocolError, packet: registry.Packet) -> RemoteProtocolError:
    """Say of an error in a message where in the frame it is."""
    at = _message_at(packet) + (error.offset or 0)
    return RemoteProtocolError(error.message, packet=packet.NAME, offset=at)


# -- JSON ----------------------------------------------------------------------------------------------------------------


def to_json(frame: bytes, version: int = VERSION) -> str:
    """
    Return one JSON object for a frame: type, code, channel, size, version, fields.

    Bytes are hex, lone surrogates are escaped. Raises RemoteProtocolError.
    """
    packet = registry.decode(frame, version)
    shown: dict[str, Json] = {
        "type": packet.NAME,
        "code": packet.TYPE,
        "channel": channel_id(frame),
        "size": len(frame),
        "version": version,
        "fields": _fields(packet),
    }
    return escaped(json.dumps(shown, ensure_ascii=False, allow_nan=False))


def _fields(value: Any) -> dict[str, Json]:
    shown = {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    found = message_of(value)
    if found is not None:
        shown["message"] = message_fields(value, found)
    return shown


def message_fields(packet: registry.Packet, found: CoreMessage) -> dict[str, Json]:
    """Return what a packet's message consists of: headers, properties, and the body where the packet has it."""
    shown: dict[str, Json] = {
        "id": found.id,
        "address": found.address,
        "user_id": None if found.user_id is None else found.user_id.hex(),
        "type": found.type,
        "durable": found.durable,
        "expiration": found.expiration,
        "timestamp": found.timestamp,
        "priority": found.priority,
        "properties": {name: plain(value) for name, value in found.properties.items()},
    }
    if isinstance(packet, SessionSend | SessionReceiveMessage):
        shown["body"] = found.body.hex()
    return shown


def plain(value: Any) -> Json:
    whole = value  # as pyright knows no more of a list than that it is one
    match value:
        case bytes():
            return value.hex()
        case float() if not math.isfinite(value):
            return repr(value)
        case list():
            return [plain(item) for item in whole]
        case dict():
            return {key: plain(item) for key, item in whole.items()}
        case _ if is_dataclass(value):
            return _fields(value)
        case _:
            same: Json = value
            return same


def escaped(text: str) -> str:
    """Write lone surrogates as JSON does; everything else can be printed."""
    return text.encode("utf-8", "backslashreplace").decode()


def _clipped(text: str) -> str:
    return ascii(text if len(text) <= 40 else f"{text[:40]}...")
