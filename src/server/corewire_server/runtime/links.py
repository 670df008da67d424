"""A client's socket: bytes in, bytes out, nothing decided."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Final

from corewire_server.core.inputs import BytesReceived, LinkBlocked, LinkClosed, LinkOpened

if TYPE_CHECKING:
    from corewire_server.runtime.server import Server

READ_BYTES: Final = 64 * 1024  # above malloc's mmap threshold every read would pay page faults
WRITE_PAUSE_BYTES: Final = 1024 * 1024  # unread answers of a client: it is not read any more until they are fewer
WRITE_BYTES_MAX: Final = 64 * 1024 * 1024  # unread deliveries of a client: it is given up
CLOSE_S: Final = 3.0  # how long a closed link may take to drain


class Link(asyncio.BufferedProtocol):
    """One link. Its number is ``epoch << 32 | n``."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.number = 0
        self.transport: asyncio.Transport
        self.out: list[bytes] = []
        self.open = True  # until the core closed it or the socket is gone
        self.slow = False  # the client does not read what is written
        self.paused = False

    # -- what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        if not self.server.serves:  # not any more
            self.drop()
            return
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport.set_write_buffer_limits(high=WRITE_PAUSE_BYTES)
        peer = transport.get_extra_info("peername")
        self.number = self.server.adopt(self)
        self.server.offer(LinkOpened(self.number, f"{peer[0]}:{peer[1]}" if peer else "unknown"))

    def get_buffer(self, sizehint: int) -> memoryview:
        return self.server.buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self.open:
            self.server.read(BytesReceived(self.number, bytes(self.server.buffer[:nbytes])))

    def connection_lost(self, exc: Exception | None) -> None:
        self.server.forget(self)
        if self.open:
            self.open = False
            self.server.offer(LinkClosed(self.number))

    def pause_writing(self) -> None:
        self._set_slow(slow=True)

    def resume_writing(self) -> None:
        self._set_slow(slow=False)

    def _set_slow(self, *, slow: bool) -> None:
        """Not read, and nothing delivered, until the client takes what is written. Never within a step: asyncio may call during a write."""
        self.slow = slow
        self.server.settle(self)
        self.server.loop.call_soon(self.server.offer, LinkBlocked(self.number, blocked=slow))

    # -- what the server calls

    def received(self, data: bytes) -> None:
        """Bytes of the client that were held while nobody served it."""
        if self.open:
            self.server.offer(BytesReceived(self.number, data))

    def flush(self) -> None:
        """Write what gathered, in one piece."""
        data = self.out[0] if len(self.out) == 1 else b"".join(self.out)
        self.out.clear()
        self.transport.write(data)

    def unread_bytes(self) -> int:
        """How much the client has not taken yet."""
        return self.transport.get_write_buffer_size()

    def read(self, *, wanted: bool) -> None:
        """Read from the socket, or leave what comes where it is."""
        if self.paused is not wanted or self.transport.is_closing():
            return
        self.paused = not wanted
        if wanted:
            self.transport.resume_reading()
        else:
            self.transport.pause_reading()

    def close(self) -> None:
        """Close once what was written is out, or when the client does not take it."""
        self.open = False
        if self.out:
            self.flush()
        self.transport.close()
        self.server.loop.call_later(CLOSE_S, self.transport.abort)

    def abort(self) -> None:
        """End it now."""
        self.out.clear()
        self.transport.abort()

    def drop(self) -> None:
        """End it now; the core needs no word of it."""
        self.open = False
        self.abort()
