"""The blocking driver: no thread, no loop; the caller's own call turns the engine."""

from __future__ import annotations

import math
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from corewire.errors import ConnectionLost, LocalProtocolError, NotConnected, ObjectClosed
from corewire_transports._deadline import Expired, check, guarded, move_on_after, nearest
from corewire_transports._events import Audience
from corewire_transports._process import Birthplace
from corewire_transports._sockets import LINGER_S, Sockets

if TYPE_CHECKING:
    from collections.abc import Callable
    from ssl import SSLContext

    from corewire import ClientEngine, Operation
    from corewire.events import ClientEvent
    from corewire_transports._events import EventQueue

__all__ = ["Driver"]

P = ParamSpec("P")
T = TypeVar("T")

GLANCE_S = 0.05  # how soon a deadline is seen that a signal handler or another thread cancels
UNWRITTEN_BYTES_MAX = 1_048_576  # beyond it callers wait until the sockets took some
CALLS_IN_A_ROW_MAX = 64  # then what came is read,
MESSAGE = 1  # where a message of a loop counts as so many
GATHERED_MAX = 64  # commands; then their effects are performed
GATHER_S = 0.001  # after effects were performed: those of what comes so soon leave with the next ones


class Driver:
    """Moves one engine inside the calls of one thread: pings, confirmations and failover happen only while a call waits."""

    caller = staticmethod(threading.get_ident)
    interruption = Expired  #: what a deadline of the caller raises in `wait`
    shared = False  #: nobody else acts while a call waits

    def __init__(
        self,
        engine: ClientEngine,
        on_event: Callable[[ClientEvent], None] | None,
        ssl_context: SSLContext | None = None,
    ) -> None:
        self.engine = engine
        self._sockets = Sockets(engine, (), self.wake, self._notify, ssl_context)
        self._audience = Audience(engine.counters, on_event)
        self._calls_in_a_row = 0
        self._gathered = 0  # commands whose effects were not performed yet
        self._performed_at = -math.inf
        self._birthplace = Birthplace()
        self._inside = False
        self._close_asked = False
        self._ended = False
        self._broken: BaseException | None = None

    @property
    def entered(self) -> bool:
        """Whether the caller is in the middle of a command."""
        return self._inside

    def start(self) -> None:
        """Connect: returns when the first connection is up, or raises what prevented it."""
        try:
            self.call(self.engine.start)
        except BaseException:
            self.close()
            raise

    def call(self, command: Callable[Concatenate[float, P], Operation[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a command of the engine and turn it until its operation is done. Leaving early abandons it."""
        if self.must_give_way():
            self.give_way()
        operation = self.begin(command, *args, **kwargs)
        return operation.result() if operation.done else self._answer(operation)

    def call_soon(self, command: Callable[Concatenate[float, P], Operation[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """The same for what many are called of, and cannot be taken back: what several ask for within a millisecond leaves together, with the next call, and what is
        done is returned although the deadline has passed."""
        if self.must_give_way():
            self.give_way()
        operation = self.gather(command, *args, **kwargs)
        return operation.result() if operation.done else self._answer_soon(operation)  # done: there was room, say

    def _answer_soon(self, operation: Operation[T]) -> T:
        try:
            return self._answer(operation)
        except Expired:
            if not operation.done or operation.error is not None:
                raise
            return operation.result()

    def _answer(self, operation: Operation[T]) -> T:
        try:
            self.wait(operation)
        except BaseException:
            if self._broken is None:
                self.begin(self.engine.abandon, operation)
            raise
        return operation.result()

    def begin(self, command: Callable[Concatenate[float, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a command of the engine and perform its effects, without waiting."""
        return self._enter(lambda: command(time.monotonic(), *args, **kwargs))

    def gather(self, command: Callable[Concatenate[float, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a command of the engine. If others were performed within the last millisecond, its effects are with the next ones."""
        now = time.monotonic()
        if self._gathered >= GATHERED_MAX or now - self._performed_at > GATHER_S:
            return self.begin(command, *args, **kwargs)
        if self._inside or self._broken is not None or self._birthplace.left:
            self._check()
        try:
            self._inside = True
            return command(now, *args, **kwargs)
        except Exception:
            raise
        except BaseException as error:  # as in `_enter`
            self._broken = error
            raise
        finally:
            self._inside = False
            self._gathered += 1  # where it raised, too: it may have done something before
            if self._close_asked and self._broken is None:
                self.begin(_nothing)

    def finish(
        self, command: Callable[Concatenate[float, P], Operation[None]], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        """Run a command that closes something and wait for it. What is gone already is no error then."""
        with suppress(ConnectionLost, ObjectClosed):
            self.wait(self.begin(command, *args, **kwargs))

    def wait(self, operation: Operation[Any]) -> None:
        """Turn the engine until an operation is done, at most until a deadline of the caller."""
        while not operation.done:
            if self._ended:
                raise ObjectClosed("the client is closed")
            check()
            self._turn(nearest())

    def must_give_way(self, calls: int = 1) -> bool:
        """One more call, which counts as so many. Whether it is to ``give_way`` before."""
        self._calls_in_a_row += calls
        return self._calls_in_a_row >= CALLS_IN_A_ROW_MAX or self._sockets.unwritten_bytes > UNWRITTEN_BYTES_MAX

    def give_way(self) -> None:
        """Every so many calls: read what came. Let the sockets take what was written, before more is."""
        if self._calls_in_a_row >= CALLS_IN_A_ROW_MAX:
            self._turn(-math.inf)
        while self._sockets.unwritten_bytes > UNWRITTEN_BYTES_MAX:
            check()
            self._turn(nearest())

    def poll(self) -> None:
        """Let the engine have what came and the time, without waiting."""
        self._turn(-math.inf)

    def work(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run what may take a while, a file's work."""
        return function(*args, **kwargs)

    def listen(self, size: int) -> EventQueue:
        """Keep events from now on for one more reader."""
        return self._audience.join(size)

    def next_event(self, queue: EventQueue) -> ClientEvent | None:
        """The next event of a reader, None at the end."""
        reading = queue.next()
        try:
            self.wait(reading)
        except BaseException:
            queue.give_back(reading)
            raise
        return reading.result()

    def wake(self, operation: Operation[Any]) -> None:
        """Nobody sleeps: ``wait`` looks at its operation after every turn."""

    def close(self) -> None:
        """Close the client. Takes a second at most beyond what the engine waits for."""
        if self._inside:  # from on_event, or from a signal handler in the middle of a call: as soon as that is over
            self._close_asked = True
            return
        if self._ended:
            return
        try:
            with move_on_after(None, shield=True):
                if self._broken is None:
                    self.wait(self.begin(self.engine.close))
                    self._sockets.hang_up()
                    give_up_at = time.monotonic() + LINGER_S
                    while not self._sockets.idle and time.monotonic() < give_up_at:
                        self._turn(give_up_at)
        finally:
            self._ended = True
            self._sockets.close()
            self._audience.dismiss()

    def _turn(self, until: float) -> None:
        """Wait for input or time, at most until ``until`` on the monotonic clock, and let the engine have it."""
        self._calls_in_a_row = 0
        if self._gathered:
            self.begin(_nothing)
        deadline = self._sockets.next_timeout()
        left = min(until, math.inf if deadline is None else deadline) - time.monotonic()
        if guarded():
            left = min(left, GLANCE_S)
        try:
            ready = self._sockets.selector.select(None if left == math.inf else max(0.0, left))
        except (OSError, ValueError):
            if not self._ended:  # by a signal handler, meanwhile
                raise
            return
        self._enter(lambda: self._sockets.turn(ready))

    def _enter(self, step: Callable[[], T]) -> T:
        self._check()
        try:
            self._inside = True
            try:
                return step()
            finally:
                self._gathered = 0
                self._performed_at = time.monotonic()
                self._sockets.perform()
                if self._close_asked:
                    self._close_asked = False
                    self.engine.close(time.monotonic())
                    self._sockets.perform()
        except Exception:
            raise
        except BaseException as error:  # a signal's, in the middle of the engine: nobody knows what it left
            self._broken = error
            raise
        finally:
            self._inside = False

    def _check(self) -> None:
        self._birthplace.check()
        if self._broken is not None:
            raise NotConnected(f"the client was interrupted by {self._broken!r}") from self._broken
        if self._inside:
            raise LocalProtocolError("on_event must not call the client", hint="Use events().")

    def _notify(self, event: ClientEvent) -> None:
        self._audience.tell(event)


def _nothing(_now: float) -> None:
    """For `begin`, to have what gathered performed."""
