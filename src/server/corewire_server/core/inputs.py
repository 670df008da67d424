"""What can happen to a broker core: a closed union. Their byte form for replication and recorded histories is in here too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


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


Input: TypeAlias = LinkOpened | BytesReceived | LinkClosed | Timeout | Stopping | RoomChanged
