"""
The clients' door: refused, led to the primary, or served.

A backup in step has its door open before anybody needs it: a client that comes back at once must not meet a closed port, nor be
accepted by a node that cannot serve it. So who comes early is *led*: bytes go to the primary's door and back. While the primary
cannot be reached the client is *held*, with what it has written so far. When this node serves, the held ones become links of it
from their first byte on. The led ones stay with the primary until it drops them.

A client whose bytes went to the primary but that has not heard a word yet counts as held: a primary that dies with the question in
hand must not cost the client its patience (a Java client's is 30 s). It is asked again, here or there, as the client would itself.
"""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Final

from corewire_server.node.orders import Door
from corewire_server.runtime.leading import Leading
from corewire_server.runtime.links import Link

if TYPE_CHECKING:
    from corewire_server.runtime.listening import Listener
    from corewire_server.runtime.server import Server

HELD_BYTES_MAX: Final = 64 * 1024  # of each held client; it is not read any further
RETRY_S: Final = 0.1  # from one try to reach the primary to the next
REACH_S: Final = 1.0  # how long one try may take
LOSSES_MAX: Final = 2  # so often the primary may drop a client without a word: then it means that client


class Early(asyncio.BufferedProtocol):
    """A client that came before this node serves."""

    def __init__(self, door: ClientDoor) -> None:
        self.door = door
        self._view = door.buffer
        self.transport: asyncio.Transport
        self.held = bytearray()  # all that it has written, while it has not heard a word
        self.onward: Onward | None = None
        self.words = Leading(door.here)
        self.answered = False
        self.losses = 0
        self.gone = False  # no client of this door any more
        self.leading: asyncio.Task[None] | None = None

    # -- what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.door.came(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._view if self.answered else self._view[: HELD_BYTES_MAX - len(self.held)]

    def buffer_updated(self, nbytes: int) -> None:
        data = bytes(self._view[:nbytes])
        if not self.answered:
            self.held += data
            if len(self.held) >= HELD_BYTES_MAX:
                self.transport.pause_reading()
        if self.onward is not None:
            self.onward.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()

    def pause_writing(self) -> None:
        if self.onward is not None:
            self.onward.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.onward is not None:
            self.onward.transport.resume_reading()

    # -- led

    def lead(self) -> None:
        """Try to reach the primary, again and again."""
        self.leading = asyncio.get_running_loop().create_task(self._lead())

    async def _lead(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            host, _, port = self.door.target.rpartition(":")
            try:
                async with asyncio.timeout(REACH_S):
                    await loop.create_connection(lambda: Onward(self), host.strip("[]"), int(port))
            except OSError:  # TimeoutError is one
                await asyncio.sleep(RETRY_S)
            else:
                return

    def reached(self, onward: Onward) -> None:
        """The primary's door is open: it hears all that the client has said."""
        if self.gone:
            onward.forget()
            return
        self.onward = onward
        onward.transport.write(bytes(self.held))

    def answer(self, data: bytes) -> None:
        """The primary speaks: from now on the client is its own."""
        if not self.answered:
            self.answered = True
            self.held.clear()
            self.door.led += 1
            self.read_on()
        self.transport.write(self.words.feed(data))

    def read_on(self) -> None:
        """Read the client again, if there is room for what it says."""
        if self.answered or len(self.held) < HELD_BYTES_MAX:
            self.transport.resume_reading()

    def lost(self) -> None:
        """The primary has dropped the client, or is gone."""
        self.onward = None
        self.losses += 1
        if self.answered or self.losses >= LOSSES_MAX:
            self.transport.close()
        else:
            self.door.came(self)

    # -- served, or not

    def give_over(self) -> tuple[asyncio.Transport, bytes]:
        """Its socket and all that it has written, for whoever serves it."""
        self._leave()
        return self.transport, bytes(self.held)

    def drop(self) -> None:
        """End it."""
        self._leave()
        self.transport.abort()

    def _leave(self) -> None:
        if self.gone:
            return
        self.gone = True
        self.door.left(self)
        if self.leading is not None:
            self.leading.cancel()
        if self.onward is not None:
            self.onward.forget()


class Onward(asyncio.BufferedProtocol):
    """The way of an early client to the primary, and back."""

    def __init__(self, early: Early) -> None:
        self.early: Early | None = early
        self._view = early.door.buffer
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        # A client that checks nothing relies on its kernel, which sees no farther than this door.
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if self.early is not None:
            self.early.reached(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._view

    def buffer_updated(self, nbytes: int) -> None:
        if self.early is not None:
            self.early.answer(bytes(self._view[:nbytes]))

    def connection_lost(self, exc: Exception | None) -> None:
        early, self.early = self.early, None
        if early is not None:
            early.lost()

    def pause_writing(self) -> None:
        if self.early is not None:
            self.early.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.early is not None:
            self.early.read_on()

    def forget(self) -> None:
        """The client stays; this way is not its way any more."""
        self.early = None
        self.transport.abort()


class ClientDoor:
    """All addresses at which clients come in."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self.buffer = memoryview(bytearray(HELD_BYTES_MAX))  # for reads, as in `Server`
        self._listeners: list[Listener] = []
        self._accepts: set[asyncio.Task[None]] = set()
        self._early: dict[Early, None] = {}
        self.door = Door.CLOSED
        self.here = ""  # "host:port" at which clients reach this node; led ones are told
        self.target = ""
        self.led = 0  # clients that the primary has answered through this door
        self.held_served = 0  # clients that were held and then served here

    def add(self, listener: Listener) -> None:
        """Have one more address; it opens with the next ``set``."""
        self._listeners.append(listener)

    @property
    def held(self) -> int:
        """How many clients wait."""
        return sum(not early.answered for early in self._early)

    def set(self, door: Door, target: str = "") -> None:
        """What becomes of clients from now on. Raises OSError if an address was lost."""
        self.door, self.target = door, target
        for listener in self._listeners:
            listener.shut() if door is Door.CLOSED else listener.open(self._accepted)
        if door is Door.LEAD:
            return
        for early in [early for early in self._early if not early.answered]:
            if door is Door.SERVE:
                self._serve(early)
            elif early.onward is None:  # else its question is with the primary, which may only wait for its backup
                early.drop()

    def close(self) -> None:
        """Nobody comes any more, and who waits is sent away."""
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        self.door = Door.CLOSED
        for task in self._accepts:
            task.cancel()
        for early in list(self._early):
            early.drop()

    # -- one client

    def _accepted(self, sock: socket.socket) -> None:
        task = self._loop.create_task(self._adopt(sock))
        self._accepts.add(task)
        task.add_done_callback(self._accepts.discard)

    async def _adopt(self, sock: socket.socket) -> None:
        await self._loop.connect_accepted_socket(
            lambda: Link(self._server) if self.door is Door.SERVE else Early(self), sock
        )

    def came(self, early: Early) -> None:
        """A client that nobody serves yet."""
        self._early[early] = None
        match self.door:
            case Door.SERVE:
                self._serve(early)
            case Door.LEAD:
                early.lead()
            case Door.CLOSED:
                early.drop()

    def left(self, early: Early) -> None:
        """A client is gone."""
        self._early.pop(early, None)

    def _serve(self, early: Early) -> None:
        self.held_served += 1
        transport, held = early.give_over()
        link = Link(self._server)
        transport.set_protocol(link)
        transport.resume_reading()
        link.connection_made(transport)
        if held:
            link.received(held)
