"""One link of the client: dialled, greeted, told of the cluster, and used by the sessions until it is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire._connection import Connection, ConnectionConfig, Role
from corewire.client._calls import Command
from corewire.client._control import Ask, Control
from corewire.errors import NotConnected
from corewire.wire import packets

if TYPE_CHECKING:
    from collections.abc import Callable

    from corewire.client._control import ControlScript
    from corewire.client.config import ClientConfig, Endpoint
    from corewire.events import TraceRecord

TOPOLOGY_CHANNEL = 0


class Link:
    """``number`` names it to the driver. ``connection`` is there once the driver says that it is up."""

    def __init__(self, number: int, endpoint: Endpoint) -> None:
        self.number = number
        self.endpoint = endpoint
        self.node_id: str | None = None  #: of its broker, once that was known
        self.mentioned: dict[str, None] | None = {}  #: members of the first batch of the topology; None: it is complete
        self._connection: Connection | None = None
        self._control: Control | None = None

    @property
    def where(self) -> str:
        """Where it goes, for errors."""
        return f"tcp://{self.endpoint.host}:{self.endpoint.port}"

    @property
    def up(self) -> bool:
        """Whether it was dialled with success."""
        return self._connection is not None

    @property
    def connection(self) -> Connection:
        """Only of a link that is up."""
        assert self._connection is not None
        return self._connection

    @property
    def control(self) -> Control:
        """Only of a link that is up."""
        assert self._control is not None
        return self._control

    def start(
        self, now: float, config: ClientConfig, version: int, trace: Callable[[TraceRecord], None] | None
    ) -> None:
        """The driver has connected."""
        self._connection = Connection(
            Role.CLIENT,
            ConnectionConfig(
                connection_ttl_s=config.connection_ttl_s,
                failure_check_period_s=config.client_failure_check_period_s,
                trace=trace,
            ),
        )
        self._control = Control(self._connection, config.call_timeout_s, self.where)
        self._connection.start(now)
        if version:
            self._connection.assume_version(version)

    def open(self, node_id: str | None) -> ControlScript[None]:
        """Ask whether the broker stands in for the one that was lost, and wait until it told its cluster."""
        if node_id is not None:
            reply = yield Ask(Command(packets.CheckForFailover(node_id), packets.CheckForFailoverReply))
            if not reply.ok_to_failover:
                raise NotConnected("the broker does not stand in for the one that was lost")
        yield Ask(Command(packets.SubscribeTopologyV2(), packets.ClusterTopologyV4), TOPOLOGY_CHANNEL)

    def close(self, now: float) -> None:
        """It is lost, or given up."""
        if self._control is not None:
            self._control.close()
        if self._connection is not None:
            self._connection.close(now)
