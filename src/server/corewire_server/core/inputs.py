"""What can happen to a broker core: a closed union. Their byte form for replication and recorded histories is in here too."""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from struct import error as StructError
from typing import Final, TypeAlias, assert_never


@dataclass(slots=True)
class LinkOpened:
    """A client connected. ``link`` is ``epoch << 32 | n``, so no two primaries use one twice."""

    link: int
    remote: str  # as in "127.0.0.1:50312", for log lines and management


@dataclass(slots=True)
class BytesReceived:
    """Bytes of a link, cut as the socket gave them."""

    link: int
    data: bytes


@dataclass(slots=True)
class LinkClosed:
    """The socket of a link is gone."""

    link: int


@dataclass(slots=True)
class Timeout:
    """The time that ``next_timeout()`` named has come (or passed, or not quite: harmless)."""


@dataclass(slots=True)
class Stopping:
    """An orderly stop was asked for: say goodbye on every link."""


@dataclass(slots=True)
class RoomChanged:
    """The journal has no room for another segment, or has it again. Without room durable sends are refused with 210."""

    room: bool


@dataclass(slots=True)
class LinkBlocked:
    """The client of a link does not take what is written, or takes it again. While blocked nothing is delivered to it."""

    link: int
    blocked: bool


@dataclass(slots=True)
class Promoted:
    """This node serves from now on, in this epoch: all links, which were the other node's, are lost at once."""

    epoch: int


@dataclass(slots=True)
class Announced:
    """
    Where clients reach the pair, as "host:port"; ``live`` is empty while that is not known, ``backup`` None while none is in step.

    All that asked for the topology are told at once.
    """

    live: str
    backup: str | None


Input: TypeAlias = (
    LinkOpened | BytesReceived | LinkClosed | Timeout | Stopping | RoomChanged | LinkBlocked | Promoted | Announced
)

_HEAD: Final = Struct(">BqQ")  # kind, time, link or another number; then what is special to the kind


def encode(now: int, item: Input) -> bytes:
    """An input and its time (milliseconds since the epoch) as bytes. Who writes several writes their lengths, too."""
    match item:
        case LinkOpened(link, remote):
            return _HEAD.pack(1, now, link) + remote.encode("utf-8", "surrogatepass")
        case BytesReceived(link, data):
            return _HEAD.pack(2, now, link) + data
        case LinkClosed(link):
            return _HEAD.pack(3, now, link)
        case Timeout():
            return _HEAD.pack(4, now, 0)
        case Stopping():
            return _HEAD.pack(5, now, 0)
        case RoomChanged(room):
            return _HEAD.pack(6, now, room)
        case LinkBlocked(link, blocked):
            return _HEAD.pack(7 if blocked else 8, now, link)
        case Promoted(epoch):
            return _HEAD.pack(9, now, epoch)
        case Announced(live, backup):
            first, second = (one.encode("utf-8", "surrogatepass") for one in (live, backup or ""))
            return _HEAD.pack(10, now, len(first) << 1 | (backup is not None)) + first + second
        case _:
            assert_never(item)


def decode(data: bytes) -> tuple[int, Input]:
    """The time and the input again. Raises ValueError for what is none."""
    try:
        kind, now, link = _HEAD.unpack_from(data)
    except StructError as problem:
        raise ValueError(f"no input: {problem}") from problem
    rest = data[_HEAD.size :]
    if rest and kind not in (1, 2, 10):
        raise ValueError(f"{len(rest)} bytes left behind an input")
    match kind:
        case 1:
            return now, LinkOpened(link, rest.decode("utf-8", "surrogatepass"))
        case 2:
            return now, BytesReceived(link, rest)
        case 3:
            return now, LinkClosed(link)
        case 4:
            return now, Timeout()
        case 5:
            return now, Stopping()
        case 6:
            return now, RoomChanged(room=bool(link))
        case 7 | 8:
            return now, LinkBlocked(link, blocked=kind == 7)
        case 9:
            return now, Promoted(link)
        case 10:
            return now, _read_announced(link, rest)
        case _:
            raise ValueError(f"an input of unknown kind {kind}")


def _read_announced(number: int, rest: bytes) -> Announced:
    end = number >> 1
    if end > len(rest) or (end < len(rest) and not number & 1):
        raise ValueError("an input breaks off, or goes on behind its end")
    live, backup = (one.decode("utf-8", "surrogatepass") for one in (rest[:end], rest[end:]))
    return Announced(live, backup if number & 1 else None)
