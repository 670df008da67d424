"""What a node tells people about itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerStatus:
    """The other node, as this one knows it."""

    role: str = "unknown"
    epoch: int = 0
    client_address: str = ""
    link_address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """One node at one moment: plain values, so that ``dataclasses.asdict`` is JSON."""

    role: str  # the value of an ha.roles.Role; "primary" for a node without a peer
    epoch: int
    node_id: str
    serving: bool  # clients are answered
    standing: str | None  # of the last mark that is on disk; None: an empty folder
    place: int
    in_step: bool  # primary: its backup has a place, and is heard; backup: it has one, and the lease runs
    lease_age_ms: int | None  # backup: of the newest stamp that came back; primary: since something was heard
    last_input: int  # numbered (primary) or received (backup)
    input_age_ms: int | None = None  # since it came; None: none came since this node started
    acknowledged: int  # of them, by the backup
    executed: int
    lag_inputs: int
    lag_bytes: int
    lag_ms: int
    waits_for: str  # why it does not serve, for people; "" when it does
    fell_out: int  # how often a backup lost its place unasked since this node started
    links_led: int = 0  # clients that came to a backup and were led to the primary, since this node started
    peer: PeerStatus | None = None  # None: there is none
