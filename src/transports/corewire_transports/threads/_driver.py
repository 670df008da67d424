"""The threads driver: one daemon thread turns the engine; callers wait, each for its own operation."""

from __future__ import annotations

import logging
import math
import selectors
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from corewire.errors import ConnectionLost, LocalProtocolError, NotConnected, ObjectClosed
from corewire_transports._bells import Bell, Summons
from corewire_transports._deadline import Expired, check, move_on_after, nearest, woken_by
from corewire_transports._events import Audience
from corewire_transports._process import Birthplace
from corewire_transports._sockets import LINGER_S, Sockets

if TYPE_CHECKING:
    from collections.abc import Callable
    from ssl import SSLContext

    from corewire import ClientEngine, Operation
    from corewire.events import ClientEvent
    from corewire_transports._events import EventQueue
    from corewire_transports._sockets import Ready

__all__ = ["Driver"]

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger("corewire")

TIMER_SLACK_S = 0.02  # how late a deadline may be noticed
UNWRITTEN_BYTES_MAX = 1_048_576  # beyond it callers wait until the sockets took some
GATHERED_MAX = 256  # commands; then their effects are performed
MESSAGE = 1  # call, as others: threads need not wait for each other's turns
GATHER_S = 0.001  # after effects were performed: those of what comes so soon leave together
LEAD_S = 2 * GATHER_S  # so long whoever waits turns the sockets although nothing comes


