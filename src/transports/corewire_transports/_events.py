"""``Client.events()``: what happens to a client, kept for a reader that may be slow."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from corewire import Operation
from corewire.events import EventsMissed

if TYPE_CHECKING:
    from corewire.events import ClientEvent

__all__ = ["EventQueue"]


class EventQueue:
    """Events for one reader. Beyond ``size`` the oldest are dropped, and the reader is told how many."""

    def __init__(self, size: int) -> None:
        self._events: deque[ClientEvent] = deque()
        self._size = size
        self._missed = 0
        self._ended = False
        self._reader: Operation[ClientEvent | None] | None = None

    def put(self, event: ClientEvent) -> Operation[ClientEvent | None] | None:
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

    def end(self) -> Operation[ClientEvent | None] | None:
        """The client is closed: what is kept can still be read, then comes the end (None)."""
        self._ended = True
        if self._reader is None:
            return None
        reader, self._reader = self._reader, None
        reader.succeed(None)
        return reader

    def next(self) -> Operation[ClientEvent | None]:
        """The next event, or None at the end. One reader at a time."""
        operation: Operation[ClientEvent | None] = Operation()
        if self._missed:
            operation.succeed(EventsMissed(self._missed))
            self._missed = 0
        elif self._events:
            operation.succeed(self._events.popleft())
        elif self._ended:
            operation.succeed(None)
        else:
            self._reader = operation
        return operation

    def withdraw(self) -> None:
        """The reader does not wait any more."""
        self._reader = None
