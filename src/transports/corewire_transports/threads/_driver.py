"""The threads driver: one daemon thread turns the engine; callers wait, each for its own operation."""

from __future__ import annotations

import logging
import math
import os
import socket
import threading
import time
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from corewire.errors import LocalProtocolError
from corewire_transports._deadline import check, nearest, woken_by
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


class Driver:
    """
    Moves one engine. Callers run commands in their own thread and write what results at once; the driver's thread reads, keeps the
    time and writes what a socket did not take. One lock guards the engine.
    """

    def __init__(self, engine: ClientEngine, on_event: Callable[[ClientEvent], None] | None) -> None:
        self.engine = engine
        self._on_event = on_event
        self._lock = threading.RLock()
        self._sockets = Sockets(engine, self._wake, self._notify)
        self._waiting: dict[int, threading.Event] = {}
        self._queues: list[EventQueue] = []
        self._pid = os.getpid()
        self._ended = False
        self._sleeping_until = math.inf
        self._bell, self._ear = socket.socketpair()
        self._bell.setblocking(False)
        self._ear.setblocking(False)
        self._sockets.selector.register(self._ear, 1, None)
        self._thread = threading.Thread(target=self._run, name="corewire", daemon=True)

    def start(self) -> None:
        """Connect: returns when the first connection is up, or raises what prevented it."""
        self._thread.start()
        try:
            self.call(self.engine.start)
        except BaseException:
            self.close()
            raise

    def call(self, command: Callable[Concatenate[float, P], Operation[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a command of the engine and wait for its operation. Leaving early abandons it."""
        return self.wait(self.begin(command, *args, **kwargs))

    def begin(self, command: Callable[Concatenate[float, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a command of the engine and perform its effects, without waiting."""
        if os.getpid() != self._pid:
            raise LocalProtocolError("a client does not survive fork", hint="Connect again in the child process.")
        with self._lock:
            result = command(time.monotonic(), *args, **kwargs)
            self._after()
        return result

    def wait(self, operation: Operation[T]) -> T:
        """Wait for an operation, at most until a deadline of the caller."""
        event = threading.Event()
        with self._lock:
            if operation.done:
                return operation.result()
            self._waiting[id(operation)] = event
        try:
            with woken_by(event.set):
                while not operation.done:
                    check()
                    left = nearest() - time.monotonic()
                    event.wait(None if left == math.inf else max(0.0, left))
                    if not operation.done:
                        event.clear()
        except BaseException:
            with self._lock:
                if not operation.done:  # else it was handed over already, and is returned in spite of the deadline
                    self.engine.abandon(time.monotonic(), operation)
                    self._after()
                    raise
        finally:
            self._waiting.pop(id(operation), None)
        return operation.result()

    def subscribe(self, queue: EventQueue) -> None:
        """Put every event from now on into ``queue`` as well."""
        with self._lock:
            self._queues.append(queue)

    def close(self) -> None:
        """Close the client and end the thread. Takes a second at most beyond what the engine waits for."""
        try:
            if not self._ended:
                self.call(self.engine.close)
        finally:
            with self._lock:
                self._ended = True
                for queue in self._queues:
                    if (reader := queue.end()) is not None:
                        self._wake(reader)
                self._ring()
            if self._thread is not threading.current_thread() and self._thread.ident is not None:
                self._thread.join(2.0)

    # -- the thread --------------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        give_up_at = math.inf
        while True:
            with self._lock:
                if self._ended:
                    give_up_at = min(give_up_at, time.monotonic() + 1.0)
                    if self._sockets.idle or time.monotonic() >= give_up_at:
                        break
                deadline = self._sockets.next_timeout()
                self._sleeping_until = min(give_up_at, math.inf if deadline is None else deadline)
            left = self._sleeping_until - time.monotonic()
            ready = self._sockets.selector.select(None if left == math.inf else max(0.0, left))
            with self._lock:
                self._sleeping_until = -math.inf
                self._listen()
                self._sockets.turn(ready)
        with self._lock:
            self._sockets.close()
            self._bell.close()
            self._ear.close()

    def _after(self) -> None:
        """Perform what a command caused; wake the thread if it would sleep past the new nearest deadline."""
        self._sockets.perform()
        deadline = self._sockets.next_timeout()
        if deadline is not None and deadline < self._sleeping_until:
            self._ring()

    def _ring(self) -> None:
        try:
            self._bell.send(b"\0")
        except (BlockingIOError, OSError):  # rung already, or the thread has ended
            return

    def _listen(self) -> None:
        try:
            self._ear.recv(4096)
        except BlockingIOError:
            return

    def _wake(self, operation: Operation[Any]) -> None:
        if (event := self._waiting.get(id(operation))) is not None:
            event.set()

    def _notify(self, event: ClientEvent) -> None:
        if self._on_event is not None:
            try:
                self._on_event(event)
            except Exception:
                logger.exception("on_event raised for %r", event)
        for queue in self._queues:
            if (reader := queue.put(event)) is not None:
                self._wake(reader)
