"""The anyio driver: per link a task that reads, one that writes for all, one that keeps the time; callers wait for their operation."""

from __future__ import annotations

import math
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, TypeVarTuple, assert_never

import anyio
from anyio.lowlevel import checkpoint

from corewire.effects import Completed, Dial, Discover, Hangup, Notify, Send
from corewire.errors import ConfigError, ConnectionLost, LocalProtocolError, NotConnected, ObjectClosed
from corewire_transports._errors import not_reached, was_lost
from corewire_transports._events import Audience, log_warnings
from corewire_transports._group import datagrams, join
from corewire_transports._process import Birthplace
from corewire_transports.anyio._link import LINGER_S, Link
from corewire_transports.anyio._tasks import cancel_later, current_task_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from ssl import SSLContext

    from anyio.abc import TaskGroup

    from corewire import ClientEngine, Discovery, Operation
    from corewire.events import ClientEvent
    from corewire_transports._events import EventQueue

__all__ = ["Driver"]

P = ParamSpec("P")
T = TypeVar("T")
Ts = TypeVarTuple("Ts")

UNWRITTEN_BYTES_MAX = 1_048_576  # beyond it callers wait until the sockets took some
CALLS_IN_A_ROW_MAX, MESSAGE = 256, 4  # then others have their turn, where a message of a loop counts as so many,
SLICE_S = 0.001  # or after so long: turns of the loop cost much, and an application may do more than call
TIMER_SLACK_S = 0.02  # how late a deadline may be noticed
TURNS_OF_READERS = 3  # of the loop: what lies in a buffer is read before silence is judged


