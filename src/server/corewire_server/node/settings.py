"""What a node with a peer is told before it starts."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class GateMode(Enum):
    """What answers wait for while a backup is in step; alone, they wait for the disk in every mode."""

    DISK = "disk"
    DISK_AND_BACKUP = "disk+backup"
    BACKUP = "backup"  # two machines have it; the disk follows


@dataclass(frozen=True, slots=True, kw_only=True)
class PairSettings:
    """One node's side of a pair. Times in milliseconds; ``silence_ms`` must be at least ``lease_ms``, or two may serve."""

    configured_primary: bool  # who serves first when both folders are empty, and on a tie; takes the even epochs
    client_address: str  # "host:port" at which clients reach this node
    link_address: (
        str  # "host:port" of this node's own replication link; the host may be empty: where the socket comes from
    )
    peer_address: str = "the other node"  # "host:port" of the other node's replication link, as people are told it
    cluster_user: str = ""
    cluster_password: str = field(default="", repr=False)  # empty: only peers on the loopback are accepted
    gate: GateMode = GateMode.DISK_AND_BACKUP
    new: bool = False  # the operator says that an empty folder may serve without asking
    machine: bytes = b""  # names the state machines' version and what is configured in the core: equal on both nodes
    lease_ms: int = 2000  # how old the newest stamp that came back may be for a backup to be in step
    silence_ms: int = 4000  # after which a primary goes on without its backup
    heartbeat_ms: int = 250
    dial_ms: int = 200  # from one dial to the next
    start_wait_ms: int = 2000  # how long a node whose record says "alone" asks for a higher epoch
    sync_timeout_ms: int = 30_000  # how long the gate may wait for a joining backup in the critical moment

    def __post_init__(self) -> None:
        if self.lease_ms > self.silence_ms:
            raise ValueError("the lease of a backup must not outlast the primary's patience")
