"""The anyio driver: per link a task that reads and one that writes, one task that keeps the time; callers wait for their operation."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, assert_never

import anyio
from anyio.abc import SocketAttribute

from corewire.effects import Completed, Dial, Discover, Hangup, Notify, Send
from corewire.errors import LocalProtocolError
from corewire_transports._endpoint import set_options
from corewire_transports._errors import not_reached, was_lost

if TYPE_CHECKING:
    from collections.abc import Callable

    from anyio.abc import SocketStream, TaskGroup

    from corewire import ClientEngine, Endpoint
    from corewire._operation import Operation
    from corewire.events import ClientEvent
    from corewire_transports._events import EventQueue

__all__ = ["Driver"]

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger("corewire")

READ_BYTES = 65_536
LINGER_S = 1.0  # how long a link that is given up may take to write its rest


class Link:
    """One connection, being dialled or up: what is still to be written, and the way to end it."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.rest: list[bytes] = []
        self.to_write = anyio.Event()
        self.hanging_up = False
        self.scope = anyio.CancelScope()

    def write(self, chunks: list[bytes]) -> None:
        """Queue bytes for the task that writes."""
        self.rest += chunks
        self.to_write.set()

    def hang_up(self) -> None:
        """End the link when what was queued is out."""
        self.hanging_up = True
        self.to_write.set()


class Driver:
    """Moves one engine inside a task group. Effects are performed at once by whoever caused them; nothing in that awaits."""

    def __init__(self, engine: ClientEngine, on_event: Callable[[ClientEvent], None] | None, tasks: TaskGroup) -> None:
        self.engine = engine
        self._on_event = on_event
        self._tasks = tasks
        self._links: dict[int, Link] = {}
        self._waiting: dict[int, anyio.Event] = {}
        self._queues: list[EventQueue] = []
        self._link_ended = anyio.Event()
        self._timer_changed = anyio.Event()
        self._sleeping_until: float | None = None
        self._pid = os.getpid()
        self._ended = False

    async def start(self) -> None:
        """Connect: returns when the first connection is up, or raises what prevented it."""
        self._tasks.start_soon(self._keep_time)
        try:
            await self.call(self.engine.start)
        except BaseException:
            await self.close()
            raise

    async def call(
        self, command: Callable[Concatenate[float, P], Operation[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a command of the engine and wait for its operation. Cancellation abandons it."""
        return await self.wait(self.begin(command, *args, **kwargs))

    def begin(self, command: Callable[Concatenate[float, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a command of the engine and perform its effects, without waiting."""
        if os.getpid() != self._pid:
            raise LocalProtocolError("a client does not survive fork", hint="Connect again in the child process.")
        result = command(anyio.current_time(), *args, **kwargs)
        self._perform()
        return result

    async def wait(self, operation: Operation[T]) -> T:
        """Wait for an operation."""
        if not operation.done:
            event = self._waiting[id(operation)] = anyio.Event()
            try:
                await event.wait()
            except BaseException:
                if not operation.done:  # else it was handed over already, and is returned in spite of the cancellation
                    self.engine.abandon(anyio.current_time(), operation)
                    self._perform()
                    raise
            finally:
                del self._waiting[id(operation)]
        return operation.result()

    def subscribe(self, queue: EventQueue) -> None:
        """Put every event from now on into ``queue`` as well."""
        self._queues.append(queue)

    async def close(self) -> None:
        """Close the client. Takes a second at most beyond what the engine waits for."""
        if self._ended:
            return
        self._ended = True
        with anyio.CancelScope(shield=True):
            await self.call(self.engine.close)
            with anyio.move_on_after(LINGER_S):
                while self._links:
                    self._link_ended = anyio.Event()
                    await self._link_ended.wait()
        for link in self._links.values():
            link.scope.cancel()
        for queue in self._queues:
            if (reader := queue.end()) is not None:
                self._wake(reader)

    # -- tasks ---------------------------------------------------------------------------------------------------------------

    async def _keep_time(self) -> None:
        while True:
            self._timer_changed = anyio.Event()
            deadline = self._sleeping_until = self.engine.next_timeout()
            if deadline is None:
                await self._timer_changed.wait()
            else:
                with anyio.move_on_after(max(0.0, deadline - anyio.current_time())):
                    await self._timer_changed.wait()
            self.engine.handle_timeout(anyio.current_time())
            self._perform()

    async def _run_link(self, number: int, link: Link, timeout_s: float | None) -> None:
        error: Exception | None = None
        with link.scope:
            try:
                with anyio.fail_after(timeout_s):
                    stream = await anyio.connect_tcp(
                        link.endpoint.host, link.endpoint.port, local_host=link.endpoint.local_address
                    )
            except (OSError, TimeoutError) as failed:
                error = not_reached(failed, link.endpoint)
            else:
                error = await self._serve_link(number, link, stream)
        del self._links[number]
        self._link_ended.set()
        if error is not None and not link.hanging_up:
            self.engine.link_down(anyio.current_time(), number, error)
            self._perform()

    async def _serve_link(self, number: int, link: Link, stream: SocketStream) -> Exception:
        error: Exception | None = None
        async with stream:
            set_options(stream.extra(SocketAttribute.raw_socket), link.endpoint)
            self.engine.link_up(anyio.current_time(), number)
            self._perform()
            async with anyio.create_task_group() as both:
                both.start_soon(self._write_link, link, stream, both.cancel_scope)
                try:
                    while True:
                        data = await stream.receive(READ_BYTES)
                        if not link.hanging_up:
                            self.engine.receive_data(anyio.current_time(), number, data)
                            self._perform()
                except anyio.EndOfStream:
                    pass
                except (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError) as broken:
                    error = broken.__cause__ if isinstance(broken.__cause__, Exception) else broken
                both.cancel_scope.cancel()
        return was_lost(error, link.endpoint)

    async def _write_link(self, link: Link, stream: SocketStream, scope: anyio.CancelScope) -> None:
        try:
            while True:
                await link.to_write.wait()
                link.to_write = anyio.Event()
                rest, link.rest = link.rest, []
                with anyio.move_on_after(LINGER_S if link.hanging_up else None):
                    if rest:
                        await stream.send(b"".join(rest))
                if link.hanging_up and not link.rest:
                    break
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass  # the reader sees the end of the link, and why
        else:
            scope.cancel()

    # -- effects -------------------------------------------------------------------------------------------------------------

    def _perform(self) -> None:
        while effects := self.engine.poll_effects():
            for effect in effects:
                match effect:
                    case Send(number, chunks):
                        if (link := self._links.get(number)) is not None:
                            link.write(list(chunks))
                    case Completed(operation):
                        self._wake(operation)
                    case Dial(number, endpoint, timeout_s):
                        link = self._links[number] = Link(endpoint)
                        self._tasks.start_soon(self._run_link, number, link, timeout_s)
                    case Hangup(number):
                        if (link := self._links.get(number)) is not None:
                            link.hang_up()
                    case Notify(event):
                        self._notify(event)
                    case Discover():  # a URL that asks for it is refused by ClientConfig
                        raise AssertionError("discovery is not built")
                    case _:
                        assert_never(effect)
        deadline = self.engine.next_timeout()
        if deadline is not None and (self._sleeping_until is None or deadline < self._sleeping_until):
            self._timer_changed.set()

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
