"""The client, for asyncio and trio, through anyio."""

from typing import TYPE_CHECKING

from anyio import fail_after, move_on_after

from corewire._lazy import exports as _exports
from corewire_transports._opening import Opening
from corewire_transports.anyio._connect import connect
from corewire_transports.anyio.client import Client, ClientState, ClientStats
from corewire_transports.anyio.consumer import Browser, Consumer, ConsumerOptions
from corewire_transports.anyio.producer import Producer, Receipt, SendState
from corewire_transports.anyio.received import ReceivedMessage
from corewire_transports.anyio.session import Session
from corewire_transports.anyio.temporary import TemporaryQueue, TemporaryTopic

if TYPE_CHECKING:
    from corewire_transports.anyio.management import JsonValue, Management, Page, QueueStats
    from corewire_transports.anyio.notifications import Notifications
    from corewire_transports.anyio.pool import SessionPool
    from corewire_transports.anyio.transacted import TransactedSession
    from corewire_transports.anyio.xa import XaSession, XaVote

__all__ = [
    "Browser",
    "Client",
    "ClientState",
    "ClientStats",
    "Consumer",
    "ConsumerOptions",
    "JsonValue",
    "Management",
    "Notifications",
    "Opening",
    "Page",
    "Producer",
    "QueueStats",
    "Receipt",
    "ReceivedMessage",
    "SendState",
    "Session",
    "SessionPool",
    "TemporaryQueue",
    "TemporaryTopic",
    "TransactedSession",
    "XaSession",
    "XaVote",
    "connect",
    "fail_after",
    "move_on_after",
]

if not TYPE_CHECKING:  # what few programs need is imported when it is asked for
    _, __getattr__, _ = _exports(
        __name__,
        {
            "management": "JsonValue Management Page QueueStats",
            "notifications": "Notifications",
            "pool": "SessionPool",
            "transacted": "TransactedSession",
            "xa": "XaSession XaVote",
        },
    )
    __dir__ = __all__.copy
