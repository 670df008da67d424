"""Notifications of a broker: which ones are asked for, and what a message of them says (docs/protocol/index.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from corewire.client._headers import instant
from corewire.errors import RemoteProtocolError
from corewire.events import Notification
from corewire.values import Topic
from corewire.wire.properties import Properties

if TYPE_CHECKING:
    from corewire.client.message import Message

NOTIFICATIONS: Final = Topic("activemq.notifications")
_TYPE: Final = "_AMQ_NotifType"
_TIMESTAMP: Final = "_AMQ_NotifTimestamp"


def selector_for(types: tuple[str, ...]) -> str | None:
    """What selects notifications of these types, all if there are none. Raises ValueError for what can be no type."""
    for each in types:
        if not (each.isascii() and each.replace("_", "").isalnum() and each == each.upper()):
            raise ValueError(f"{each!r} is no type of notifications; they are written like CONSUMER_CREATED")
    listed = ", ".join(f"'{each}'" for each in dict.fromkeys(types))
    return f"{_TYPE} IN ({listed})" if listed else None


def read_notification(message: Message) -> Notification:
    """What a message says. Raises RemoteProtocolError for one that is no notification."""
    properties = dict(message.properties)
    kind, at_ms = properties.pop(_TYPE, None), properties.pop(_TIMESTAMP, None)
    when = instant(at_ms) if isinstance(at_ms, int) else None
    if not isinstance(kind, str) or when is None:
        raise RemoteProtocolError("a message at the notification address is no notification")
    return Notification(kind, when, Properties(properties))
