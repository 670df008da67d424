# Made from the anyio one by scripts/gen_facades.py. Do not edit.
"""The client, for plain threads."""

from typing import TYPE_CHECKING

from corewire._lazy import exports as _exports
from corewire_transports._deadline import fail_after, move_on_after
from corewire_transports.threads._connect import connect
from corewire_transports.threads.client import Client, ClientState, ClientStats
from corewire_transports.threads.consumer import Browser, Consumer, ConsumerOptions
from corewire_transports.threads.producer import Producer, Receipt, SendState
from corewire_transports.threads.received import ReceivedMessage
from corewire_transports.threads.session import Session
from corewire_transports.threads.temporary import TemporaryQueue, TemporaryTopic

if TYPE_CHECKING:
    from corewire_transports.threads.management import JsonValue, Management, Page, QueueStats
    from corewire_transports.threads.notifications import Notifications
    from corewire_transports.threads.pool import SessionPool
    from corewire_transports.threads.transacted import TransactedSession
    from corewire_transports.threads.xa import XaSession, XaVote

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
