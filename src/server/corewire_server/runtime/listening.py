"""
Sockets to listen on, with the highest file numbers of the process, and below them those of the replication link.

Linux closes what a killed process had open from the highest number down. So the clients' door closes first: one that comes back
at once is refused, and not accepted by the dying process (a Java client would then wait its whole call timeout). Then the link's
door, then the link: the peer that hears of the end and dials is refused, which is its leave to go on. The clients' sockets have low
numbers and are last.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
import sys
from enum import IntEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger("corewire.broker")

BACKLOG: Final = 1024
ACCEPTS_MAX: Final = 64  # in one turn of the loop: those who are connected must not wait for those who come
_RESERVED: Final = 96  # numbers that no client gets: of the replication link, and of the files of the journal
_NUMBERS_MAX: Final = 65_536  # the table of open files grows with the highest number
_REST_S: Final = 1.0  # when the system has no more sockets to give
_EXHAUSTED: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Depth(IntEnum):
    """How far below the highest number of the process a socket lies: what lies deeper is closed later."""

    CLIENTS_DOOR = 16
    LINK_DOOR = 32
    LINK = 64


def bind(host: str, port: int, depth: Depth = Depth.CLIENTS_DOOR) -> list[socket.socket]:
    """Bind a socket to each address of ``host``, all on one port; 0 takes a free one. Nobody is accepted yet. Raises OSError."""
    bound: list[socket.socket] = []
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    try:
        for family, kind, protocol, _, address in dict.fromkeys(infos):
            try:
                sock = lifted(socket.socket(family, kind, protocol), depth)
            except OSError:
                continue  # the machine has no such family
            bound.append(sock)
            if sys.platform != "win32":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind((address[0], port, *address[2:]))
            sock.setblocking(False)
            port = sock.getsockname()[1]
    except OSError:
        for sock in bound:
            sock.close()
        raise
    if not bound:
        raise OSError(f"{host} has no address to listen on")
    return bound


def lifted(low: socket.socket, depth: Depth) -> socket.socket:
    """The same socket under a number that no client's socket reaches."""
    if sys.platform == "win32":
        return low
    import fcntl
    import resource

    above = max(min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], _NUMBERS_MAX) - depth, 0)
    with low:
        high = socket.socket(fileno=fcntl.fcntl(low, fcntl.F_DUPFD_CLOEXEC, above))
        high.setblocking(low.getblocking())
        return high


def crowded(listening: socket.socket) -> bool:
    """Whether so many clients are there that the journal could find no number for its next file, nor the other node a socket."""
    if sys.platform == "win32":
        return False
    import resource

    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    lowest = os.dup(listening.fileno())  # raises OSError if there is none at all
    os.close(lowest)
    return limit > 2 * _RESERVED and lowest >= limit - _RESERVED


class Listener:
    """
    One address to be reached at. Its port is ours as soon as it is made, but who connects is refused while it is not open.

    Raises OSError when the address cannot be had.
    """

    def __init__(self, host: str, port: int, depth: Depth = Depth.CLIENTS_DOOR) -> None:
        self._host = host
        self._depth = depth
        self._sockets = bind(host, port, depth)
        self._open = False
        self._loop = asyncio.get_running_loop()
        self.port: int = self._sockets[0].getsockname()[1]

    def open(self, accepted: Callable[[socket.socket], None]) -> None:
        """Accept from now on: ``accepted`` is called with each new socket."""
        if self._open:
            return
        self._open = True
        for sock in self._sockets:
            sock.listen(BACKLOG)
            self._loop.add_reader(sock, self._accept, sock, accepted)

    def shut(self) -> None:
        """Refuse from now on, and keep the port. Raises OSError if somebody else was quicker to take it."""
        if self._open:
            self.close()
            self._sockets = bind(self._host, self.port, self._depth)

    def close(self) -> None:
        """Refuse from now on, and let the port go."""
        for sock in self._sockets:
            if self._open:
                self._loop.remove_reader(sock)
            sock.close()
        self._open = False
        self._sockets.clear()

    def _accept(self, listening: socket.socket, accepted: Callable[[socket.socket], None]) -> None:
        for _ in range(ACCEPTS_MAX):
            if listening.fileno() < 0:  # what the last one did closed the door
                return
            try:
                if self._depth is Depth.CLIENTS_DOOR and crowded(listening):
                    raise OSError(errno.EMFILE, "as many clients as the limit of open files allows (ulimit -n)")
                sock, _ = listening.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno not in _EXHAUSTED:
                    continue  # gone before we looked
                log.error("no more sockets: %s", error.strerror)
                self._loop.remove_reader(listening)
                self._loop.call_later(_REST_S, self._go_on, listening, accepted)
                return
            sock.setblocking(False)
            accepted(sock)

    def _go_on(self, listening: socket.socket, accepted: Callable[[socket.socket], None]) -> None:
        if listening.fileno() >= 0:
            self._loop.add_reader(listening, self._accept, listening, accepted)
