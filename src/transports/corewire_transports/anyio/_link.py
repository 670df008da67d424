"""A link of the anyio driver. Its socket is written at once, by whoever has something; a task of its own writes what is left then."""

from __future__ import annotations

import selectors
from contextlib import suppress
from typing import TYPE_CHECKING

import anyio

from corewire_transports._endpoint import Dialling
from corewire_transports._writing import write_some

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence
    from ssl import SSLContext

    from anyio.abc import TaskGroup

    from corewire import Endpoint
    from corewire_transports._tunnel import Tunnel

__all__ = ["LINGER_S", "Link"]

READ_BYTES = 65_536  # larger reads cost page faults
LINGER_S = 1.0  # how long a link that is given up may take to write its rest


class Link:
    """One connection, being dialled or up: what is still to be written, and the way to end it. ``moved`` hears when some of it was."""

    _sock: socket.socket  # since it is connected

    def __init__(self, endpoint: Endpoint, moved: Callable[[], None]) -> None:
        self.endpoint = endpoint
        self.tunnel: Tunnel | None = None
        self.rest_bytes = 0  #: that the socket did not take yet
        self.hanging_up = False
        self.error: OSError | None = None
        self.scope = anyio.CancelScope(shield=True)
        self._moved = moved
        self._rest: list[bytes | memoryview] = []
        self._tasks: TaskGroup | None = None  # while it is up
        self._writing = False  # one of them is waiting until the socket takes more

    # -- dialled -------------------------------------------------------------------------------------------------------

    async def open(self, context: SSLContext | None) -> bytes:
        """Connect, and go through what stands before the engine. Returns bytes that came for the engine meanwhile.

        Raises ``OSError``, and ``ConfigError`` for stores that cannot be used.
        """
        dialling = Dialling(self.endpoint, context)
        try:
            connected = False
            while not connected:
                wait = anyio.wait_readable if dialling.event == selectors.EVENT_READ else anyio.wait_writable
                await wait(dialling.sock)
                connected = dialling.settle()
            self._sock, self.tunnel = dialling.sock, dialling.tunnel
            return b"" if self.tunnel is None else await self._go_through(self.tunnel)
        except BaseException:
            dialling.close()
            raise

    async def _go_through(self, tunnel: Tunnel) -> bytes:
        first = b""
        try:
            tunnel.start()
            while not tunnel.open:
                await self._write_all(tunnel.data_to_send())
                if not (data := await self.read()):
                    raise ConnectionError("closed by the other side")
                first += tunnel.receive(data)
            await self._write_all(tunnel.data_to_send())
        except OSError:
            with suppress(OSError), anyio.move_on_after(0.1, shield=True):
                await self._write_all(tunnel.data_to_send())  # the other side hears why
            raise
        return first

    async def _write_all(self, chunks: Sequence[bytes]) -> None:
        rest: list[bytes | memoryview] = [*chunks]
        while write_some(self._sock, rest, sum(map(len, rest))):
            await anyio.wait_writable(self._sock)

    # -- up ------------------------------------------------------------------------------------------------------------

    async def serve(self, first: bytes, came_up: Callable[[], None], receive: Callable[[bytes], None]) -> None:
        """Hand over what comes until it ends, and close it. ``error`` tells why, None: the other side closed it."""
        with self._sock:
            came_up()
            async with anyio.create_task_group() as tasks:
                self._tasks = tasks
                self.flush()
                try:
                    receive(first)
                    while (self.tunnel is None or not self.tunnel.ended) and (data := await self.read()):
                        receive(data if self.tunnel is None else self._unwrap(self.tunnel, data))
                except OSError as broken:
                    self.error = broken
                finally:
                    self._end(tasks)

    async def read(self) -> bytes:
        """Bytes of the socket, when there are some; b"" at the end. Raises ``OSError``."""
        while True:
            await anyio.wait_readable(self._sock)
            with suppress(BlockingIOError):
                return self._sock.recv(READ_BYTES)

    def _unwrap(self, tunnel: Tunnel, data: bytes) -> bytes:
        try:
            return tunnel.receive(data)
        finally:
            self._push(tunnel.data_to_send())
            self.flush()

    def write(self, chunks: Sequence[bytes]) -> None:
        """Bytes of the engine, for the next ``flush``."""
        self._push(chunks if self.tunnel is None else self.tunnel.wrap(chunks))

    def _push(self, chunks: Sequence[bytes]) -> None:
        self._rest += chunks
        self.rest_bytes += sum(map(len, chunks))

    def flush(self) -> None:
        """Write what the socket takes. What it does not take now is written as soon as it does."""
        tasks = self._tasks
        if tasks is not None and not self._writing and self._write_some(tasks):
            self._writing = True
            tasks.start_soon(self._write_rest, tasks)

    async def _write_rest(self, tasks: TaskGroup) -> None:
        while self._writing:
            await anyio.wait_writable(self._sock)
            self._writing = self._write_some(tasks)
            self._moved()

    def _write_some(self, tasks: TaskGroup) -> bool:
        """Returns whether there is more to write."""
        try:
            self.rest_bytes = write_some(self._sock, self._rest, self.rest_bytes)
        except OSError as broken:
            self.error = broken
            self._end(tasks)
            return False
        if self.hanging_up and not self._rest:
            self._end(tasks)
        return bool(self._rest)

    def _end(self, tasks: TaskGroup) -> None:
        """Nothing more is written or read."""
        self._tasks = None
        tasks.cancel_scope.cancel()

    def hang_up(self) -> None:
        """End it when what was written is out; at once while it is dialled."""
        self.hanging_up = True
        if self.tunnel is not None:
            self.tunnel.close()
            self._push(self.tunnel.data_to_send())
        self.flush()
        self.scope.deadline = anyio.current_time() + (LINGER_S if self.rest_bytes else 0.0)
