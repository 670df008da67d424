"""What a node tells its driver to do: a closed union, performed in order."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from corewire_server.core.effects import CloseLink, Log, SendBytes
from corewire_server.journal.actions import DiskJob


@dataclass(slots=True)
class Halt:
    """Stop at once, without another byte to anybody: what was promised can no longer be kept."""

    reason: str


@dataclass(slots=True)
class DialPeer:
    """Connect to the other node's replication link. The answer is ``peer_connected``, ``peer_refused`` or ``peer_failed``."""

    conn: int


@dataclass(slots=True)
class SendPeer:
    """Write to a connection of the replication link. Never held back by the driver: heart-beats are among it."""

    conn: int
    data: bytes


@dataclass(slots=True)
class ClosePeer:
    """Close a connection of the replication link, or give a dial up; what was sent before still goes out. Not answered."""

    conn: int


class Door(Enum):
    """What becomes of clients that connect."""

    CLOSED = "closed"  # the driver does not listen for clients: they are refused
    LEAD = "lead"  # it listens, and relays their bytes to the primary, or holds them while it cannot be reached
    SERVE = "serve"  # they are links of this node; those that were held are served from their first byte


@dataclass(slots=True)
class SetDoor:
    """What becomes of clients from now on. Those that are being led already stay so until the primary drops them."""

    door: Door
    target: str = ""  # LEAD: "host:port", the primary's address for clients


@dataclass(slots=True)
class DropLinks:
    """Every client link of this node ends at once, without a word: its session goes on at the other node."""


Order: TypeAlias = SendBytes | CloseLink | Log | DiskJob | Halt | DialPeer | SendPeer | ClosePeer | SetDoor | DropLinks
