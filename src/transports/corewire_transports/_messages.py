"""From what a call is given to what is sent: destinations, messages, the wall clock. The same in all worlds."""

from __future__ import annotations

import time
from functools import lru_cache
from typing import TYPE_CHECKING

from corewire import Message, Queue, Topic, destination

if TYPE_CHECKING:
    from corewire import Body, Destination, Headers, MessageType

__all__ = ["as_destination", "as_message", "as_queue_name", "as_topic", "as_typed_message", "wall_ms"]

_read = lru_cache(maxsize=256)(destination)


def as_destination(to: str | Destination, /) -> Destination:
    """A destination, written or made. Raises ValueError."""
    return _read(to) if isinstance(to, str) else to


def as_queue_name(queue: str | Queue, /) -> str:
    """The name of a queue to consume, ``address::queue`` included. Raises ValueError for what is no queue."""
    found = as_destination(queue)
    if not isinstance(found, Queue):
        raise ValueError(f"{found} is no queue; topics are consumed with subscribe()")
    return found.name


def as_topic(topic: str | Topic, /) -> Topic:
    """A topic to subscribe to; a plain string is one. Raises ValueError for what is none."""
    found = Topic(topic) if isinstance(topic, str) and "://" not in topic else as_destination(topic)
    if not isinstance(found, Topic):
        raise ValueError(f"{found} is no topic; queues are consumed with consumer()")
    return found


def as_message(body: Body | Message, headers: Headers) -> Message:
    """The message of a send: made of its keywords, or one that exists, in which keywords win."""
    if isinstance(body, Message):
        return body.replace(**headers) if headers else body
    return Message(body, **headers)


def as_typed_message(kind: MessageType, headers: Headers) -> Message:
    """A message of a type, without a body."""
    return Message._of_type(kind, None, **headers)


def wall_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000
