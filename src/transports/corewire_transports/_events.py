"""What happens to a client, for those who asked: ``on_event`` at once, ``Client.events()`` for readers that may be slow, the log."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, TypeAlias
from weakref import WeakSet

from corewire import Operation
from corewire.events import EventsMissed, InterceptorFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from corewire.client._context import Counters
    from corewire.events import ClientEvent, ClientWarning

__all__ = ["Audience", "EventQueue", "log_warnings"]

logger = logging.getLogger("corewire")

Reading: TypeAlias = "Operation[ClientEvent | None]"


def log_warnings(warnings: deque[ClientWarning]) -> None:
    """Write into the log what an engine warns of, and take it out."""
    while warnings:
        warning = warnings.popleft()
        if isinstance(warning, InterceptorFailed):
            logger.error("%s failed; the message passed as it was", warning.interceptor, exc_info=warning.error)
        else:
            logger.warning(
                "queue %r is deleted when it is empty, and what it knows of duplicates with it", warning.queue
            )


class EventQueue:
    """Events for one reader. Beyond ``size`` the oldest are dropped, and the reader is told how many."""

    def __init__(self, size: int) -> None:
        self._events: deque[ClientEvent] = deque()
        self._size = size
        self._missed = 0
        self._ended = False
        self._reader: Reading | None = None

    def put(self, event: ClientEvent) -> Reading | None:
        """Keep an event, or give it to the reader that waits; then it is the driver's to wake that one."""
        if self._reader is not None:
            reader, self._reader = self._reader, None
            reader.succeed(event)
            return reader
        if len(self._events) >= self._size:
            self._events.popleft()
            self._missed += 1
        self._events.append(event)
        return None

    def end(self) -> Reading | None:
        """The client is closed: what is kept can still be read, then comes the end (None)."""
        self._ended = True
        if self._reader is None:
            return None
        reader, self._reader = self._reader, None
        reader.succeed(None)
        return reader

    def next(self) -> Reading:
        """The next event, or None at the end. One reader at a time."""
        assert self._reader is None, "somebody else is reading these events"
        reading: Reading = Operation()
        if self._missed:
            reading.succeed(EventsMissed(self._missed))
            self._missed = 0
        elif self._events:
            reading.succeed(self._events.popleft())
        elif self._ended:
            reading.succeed(None)
        else:
            self._reader = reading
        return reading

    def give_back(self, reading: Reading) -> None:
        """The reader does not wait any more, and has not seen what it may have been given."""
        if self._reader is reading:
            self._reader = None
        elif (event := reading.result()) is not None:
            self._events.appendleft(event)


class Audience:
    """Everybody who wants to know of one client's events. Queues that nobody reads any more go by themselves."""

    def __init__(self, counters: Counters, on_event: Callable[[ClientEvent], None] | None) -> None:
        self._counters = counters
        self._maybe_lost = 0  # so many were told
        self._on_event = on_event
        self._queues: WeakSet[EventQueue] = WeakSet()
        self._over = False

    def join(self, size: int) -> EventQueue:
        """Keep events from now on for one more reader."""
        queue = EventQueue(size)
        if self._over:
            queue.end()
        self._queues.add(queue)
        return queue

    def tell(self, event: ClientEvent) -> list[Reading]:
        """Something happened. Returns whom to wake."""
        if (maybe_lost := self._counters.messages_maybe_lost) > self._maybe_lost:
            logger.warning("%d messages that were not durable may be lost", maybe_lost - self._maybe_lost)
            self._maybe_lost = maybe_lost
        if self._on_event is not None:
            try:
                self._on_event(event)
            except Exception:
                logger.exception("on_event raised for %r", event)
        return [reading for queue in self._queues if (reading := queue.put(event)) is not None]

    def dismiss(self) -> list[Reading]:
        """The client is closed. Returns whom to wake."""
        self._over = True
        return [reading for queue in self._queues if (reading := queue.end()) is not None]
