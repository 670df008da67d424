"""The blocking driver: no thread, no loop; the caller's own call turns the engine."""

from __future__ import annotations

import logging
import math
import os
import time
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from corewire.errors import LocalProtocolError
from corewire_transports._deadline import check, nearest
from corewire_transports._sockets import Sockets

if TYPE_CHECKING:
    from collections.abc import Callable

    from corewire import ClientEngine
    from corewire._operation import Operation
    from corewire.events import ClientEvent
    from corewire_transports._events import EventQueue

__all__ = ["Driver"]

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger("corewire")

GLANCE_S = 0.05  # how soon a deadline that another thread cancels is seen


class Driver:
    """Moves one engine inside the calls of one thread: pings, confirmations and failover happen only while a call waits."""

    def __init__(self, engine: ClientEngine, on_event: Callable[[ClientEvent], None] | None) -> None:
        self.engine = engine
        self._on_event = on_event
        self._sockets = Sockets(engine, self._wake, self._notify)
        self._queues: list[EventQueue] = []
        self._pid = os.getpid()
        self._ended = False

    def start(self) -> None:
        """Connect: returns when the first connection is up, or raises what prevented it."""
        try:
            self.call(self.engine.start)
        except BaseException:
            self.close()
            raise

    def call(self, command: Callable[Concatenate[float, P], Operation[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a command of the engine and turn it until its operation is done. Leaving early abandons it."""
        return self.wait(self.begin(command, *args, **kwargs))

    def begin(self, command: Callable[Concatenate[float, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a command of the engine and perform its effects, without waiting."""
        if os.getpid() != self._pid:
            raise LocalProtocolError("a client does not survive fork", hint="Connect again in the child process.")
        result = command(time.monotonic(), *args, **kwargs)
        self._sockets.perform()
        return result

    def wait(self, operation: Operation[T]) -> T:
        """Turn the engine until the operation is done, at most until a deadline of the caller."""
        try:
            while not operation.done:
                check()
                self.turn(nearest())
        except BaseException:
            if not operation.done:  # else it was handed over already, and is returned in spite of the deadline
                self.engine.abandon(time.monotonic(), operation)
                self._sockets.perform()
                raise
        return operation.result()

    def turn(self, until: float) -> None:
        """Wait for input or time, at most until ``until`` on the monotonic clock, and let the engine have it."""
        deadline = self._sockets.next_timeout()
        left = min(until, math.inf if deadline is None else deadline) - time.monotonic()
        if until != math.inf:
            left = min(left, GLANCE_S)
        self._sockets.turn(self._sockets.selector.select(None if left == math.inf else max(0.0, left)))

    def subscribe(self, queue: EventQueue) -> None:
        """Put every event from now on into ``queue`` as well."""
        self._queues.append(queue)

    def close(self) -> None:
        """Close the client. Takes a second at most beyond what the engine waits for."""
        if self._ended:
            return
        self._ended = True
        try:
            self.call(self.engine.close)
            give_up_at = time.monotonic() + 1.0
            while not self._sockets.idle and time.monotonic() < give_up_at:
                self.turn(give_up_at)
        finally:
            self._sockets.close()
            for queue in self._queues:
                queue.end()

    def _wake(self, operation: Operation[Any]) -> None:
        """Nobody sleeps: ``wait`` looks at its operation after every turn."""

    def _notify(self, event: ClientEvent) -> None:
        if self._on_event is not None:
            try:
                self._on_event(event)
            except Exception:
                logger.exception("on_event raised for %r", event)
        for queue in self._queues:
            queue.put(event)
