"""The engine: sans-IO, standard library only. Applications need the values in here; embedders also the engine. All errors are in ``corewire.errors``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire._lazy import exports as _exports

if TYPE_CHECKING:
    from corewire._channel import Channel as Channel
    from corewire._connection import Connection as Connection
    from corewire._connection import ConnectionConfig as ConnectionConfig
    from corewire._connection import Role as Role
    from corewire._operation import Operation as Operation
    from corewire.client._delivery import Delivery as Delivery
    from corewire.client._engine import ClientEngine as ClientEngine
    from corewire.client._ids import ConsumerId as ConsumerId
    from corewire.client._ids import ProducerId as ProducerId
    from corewire.client._ids import SessionId as SessionId
    from corewire.client._interceptors import Interceptor as Interceptor
    from corewire.client._tries import TryOutcome as TryOutcome
    from corewire.client.config import ClientConfig as ClientConfig
    from corewire.client.config import Discovery as Discovery
    from corewire.client.config import Endpoint as Endpoint
    from corewire.client.config import LoadBalancing as LoadBalancing
    from corewire.client.config import Tls as Tls
    from corewire.client.message import Message as Message
    from corewire.errors import BrokerError as BrokerError
    from corewire.errors import CallTimeout as CallTimeout
    from corewire.errors import ConfigError as ConfigError
    from corewire.errors import ConnectionLost as ConnectionLost
    from corewire.errors import CorewireError as CorewireError
    from corewire.errors import ErrorCode as ErrorCode
    from corewire.errors import LocalProtocolError as LocalProtocolError
    from corewire.errors import ProtocolError as ProtocolError
    from corewire.errors import RemoteProtocolError as RemoteProtocolError
    from corewire.errors import TransactionError as TransactionError
    from corewire.errors import XaError as XaError
    from corewire.values import AckMode as AckMode
    from corewire.values import Address as Address
    from corewire.values import AddressInfo as AddressInfo
    from corewire.values import Body as Body
    from corewire.values import Byte as Byte
    from corewire.values import Char as Char
    from corewire.values import Destination as Destination
    from corewire.values import Float as Float
    from corewire.values import Headers as Headers
    from corewire.values import Json as Json
    from corewire.values import Long as Long
    from corewire.values import MessageType as MessageType
    from corewire.values import Object as Object
    from corewire.values import PropertyValue as PropertyValue
    from corewire.values import Queue as Queue
    from corewire.values import QueueConfiguration as QueueConfiguration
    from corewire.values import QueueInfo as QueueInfo
    from corewire.values import RoutingType as RoutingType
    from corewire.values import Short as Short
    from corewire.values import Topic as Topic
    from corewire.values import Topology as Topology
    from corewire.values import TopologyMember as TopologyMember
    from corewire.values import Xid as Xid
    from corewire.values import destination as destination
    from corewire.wire.explain import explain as explain
    from corewire.wire.properties import Properties as Properties
else:
    __all__, __getattr__, __dir__ = _exports(
        __name__,
        {
            "_channel": "Channel",
            "_connection": "Connection ConnectionConfig Role",
            "_operation": "Operation",
            "client._delivery": "Delivery",
            "client._engine": "ClientEngine",
            "client._ids": "ConsumerId ProducerId SessionId",
            "client._interceptors": "Interceptor",
            "client._tries": "TryOutcome",
            "client.config": "ClientConfig Discovery Endpoint LoadBalancing Tls",
            "client.message": "Message",
            "errors": (
                "BrokerError CallTimeout ConfigError ConnectionLost CorewireError ErrorCode LocalProtocolError ProtocolError "
                "RemoteProtocolError TransactionError XaError"
            ),
            "values": (
                "AckMode Address AddressInfo Body Byte Char Destination Float Headers Json Long MessageType Object "
                "PropertyValue Queue QueueConfiguration QueueInfo RoutingType Short Topic Topology TopologyMember Xid destination"
            ),
            "wire.explain": "explain",
            "wire.properties": "Properties",
        },
    )
