"""
Closed unions: `Event`, what a Connection noticed; `ClientEvent`, what an application may want to know; `ClientWarning`, what is
written into the log.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from datetime import datetime

    from corewire.client.config import Endpoint
    from corewire.errors import CorewireError
    from corewire.values import Topology
    from corewire.wire.properties import Properties


class DisconnectReason(IntEnum):
    """Why a broker says goodbye."""

    REDIRECT = 0
    REDIRECT_ON_CRITICAL_ERROR = 1
    SCALE_DOWN = 2  #: also an ordinary stop: the target is then None
    SCALE_DOWN_ON_CRITICAL_ERROR = 3
    SHUT_DOWN = 4
    SHUT_DOWN_ON_CRITICAL_ERROR = 5

    @property
    def critical(self) -> bool:
        """The broker stops because something in it is broken."""
        return self.value % 2 == 1


# -- the client's story, in order: Connected, then per failure FailureDetected, Reconnecting*, and one of three outcomes


@dataclass(frozen=True, slots=True)
class Connected:
    """The first connection is up."""

    endpoint: Endpoint
    node_id: str | None
    version: int


@dataclass(frozen=True, slots=True)
class Disconnecting:
    """The broker announced its end."""

    reason: DisconnectReason
    target_node_id: str | None


@dataclass(frozen=True, slots=True)
class FailureDetected:
    """The connection is lost; what follows is Reconnecting or FailoverFailed."""

    error: CorewireError
    endpoint: Endpoint


@dataclass(frozen=True, slots=True)
class Reconnecting:
    """An attempt begins after ``delay_s`` seconds."""

    attempt: int
    endpoint: Endpoint
    delay_s: float


@dataclass(frozen=True, slots=True)
class Reattached:
    """Every session continued where it was. Nothing is lost, no call fails."""

    endpoint: Endpoint
    error: CorewireError
    replayed_packets: int
    outage_s: float
    failed_over: Literal[True] = True
    code: Literal["FAILOVER"] = "FAILOVER"


@dataclass(frozen=True, slots=True)
class FailedOver:
    """Connected again, but at least one session had to be recreated: calls in flight on it raised Unblocked."""

    endpoint: Endpoint
    error: CorewireError
    recreated_sessions: int
    reattached_sessions: int
    outage_s: float
    failed_over: Literal[True] = True
    code: Literal["FAILOVER"] = "FAILOVER"


@dataclass(frozen=True, slots=True)
class FailoverFailed:
    """Gave up: all sessions are closed."""

    error: CorewireError
    scale_down_target: str | None
    failed_over: Literal[False] = False
    code: Literal["DISCONNECT"] = "DISCONNECT"


@dataclass(frozen=True, slots=True)
class TopologyChanged:
    """The broker told of its cluster."""

    topology: Topology


@dataclass(frozen=True, slots=True)
class ProducerBlocked:
    """No credits for this address: senders wait."""

    address: str


@dataclass(frozen=True, slots=True)
class ProducerUnblocked:
    """Credits came; the first sender had waited ``waited_s`` seconds."""

    address: str
    waited_s: float


@dataclass(frozen=True, slots=True)
class ConsumerClosedByBroker:
    """The queue was deleted, or the broker closed the consumer for another reason."""

    queue: str


@dataclass(frozen=True, slots=True)
class EventsMissed:
    """The reader of events() was too slow."""

    count: int


ClientEvent: TypeAlias = (
    Connected
    | Disconnecting
    | FailureDetected
    | Reconnecting
    | Reattached
    | FailedOver
    | FailoverFailed
    | TopologyChanged
    | ProducerBlocked
    | ProducerUnblocked
    | ConsumerClosedByBroker
    | EventsMissed
)


@dataclass(frozen=True, slots=True)
class Notification:
    """A broker notification."""

    type: str
    timestamp: datetime
    properties: Properties


# -- what goes into the log: nothing of the client's story depends on it


@dataclass(frozen=True, slots=True)
class QueueMayForget:
    """Exactly-once with a queue that the broker deletes when it is empty: the ids of what was sent there go with it."""

    queue: str


@dataclass(frozen=True, slots=True)
class InterceptorFailed:
    """An interceptor raised, or returned what is no message. The message passed as it was."""

    interceptor: str
    error: Exception


ClientWarning: TypeAlias = QueueMayForget | InterceptorFailed


# -- what a Connection noticed


@dataclass(frozen=True, slots=True)
class HandshakeCompleted:
    """The peer named its version: ``version`` is what both sides speak."""

    version: int


@dataclass(slots=True)  # per message, so not frozen
class PacketReceived:
    """A packet for the owner, or for the session of its channel."""

    channel: int
    packet: object  #: one of ``corewire.wire.packets``
    size_bytes: int  #: of the whole frame, for ``Channel.processed``
    countable: bool  #: whether ``Channel.processed`` is to be called for it


@dataclass(frozen=True, slots=True)
class PeerSilent:
    """Nothing came for the connection's time to live. The connection is closed; no event follows."""

    ttl_s: float


@dataclass(frozen=True, slots=True)
class ConnectionClosed:
    """The link ended. No event follows."""

    error: CorewireError | None


@dataclass(frozen=True, slots=True)
class TraceRecord:
    """What ``ConnectionConfig.trace`` is called with: a frame that came, or a chunk that goes out."""

    sent: bool
    data: bytes


Event: TypeAlias = HandshakeCompleted | PacketReceived | PeerSilent | ConnectionClosed