class Driver:
    """
    Moves one engine. Callers run commands in their own thread and write what results at once; the driver's thread reads, keeps the
    time and writes what a socket did not take. One lock guards the engine.

    Each time that the thread wakes costs two handovers of the interpreter and of the lock. So while callers come again and again,
    it stands aside and leaves the sockets to them: they read, too, once a millisecond, and the first who waits *leads*: it turns
    the sockets until it has what it waits for. The thread is back as soon as others still wait then, or a leader has waited for a
    few milliseconds in vain; and whatever a leader does, when its time is over.
    """

    caller = staticmethod(threading.get_ident)
    interruption = Expired  #: what a deadline of the caller raises in `wait`
    shared = True  #: others may act while a call waits

    def __init__(
        self,
        engine: ClientEngine,
        on_event: Callable[[ClientEvent], None] | None,
        ssl_context: SSLContext | None = None,
    ) -> None:
        self.engine = engine
        self._lock = threading.RLock()
        self._waiting: dict[int, list[threading.Event]] = {}
        self._sockets = Sockets(engine, self._waiting, self.wake, self._notify, ssl_context)
        self._audience = Audience(engine.counters, on_event)
        self._birthplace = Birthplace()
        self._inside = False
        self._close_asked = False
        self._hurry = False
        self._gathered = 0  # commands whose effects were not performed yet
        self._performed_at = -math.inf
        self._callers_until = -math.inf  # so long the thread may leave the sockets to callers
        self._aside = False  # it does
        self._summons = Summons()  # for it, to come back
        # Of the caller who turns the sockets while the thread stands aside. In a signal's handler it may be late: its time is limited.
        self._leader: threading.Event | None = None
        self._led_until = -math.inf  # so long it needs nothing to come
        self._selecting = False  # it waits for the sockets, and hears the bell only
        self._short = False  # the last wait was one that is worth leading
        self._ended = False
        self._broken: BaseException | None = None
        self._sleeping_until = -math.inf
        self._written = threading.Condition(self._lock)
        self._bell = Bell()  # for whoever waits for the sockets
        self._sockets.selector.register(self._bell.ear, selectors.EVENT_READ, None)
        self._thread = threading.Thread(target=self._run, name="corewire", daemon=True)

    @property
    def entered(self) -> bool:
        """Whether the caller is in the middle of a command. Another thread in one is waited for."""
        with self._mine:
            return self._inside

    @property
    def _mine(self) -> threading.RLock:
        """The lock, for callers. Raises LocalProtocolError in a child process: the copy there may be held by a thread that is not."""
        if self._birthplace.left:
            self._birthplace.check()
        return self._lock

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
        if self.must_give_way():
            self.give_way()
        operation = self.begin(command, *args, **kwargs)
        return operation.result() if operation.done else self._answer(operation)

    def call_soon(self, command: Callable[Concatenate[float, P], Operation[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """The same for what many are called of, and cannot be taken back: what several ask for leaves together, as soon as the driver's thread comes to it, and what is
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
        with self._mine:
            self._check()
            now = time.monotonic()
            try:
                self._inside = True
                try:
                    return command(now, *args, **kwargs)
                finally:
                    self._gathered = 0
                    self._performed_at = now
                    self._sockets.perform()
                    self._close_if_asked()
                    self._mind_thread(now)
            except Exception:
                raise
            except BaseException as error:  # a signal's, in the middle of the engine: nobody knows what it left
                self._break(error)
                raise
            finally:
                self._inside = False

    def gather(self, command: Callable[Concatenate[float, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a command of the engine. If others were performed within the last millisecond, its effects are with the next ones, at
        the latest by the driver's thread, soon after."""
        with self._mine:
            if self._inside or self._broken is not None:
                self._check()
            now = time.monotonic()
            if self._gathered >= GATHERED_MAX or now - self._performed_at > GATHER_S:
                self._callers_until = max(self._callers_until, now + 2 * GATHER_S)
                return self._read_and_begin(command, *args, **kwargs)
            try:
                self._inside = True
                return command(now, *args, **kwargs)
            except Exception:
                raise
            except BaseException as error:  # as in `begin`
                self._break(error)
                raise
            finally:
                self._inside = False
                self._gathered += 1  # where it raised, too: it may have done something before
                if self._gathered == 1 and (self._leader is not None or not self._aside):
                    self._ring()

    def _read_and_begin(self, command: Callable[Concatenate[float, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        def step(_now: float) -> T:
            try:
                self._sockets.read()
            except Exception as error:  # a mistake in the engine, as in the thread
                self._break(error)
                raise
            return command(time.monotonic(), *args, **kwargs)

        return self.begin(step)

    def _check(self) -> None:
        if self._broken is not None:
            raise NotConnected(f"the client was interrupted by {self._broken!r}") from self._broken
        if self._inside:
            raise LocalProtocolError("on_event must not call the client", hint="Use events().")

    def finish(
        self, command: Callable[Concatenate[float, P], Operation[None]], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        """Run a command that closes something and wait for it. What is gone already is no error then."""
        with suppress(ConnectionLost, ObjectClosed):
            self.wait(self.begin(command, *args, **kwargs))

    def wait(self, operation: Operation[Any]) -> None:
        """Until an operation is done, at most until a deadline of the caller."""
        event = threading.Event()
        with self._mine:
            if operation.done:
                return
            if self._gathered:
                self.begin(_nothing)
            waiting = self._waiting.setdefault(id(operation), [])
            waiting.append(event)
            began = self._begin_to_wait(event)
        try:
            with woken_by(lambda: self._alert(event)):
                while not operation.done:
                    if self._broken is not None:
                        raise NotConnected(f"the client was interrupted by {self._broken!r}") from self._broken
                    check()
                    if self._leader is event:
                        self._lead(event)
                    else:
                        left = nearest() - time.monotonic()
                        event.wait(None if left == math.inf else max(0.0, left))
                    event.clear()
        finally:
            now = time.monotonic()
            with self._lock:
                if self._waiting.get(id(operation)) is waiting:  # else it was woken
                    waiting.remove(event)
                    if not waiting:
                        del self._waiting[id(operation)]
                self._short = self._leader is event or now - began < LEAD_S
                self._resign(event)

    def _begin_to_wait(self, event: threading.Event) -> float:
        """Turn the sockets oneself, if the thread stands aside, nobody else does, and it will not be long. Returns when that was."""
        now = time.monotonic()
        if self._short:
            self._callers_until = max(self._callers_until, now + 2 * GATHER_S)
        if self._aside and self._leader is None:
            if self._short:
                self._leader = event
                self._lead_until(now + LEAD_S)
            else:
                self._ring()
        return now

    def _lead_until(self, end: float) -> None:
        self._led_until = end
        self._callers_until = max(self._callers_until, end)

    def _lead(self, event: threading.Event) -> None:
        """Turn the sockets once. Whoever has waited in vain for long enough calls the thread back, and waits as others do; so does
        who has a deadline soon, of which selectors are not as exact."""
        until, now = nearest(), time.monotonic()
        with self._lock:
            if self._leader is not event:
                return
            if not now < self._led_until < until:
                self._resign(event)
                return
            left = self._led_until - now
            self._selecting = True
        try:
            # Whoever alerts sets the event first, then looks whether to ring.
            ready = self._sockets.selector.select(0.0 if event.is_set() else left)
        except (OSError, ValueError):
            if not self._ended and self._broken is None:  # meanwhile, by a signal handler
                raise
            return
        with self._lock:
            self._selecting = False
            if self._leader is not event:
                return
            try:
                self._turn(ready)
            except BaseException as error:
                self._break(error)
                if not isinstance(error, Exception):  # else it is a mistake in the engine: told as it is to the others
                    raise
            self._performed_at = now = time.monotonic()
            if ready:
                self._lead_until(now + LEAD_S)

    def _resign(self, event: threading.Event) -> None:
        """Turn the sockets no longer, if one did."""
        if self._leader is event:
            self._leader = None
            self._selecting = False
            if self._waiting or self._sockets.unwritten_bytes:
                self._ring()

    def _alert(self, event: threading.Event) -> None:
        """Have a caller who waits look around."""
        event.set()
        if self._leader is event and self._selecting:
            self._bell.ring()

    def must_give_way(self, calls: int = 1) -> bool:
        """Whether the next call is to ``give_way`` before."""
        return self._sockets.unwritten_bytes > UNWRITTEN_BYTES_MAX

    def give_way(self) -> None:
        """Let the sockets take what was written, before more is."""
        with self._mine, woken_by(self._announce_written):
            while self._sockets.unwritten_bytes > UNWRITTEN_BYTES_MAX and self._broken is None:
                check()
                left = nearest() - time.monotonic()
                self._written.wait(None if left == math.inf else max(0.0, left))

    def poll(self) -> None:
        """Nothing: the driver's thread turns the engine."""

    def work(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run what may take a while, a file's work."""
        return function(*args, **kwargs)

    def listen(self, size: int) -> EventQueue:
        """Keep events from now on for one more reader."""
        with self._mine:
            return self._audience.join(size)

    def next_event(self, queue: EventQueue) -> ClientEvent | None:
        """The next event of a reader, None at the end."""
        with self._mine:
            reading = queue.next()
        try:
            self.wait(reading)
        except BaseException:
            with self._lock:
                queue.give_back(reading)
            raise
        return reading.result()

    def wake(self, operation: Operation[Any]) -> None:
        """An operation is done: go on, whoever waits for it."""
        for event in self._waiting.pop(id(operation), ()):
            self._alert(event)

    def close(self) -> None:
        """Close the client and end the thread. Takes a second at most beyond what the engine waits for."""
        with self._mine:
            if self._inside:  # from on_event, or from a signal handler in the middle of a call: as soon as that is over
                self._close_asked = True
                return
        try:
            with move_on_after(None, shield=True):
                if self._broken is None and not self._ended:
                    self.wait(self.begin(self.engine.close))
        finally:
            with self._lock:
                self._ended = True
                self._sockets.hang_up()
                for reading in self._audience.dismiss():
                    self.wake(reading)
                self._leader = None
                self._ring()
            if self._thread.ident is not None:
                self._thread.join(LINGER_S + 1.0)

    # -- the thread --------------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._turn_until_ended()
        except BaseException as error:
            logger.exception("the client stops")
            self._break(error)
        with self._lock:
            self._sockets.close()
            self._bell.close()

    def _turn_until_ended(self) -> None:
        give_up_at = math.inf
        while self._broken is None:
            self._stand_aside()
            with self._lock:
                if self._ended:
                    give_up_at = min(give_up_at, time.monotonic() + LINGER_S)
                    if self._sockets.idle or time.monotonic() >= give_up_at:
                        return
                if self._hurry:
                    self._hurry = False
                    self._sleeping_until = time.monotonic() + TIMER_SLACK_S
                else:
                    deadline = self._sockets.next_timeout()
                    self._sleeping_until = min(give_up_at, math.inf if deadline is None else deadline)
                left = 0.0 if self._gathered else self._sleeping_until - time.monotonic()
            ready = self._sockets.selector.select(None if left == math.inf else max(0.0, left))
            with self._lock:
                self._sleeping_until = -math.inf
                self._turn(ready)

    def _turn(self, ready: Ready) -> None:
        """Let the engine have what came and the time, and perform what it asks for. Under the lock."""
        self._inside = True
        if any(key.fileobj is self._bell.ear for key, _ in ready):
            self._bell.listen()
        self._gathered = 0
        self._sockets.changed = False  # whoever turns the sockets looks again
        try:
            self._sockets.turn(ready)
            self._close_if_asked()
        finally:
            self._inside = False
        self._announce_written()

    def _stand_aside(self) -> None:
        """Let callers turn the sockets, if they come again and again. The time is looked at nevertheless, as late as ever."""
        latest = time.monotonic() + TIMER_SLACK_S
        summoned = self._rest_s(latest) <= 0
        self._aside = not summoned  # from here on whoever waits leads
        while self._aside:
            if (left := self._rest_s(latest, summoned=summoned)) > 0:
                summoned = self._summons.wait(left) or summoned
                continue
            with self._lock:
                if self._rest_s(latest, summoned=summoned) <= 0:
                    self._aside = False
                    self._leader = None  # if there is one, it is late

    def _rest_s(self, latest: float, *, summoned: bool = False) -> float:
        """How long the thread may still stand aside."""
        if self._leader is not None:
            return self._callers_until - time.monotonic()
        if summoned or self._waiting or self._sockets.unwritten_bytes:
            return 0.0
        return min(self._callers_until, latest) - time.monotonic()

    def _announce_written(self) -> None:
        with self._written:
            self._written.notify_all()

    def _close_if_asked(self) -> None:
        if self._close_asked:
            self._close_asked = False
            self.engine.close(time.monotonic())
            self._sockets.perform()

    def _mind_thread(self, now: float) -> None:
        """Wake the thread if it waits for the wrong sockets, or sleeps long, although there may be an earlier deadline now."""
        if self._sockets.changed:
            self._sockets.changed = False
            self._ring()
        elif self._sleeping_until > now + TIMER_SLACK_S and not self._hurry:
            self._hurry = True  # it looks once, a little later: more may be done until then
            self._ring()

    def _ring(self) -> None:
        """Have whoever turns the sockets look around, or the thread come back."""
        if self._leader is not None or not self._aside:
            self._bell.ring()
        else:
            self._summons.send()

    def _break(self, error: BaseException) -> None:
        """The engine is in nobody knows what state: nobody may use it any more."""
        with self._lock:
            self._broken = error
            for waiting in self._waiting.values():
                for event in waiting:
                    self._alert(event)
            self._leader = None
            self._written.notify_all()
            self._ring()

    def _notify(self, event: ClientEvent) -> None:
        for reading in self._audience.tell(event):
            self.wake(reading)


def _nothing(_now: float) -> None:
    """For `begin`, to have what gathered performed."""
