"""A client's connection, living or lost: what belongs to it beside its sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire._connection import Connection, ConnectionConfig, Role

if TYPE_CHECKING:
    from corewire_server.core.config import CoreConfig
    from corewire_server.core.queues import Queue
    from corewire_server.core.session import Session


def connection_config(config: CoreConfig) -> ConnectionConfig:
    """The settings of the engine's half of a link."""
    override = config.connection_ttl_override_ms
    ttl_ms = config.connection_ttl_ms if override is None else override
    return ConnectionConfig(
        connection_ttl_s=None if ttl_ms < 0 else ttl_ms / 1000,
        connection_ttl_fixed=override is not None,
        confirmation_period_s=0.0,  # due at once, done at the next tick
        frame_bytes_max=config.limits.frame_bytes_max,
        frame_bytes_login_max=config.limits.frame_before_login_bytes_max,
        handshake_timeout_s=config.handshake_timeout_ms / 1000 if config.handshake_timeout_ms > 0 else None,
    )


class Link:
    """One connection. It stays in memory after its loss while sessions of it wait for their client."""

    __slots__ = (
        *("alive", "blocked", "client_id", "connection", "has_output", "number", "owned", "remote"),
        *("sessions", "subscribed", "user", "waits_until"),
    )

    def __init__(self, number: int, remote: str, connection: Connection) -> None:
        self.number = number
        self.remote = remote  # for people
        self.connection = connection
        self.alive = True  # the socket is there
        self.blocked = False  # the client does not read what is written
        self.subscribed = False  # wants to hear of changes of the topology
        self.has_output = False  # in line to be written at the end of the step
        self.client_id: str | None = None
        self.user: str | None = None
        self.sessions: dict[int, Session] = {}  # by channel
        self.owned: dict[str, Queue] = {}  # temporary queues, by name
        self.waits_until: int | None = None  # lost: when its sessions are given up

    @classmethod
    def opened(cls, number: int, remote: str, now: int, config: CoreConfig) -> Link:
        """A new connection."""
        connection = Connection(Role.SERVER, connection_config(config))
        connection.start(now / 1000)
        return cls(number, remote, connection)

    @property
    def version(self) -> int:
        """The protocol version both sides speak; 0 before it is known."""
        return self.connection.version
