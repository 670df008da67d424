"""The clients' door: sockets for the `Doorkeeper`, which decides what becomes of whoever comes. Nothing is decided here."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from corewire_server.node.doorkeeper import HELD_BYTES_MAX, Doorkeeper, Early
from corewire_server.node.orders import Door
from corewire_server.runtime.links import Link

if TYPE_CHECKING:
    from collections.abc import Callable

    from corewire_server.runtime.listening import Listener
    from corewire_server.runtime.server import Server


class Visitor(asyncio.BufferedProtocol):
    """The socket of a client that nobody serves yet."""

    def __init__(self, door: ClientDoor) -> None:
        self.door = door
        self._view = door.buffer
        self._timer: asyncio.TimerHandle | None = None
        self.transport: asyncio.Transport
        self.write: Callable[[bytes], None]
        self.early = Early(door.keeper, self)

    # -- what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.write = transport.write
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.early.came()

    def get_buffer(self, sizehint: int) -> memoryview:
        room = self.early.room
        return self._view if room == HELD_BYTES_MAX else self._view[:room]

    def buffer_updated(self, nbytes: int) -> None:
        self.early.said(bytes(self._view[:nbytes]))

    def connection_lost(self, exc: Exception | None) -> None:
        self._rest()
        self.early.ended()

    def pause_writing(self) -> None:
        self.early.client_full(full=True)

    def resume_writing(self) -> None:
        self.early.client_full(full=False)

    # -- what the doorkeeper calls

    def read(self, *, wanted: bool) -> None:
        """Read it, or leave what comes where it is."""
        if wanted:
            self.transport.resume_reading()
        else:
            self.transport.pause_reading()

    def close(self) -> None:
        """End it when what was written is out."""
        self.transport.close()

    def abort(self) -> None:
        """End it now."""
        self._rest()
        self.transport.abort()

    def dial(self, target: str) -> Onward:
        """Connect to the primary."""
        return Onward(self, target)

    def wait(self, seconds: float) -> None:
        """Tell when so much time is over."""
        self._rest()
        self._timer = asyncio.get_running_loop().call_later(seconds, self.early.rang)

    def serve(self, held: bytes) -> None:
        """It is a link from now on."""
        self._rest()
        link = Link(self.door.server)
        self.transport.set_protocol(link)
        self.transport.resume_reading()
        link.connection_made(self.transport)
        if held:
            link.received(held)

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Onward(asyncio.BufferedProtocol):
    """The socket of a client's way to the primary, and the dial for it."""

    def __init__(self, visitor: Visitor, target: str) -> None:
        self._view = visitor.door.buffer
        self._early: Early | None = visitor.early  # None: nobody wants to hear of it
        self.transport: asyncio.Transport | None = None
        self.write: Callable[[bytes], None]
        self._dialling = asyncio.get_running_loop().create_task(self._dial(target))

    async def _dial(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        try:
            await asyncio.get_running_loop().create_connection(lambda: self, host.strip("[]"), int(port))
        except OSError:
            if self._early is not None:
                self._early.unreachable()

    # -- what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        if self._early is None:
            transport.abort()
            return
        self.transport = transport
        self.write = transport.write
        # A client that checks nothing relies on its kernel, which sees no farther than this door.
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._early.reached()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._view

    def buffer_updated(self, nbytes: int) -> None:
        if self._early is not None:
            self._early.answer(bytes(self._view[:nbytes]))

    def connection_lost(self, exc: Exception | None) -> None:
        early, self._early = self._early, None
        if early is not None:
            early.lost()

    def pause_writing(self) -> None:
        if self._early is not None:
            self._early.onward_full(full=True)

    def resume_writing(self) -> None:
        if self._early is not None:
            self._early.onward_full(full=False)

    # -- what the doorkeeper calls

    def read(self, *, wanted: bool) -> None:
        """Read it, or leave what comes where it is."""
        assert self.transport is not None
        if wanted:
            self.transport.resume_reading()
        else:
            self.transport.pause_reading()

    def abort(self) -> None:
        """The client stays, or is gone; this way is not its way any more."""
        self._early = None
        self._dialling.cancel()
        if self.transport is not None:
            self.transport.abort()


class ClientDoor:
    """All addresses at which clients come in."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.keeper = Doorkeeper(self._listen)
        self.buffer = memoryview(bytearray(HELD_BYTES_MAX))  # for reads, as in `Server`
        self._loop = asyncio.get_running_loop()
        self._listeners: list[Listener] = []
        self._accepts: set[asyncio.Task[None]] = set()

    @property
    def serves(self) -> bool:
        """Whether who comes is served."""
        return self.keeper.door is Door.SERVE

    def add(self, listener: Listener) -> None:
        """Have one more address; it opens with the next ``set``."""
        self._listeners.append(listener)

    def set(self, door: Door, target: str = "") -> None:
        """What becomes of clients from now on. Raises OSError if an address was lost."""
        self.keeper.set(door, target)

    def close(self) -> None:
        """Nobody comes any more, and who waits is sent away."""
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        for task in self._accepts:
            task.cancel()
        self.keeper.close()

    def _listen(self, wanted: bool) -> None:
        for listener in self._listeners:
            if wanted:
                listener.open(self._accepted)
            else:
                listener.shut()

    def _accepted(self, sock: socket.socket) -> None:
        task = self._loop.create_task(self._adopt(sock))
        self._accepts.add(task)
        task.add_done_callback(self._accepts.discard)

    async def _adopt(self, sock: socket.socket) -> None:
        await self._loop.connect_accepted_socket(lambda: Visitor(self), sock)
