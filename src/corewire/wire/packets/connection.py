"""The connection itself: pings, goodbyes and the topology (channel 0)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from corewire.wire.versions import VERSION

if TYPE_CHECKING:
    from corewire.wire.types import (
        Bool,
        Byte,
        Group,
        GroupCount,
        IfEqual,
        Int,
        Long,
        NullableSimpleString,
        NullableString,
        OptionalConnector,
        String,
    )


@dataclass(slots=True)
class Ping:
    """The sender's connection TTL in milliseconds, -1 for none. A server echoes the packet."""

    TYPE: ClassVar[int] = 10
    NAME: ClassVar[str] = "PING"

    connection_ttl: Long


@dataclass(slots=True)
class Disconnect:
    TYPE: ClassVar[int] = 11
    NAME: ClassVar[str] = "DISCONNECT"

    node_id: NullableSimpleString


@dataclass(slots=True)
class DisconnectV2:
    TYPE: ClassVar[int] = 124
    NAME: ClassVar[str] = "DISCONNECT_V2"

    node_id: NullableSimpleString
    scale_down_node_id: NullableSimpleString = None


@dataclass(slots=True)
class DisconnectV3:
    """Reasons: 0 redirect, 2 scale-down, 4 shut-down; each plus 1 for a critical error."""

    TYPE: ClassVar[int] = -19
    NAME: ClassVar[str] = "DISCONNECT_V3"

    node_id: NullableSimpleString
    reason: Byte
    target_node_id: NullableSimpleString = None
    target_connector: OptionalConnector = None


@dataclass(slots=True)
class SubscribeTopology:
    TYPE: ClassVar[int] = 112
    NAME: ClassVar[str] = "SUBSCRIBE_TOPOLOGY"

    cluster_connection: Bool


@dataclass(slots=True)
class SubscribeTopologyV2:
    """Also tells the server the client's version, which later frames are decoded by."""

    TYPE: ClassVar[int] = 113
    NAME: ClassVar[str] = "SUBSCRIBE_TOPOLOGY_V2"

    cluster_connection: Bool = False
    client_version: Int = VERSION


@dataclass(slots=True)
class ClusterTopology:
    TYPE: ClassVar[int] = 110
    NAME: ClassVar[str] = "CLUSTER_TOPOLOGY"

    exit: Bool
    node_id: String
    primary: Annotated[OptionalConnector, IfEqual("exit", False)] = None
    backup: Annotated[OptionalConnector, IfEqual("exit", False)] = None
    last: Annotated[Bool | None, IfEqual("exit", False)] = None


@dataclass(slots=True)
class ClusterTopologyV2:
    """A node is gone (``exit``, at any version), or is up."""

    TYPE: ClassVar[int] = 114
    NAME: ClassVar[str] = "CLUSTER_TOPOLOGY_V2"

    exit: Bool
    node_id: String
    unique_event_id: Long
    primary: Annotated[OptionalConnector, IfEqual("exit", False)] = None
    backup: Annotated[OptionalConnector, IfEqual("exit", False)] = None
    last: Annotated[Bool | None, IfEqual("exit", False)] = None
    backup_group_name: Annotated[NullableString, Group(1)] = None
    groups_present: GroupCount = 1


@dataclass(slots=True)
class ClusterTopologyV3:
    TYPE: ClassVar[int] = 122
    NAME: ClassVar[str] = "CLUSTER_TOPOLOGY_V3"

    exit: Bool
    node_id: String
    unique_event_id: Long
    primary: Annotated[OptionalConnector, IfEqual("exit", False)] = None
    backup: Annotated[OptionalConnector, IfEqual("exit", False)] = None
    last: Annotated[Bool | None, IfEqual("exit", False)] = None
    backup_group_name: NullableString = None
    scale_down_group_name: NullableString = None


@dataclass(slots=True)
class ClusterTopologyV4:
    """Also tells the client the server's version. ``last`` ends the first batch, which clients wait for."""

    TYPE: ClassVar[int] = -17
    NAME: ClassVar[str] = "CLUSTER_TOPOLOGY_V4"

    exit: Bool
    node_id: String
    unique_event_id: Long
    primary: Annotated[OptionalConnector, IfEqual("exit", False)] = None
    backup: Annotated[OptionalConnector, IfEqual("exit", False)] = None
    last: Annotated[Bool | None, IfEqual("exit", False)] = None
    backup_group_name: NullableString = None
    scale_down_group_name: NullableString = None
    server_version: Int = VERSION
