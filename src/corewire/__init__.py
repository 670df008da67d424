"""The engine: sans-IO, standard library only. Applications need the values in here; embedders also the engine. All errors are in ``corewire.errors``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire.errors import (
    BrokerError,
    CallTimeout,
    ConfigError,
    ConnectionLost,
    CorewireError,
    ErrorCode,
    LocalProtocolError,
    ProtocolError,
    RemoteProtocolError,
    TransactionError,
    XaError,
)
from corewire.values import (
    AckMode,
    Address,
    AddressInfo,
    Body,
    Byte,
    Char,
    Destination,
    Float,
    Headers,
    Json,
    Long,
    MessageType,
    Object,
    PropertyValue,
    Queue,
    QueueConfiguration,
    QueueInfo,
    RoutingType,
    Short,
    Topic,
    Topology,
    TopologyMember,
    Xid,
    destination,
)

if TYPE_CHECKING:
    from corewire._channel import Channel
    from corewire._connection import Connection, ConnectionConfig, Role
    from corewire._operation import Operation
    from corewire.client._delivery import Delivery
    from corewire.client._engine import ClientEngine
    from corewire.client._ids import ConsumerId, ProducerId, SessionId
    from corewire.client.config import ClientConfig, Endpoint, LoadBalancing
    from corewire.client.message import Message
    from corewire.wire.explain import explain
    from corewire.wire.properties import Properties

__all__ = [
    "AckMode",
    "Address",
    "AddressInfo",
    "Body",
    "BrokerError",
    "Byte",
    "CallTimeout",
    "Channel",
    "Char",
    "ClientConfig",
    "ClientEngine",
    "ConfigError",
    "Connection",
    "ConnectionConfig",
    "ConnectionLost",
    "ConsumerId",
    "CorewireError",
    "Delivery",
    "Destination",
    "Endpoint",
    "ErrorCode",
    "Float",
    "Headers",
    "Json",
    "LoadBalancing",
    "LocalProtocolError",
    "Long",
    "Message",
    "MessageType",
    "Object",
    "Operation",
    "ProducerId",
    "Properties",
    "PropertyValue",
    "ProtocolError",
    "Queue",
    "QueueConfiguration",
    "QueueInfo",
    "RemoteProtocolError",
    "Role",
    "RoutingType",
    "SessionId",
    "Short",
    "Topic",
    "Topology",
    "TopologyMember",
    "TransactionError",
    "XaError",
    "Xid",
    "destination",
    "explain",
]

_HOMES = {
    "corewire._channel": ("Channel",),
    "corewire._connection": ("Connection", "ConnectionConfig", "Role"),
    "corewire._operation": ("Operation",),
    "corewire.client._delivery": ("Delivery",),
    "corewire.client._engine": ("ClientEngine",),
    "corewire.client._ids": ("ConsumerId", "ProducerId", "SessionId"),
    "corewire.client.config": ("ClientConfig", "Endpoint", "LoadBalancing"),
    "corewire.client.message": ("Message",),
    "corewire.wire.explain": ("explain",),
    "corewire.wire.properties": ("Properties",),
}


def __getattr__(name: str) -> object:
    """Import on first use: a broker has no need of the client, and its start is timed."""
    home = next((module for module, names in _HOMES.items() if name in names), None)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(home), name)
    globals()[name] = value
    return value