class Driver:
    """
    Moves one engine inside a task group. Effects are performed at once by whoever caused them; nothing in that awaits.

    Its tasks are shielded: whatever cancels the application, the client lives until ``close`` has said goodbye to the broker.
    """

    shared = True  #: others may act while a call waits

    def __init__(
        self,
        engine: ClientEngine,
        on_event: Callable[[ClientEvent], None] | None,
        tasks: TaskGroup,
        ssl_context: SSLContext | None = None,
    ) -> None:
        self.engine = engine
        self._ssl_context = ssl_context
        self._group: anyio.CancelScope | None = None
        self.caller = current_task_of()
        self.interruption = anyio.get_cancelled_exc_class()  #: what a deadline of the caller raises in `wait`
        self._tasks = tasks
        self._audience = Audience(engine.counters, on_event)
        self._links: dict[int, Link] = {}
        self._waiting: dict[int, list[anyio.Event]] = {}
        self._timer_scope = anyio.CancelScope(shield=True)
        self._gather_scope = anyio.CancelScope(shield=True)
        self._link_moved = anyio.Event()  # it has written, or ended
        self._timer_changed = anyio.Event()
        self._sleeping_until = -math.inf
        self._calls_in_a_row = 0
        self._slice_ends_at = -math.inf
        self._called_at = 0.0  # the last time
        self._gathered = 0  # commands whose effects were not performed yet
        self._has_work = anyio.Event()  # what gathered, or is to be written
        self._inside = False
        self._broken: BaseException | None = None
        self._birthplace = Birthplace()

    @property
    def entered(self) -> bool:
        """Whether the caller is in the middle of a command."""
        return self._inside

    async def start(self) -> None:
        """Connect: returns when the first connection is up, or raises what prevented it."""
        self._tasks.start_soon(self._keep_time)
        self._tasks.start_soon(self._work_off)
        await self.call(self.engine.start)

    async def call(
        self, command: Callable[Concatenate[float, P], Operation[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a command of the engine and wait for its operation. Cancellation abandons it."""
        if self.must_give_way():
            await self.give_way()
        operation = self.begin(command, *args, **kwargs)
        return operation.result() if operation.done else await self._answer(operation)

    async def call_soon(self, command: Callable[[float, *Ts], Operation[T]], *args: *Ts) -> T:
        """The same for what many are called of, and cannot be taken back: what several ask for leaves together, at the latest in
        the loop's next turn, and what is done is returned in spite of a cancellation."""
        if self.must_give_way():
            await self.give_way()
        operation = self.gather(command, *args)
        return operation.result() if operation.done else await self._answer_soon(operation)  # done: there was room, say

    async def _answer_soon(self, operation: Operation[T]) -> T:
        try:
            return await self._answer(operation)
        except self.interruption as cancelled:
            if not operation.done or operation.error is not None:
                raise
            cancel_later(cancelled)
            return operation.result()

    async def _answer(self, operation: Operation[T]) -> T:
        try:
            await self.wait(operation)
        except BaseException:
            if self._broken is None:
                self.begin(self.engine.abandon, operation)
            raise
        return operation.result()

    def begin(self, command: Callable[Concatenate[float, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a command of the engine and perform its effects, without waiting."""
        self._check()
        now = time.monotonic()
        try:
            self._inside = True
            try:
                return command(now, *args, **kwargs)
            finally:
                self._gathered = 0
                self._perform(now)
        except Exception:
            raise
        except BaseException as error:  # a signal's, in the middle of the engine: nobody knows what it left
            self._broken = error
            raise
        finally:
            self._inside = False

    def gather(self, command: Callable[[float, *Ts], T], *args: *Ts) -> T:
        """Run a command of the engine. Its effects are performed with the next ones, at the latest in the loop's next turn."""
        if self._inside or self._broken is not None or self._birthplace.left:
            self._check()
        now = self._called_at = time.monotonic()
        try:
            self._inside = True
            return command(now, *args)
        except Exception:
            raise
        except BaseException as error:  # as in `begin`
            self._broken = error
            raise
        finally:
            self._inside = False
            self._gathered += 1  # where it raised, too: it may have done something before
            if self._gathered == 1:
                self._has_work.set()

    def _perform_gathered(self) -> None:
        if self._gathered:
            self.begin(_nothing)

    def _flush(self) -> None:
        for link in self._links.values():
            link.flush()

    def _check(self) -> None:
        self._birthplace.check()
        if self._broken is not None:
            raise NotConnected(f"the client was interrupted by {self._broken!r}") from self._broken
        if self._inside:
            raise LocalProtocolError("on_event must not call the client", hint="Use events().")

    async def finish(
        self, command: Callable[Concatenate[float, P], Operation[None]], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        """Run a command that closes something and wait for it. What is gone already is no error then."""
        with suppress(ConnectionLost, ObjectClosed):
            await self.wait(self.begin(command, *args, **kwargs))

    async def wait(self, operation: Operation[Any]) -> None:
        """Until an operation is done."""
        if not operation.done:
            self._perform_gathered()
        if not operation.done:
            event = anyio.Event()
            waiting = self._waiting.setdefault(id(operation), [])
            waiting.append(event)
            try:
                await event.wait()
                self._begin_slice()
            finally:
                waiting.remove(event)
                if not waiting:
                    del self._waiting[id(operation)]

    def must_give_way(self, calls: int = 1) -> bool:
        """One more call, which counts as so many. Whether it is to ``give_way`` before."""
        self._calls_in_a_row += calls
        return self._calls_in_a_row >= CALLS_IN_A_ROW_MAX or self._called_at > self._slice_ends_at

    async def give_way(self) -> None:
        """Let others run, and the sockets take what was written."""
        self._perform_gathered()
        self._flush()
        await checkpoint()
        self._begin_slice()
        while sum(link.rest_bytes for link in self._links.values()) > UNWRITTEN_BYTES_MAX:
            await self._link_moved.wait()

    def _begin_slice(self) -> None:
        """The loop has turned."""
        self._calls_in_a_row = 0
        self._slice_ends_at = time.monotonic() + SLICE_S

    async def poll(self) -> None:
        """Let the driver's own tasks run once."""
        await checkpoint()

    async def work(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run what may take a while, a file's work, where it holds up nobody else."""
        return await anyio.to_thread.run_sync(partial(function, *args, **kwargs))

    def listen(self, size: int) -> EventQueue:
        """Keep events from now on for one more reader."""
        return self._audience.join(size)

    async def next_event(self, queue: EventQueue) -> ClientEvent | None:
        """The next event of a reader, None at the end."""
        reading = queue.next()
        try:
            await self.wait(reading)
        except BaseException:
            queue.give_back(reading)
            raise
        return reading.result()

    def wake(self, operation: Operation[Any]) -> None:
        """An operation is done: go on, whoever waits for it."""
        for event in self._waiting.get(id(operation), ()):
            event.set()

    async def close(self) -> None:
        """Close the client. Takes a second at most beyond what the engine waits for."""
        with anyio.CancelScope(shield=True):
            if self._broken is None:
                await self.wait(self.begin(self.engine.close))
                for link in self._links.values():
                    link.hang_up()
                with anyio.move_on_after(LINGER_S):
                    while self._links:
                        await self._link_moved.wait()
            for link in self._links.values():
                link.scope.cancel()
            self._timer_scope.cancel()
            self._gather_scope.cancel()
            self._leave_group()
            for reading in self._audience.dismiss():
                self.wake(reading)

    # -- tasks -------------------------------------------------------------------------------------------------------------

    async def _keep_time(self) -> None:
        with self._timer_scope:
            while True:
                await self._sleep_until_deadline()
                self._feed(self.engine.handle_timeout)

    async def _work_off(self) -> None:
        with self._gather_scope:
            while True:
                await self._has_work.wait()
                self._has_work = anyio.Event()
                if self._gathered and self._broken is None:
                    self._feed(_nothing)
                self._flush()

    async def _sleep_until_deadline(self) -> None:
        while True:
            deadline = self.engine.next_timeout()
            self._sleeping_until = math.inf if deadline is None else deadline
            self._timer_changed = anyio.Event()
            with anyio.move_on_after(max(0.0, self._sleeping_until - time.monotonic())):
                await self._timer_changed.wait()
                # Something was done, and there may be an earlier deadline. Until it is looked at, more may be done.
                self._sleeping_until = time.monotonic() + TIMER_SLACK_S
                await anyio.sleep(TIMER_SLACK_S)
                continue
            for _ in range(TURNS_OF_READERS):
                await checkpoint()
            return

    async def _run_link(self, number: int, link: Link, timeout_s: float | None) -> None:
        error: Exception | None = None
        with link.scope:
            try:
                with anyio.fail_after(timeout_s):
                    first = await link.open(self._ssl_context)
            except (OSError, ConfigError) as failed:
                error = not_reached(failed, link.endpoint)
            else:
                await link.serve(
                    first, lambda: self._feed(self.engine.link_up, number), lambda data: self._receive(number, data)
                )
                error = was_lost(link.error, link.endpoint)
        del self._links[number]
        self._has_moved()
        if not link.hanging_up:
            self._feed(self.engine.link_down, number, error)

    def _receive(self, number: int, data: bytes) -> None:
        if data and not self._links[number].hanging_up:
            self._feed(self.engine.receive_data, number, data)

    def _has_moved(self) -> None:
        """A link has written, or ended."""
        self._link_moved.set()
        self._link_moved = anyio.Event()

    def _feed(self, enter: Callable[Concatenate[float, P], None], *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            self.begin(enter, *args, **kwargs)
        except BaseException as error:  # a mistake in the engine: it leaves by the block of connect()
            self._broken = self._broken or error
            raise

    # -- the group ---------------------------------------------------------------------------------------------------------

    async def _listen_to_group(self, group: Discovery, scope: anyio.CancelScope) -> None:
        with scope:
            try:
                with join(group) as sock:
                    while True:
                        await anyio.wait_readable(sock)
                        for data in datagrams(sock):
                            self._feed(self.engine.datagram_received, data)
            except OSError as error:
                self._feed(self.engine.group_lost, error)

    def _leave_group(self) -> None:
        if self._group is not None:
            self._group.cancel()

    # -- effects -----------------------------------------------------------------------------------------------------------

    def _perform(self, now: float) -> None:
        for effect in self.engine.poll_effects():  # once: nothing here calls the engine
            match effect:
                case Completed():  # first: one for every message that was submitted
                    if id(effect.operation) in self._waiting:
                        self.wake(effect.operation)
                case Send(number, chunks):
                    if (link := self._links.get(number)) is not None:
                        link.write(chunks)
                        self._has_work.set()
                case Dial(number, endpoint, timeout_s):
                    link = self._links[number] = Link(endpoint, self._has_moved)
                    self._tasks.start_soon(self._run_link, number, link, timeout_s)
                case Hangup(number):
                    if (link := self._links.get(number)) is not None:
                        link.hang_up()
                case Notify(event):
                    for reading in self._audience.tell(event):
                        self.wake(reading)
                case Discover(group):
                    self._leave_group()
                    self._group = anyio.CancelScope(shield=True)
                    self._tasks.start_soon(self._listen_to_group, group, self._group)
                case _:
                    assert_never(effect)
        log_warnings(self.engine.warnings)
        if self._sleeping_until > now + TIMER_SLACK_S:  # then it is asked, not here: asking costs as much as a call
            self._timer_changed.set()


def _nothing(_now: float) -> None:
    """For `begin`, to have what gathered performed."""
