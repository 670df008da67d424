"""From an Endpoint to a socket: options, and dialling without blocking."""

from __future__ import annotations

import errno
import os
import selectors
import socket
import threading
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from corewire import Endpoint

__all__ = ["Dialling", "set_options"]

Address: TypeAlias = tuple[socket.AddressFamily, socket.SocketKind, int, str, Any]


def set_options(sock: socket.socket, endpoint: Endpoint) -> None:
    """Set what the connector says: no delay, buffer sizes; keep-alive as Artemis does."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, int(endpoint.tcp_no_delay))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, endpoint.tcp_send_buffer_bytes)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, endpoint.tcp_receive_buffer_bytes)


class Resolving:
    """A name being looked up by a thread that ends with it, since the system can only do that blocking. ``sock`` becomes readable."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._found: list[Address] = []
        self._error: OSError | None = None
        self.sock, self._done = socket.socketpair()
        self.sock.setblocking(False)
        threading.Thread(target=self._run, name="corewire resolver", daemon=True).start()

    def _run(self) -> None:
        with self._done:  # closing it is the sign
            try:
                self._found = list(
                    socket.getaddrinfo(self._endpoint.host, self._endpoint.port, type=socket.SOCK_STREAM)
                )
            except OSError as error:
                self._error = error

    def result(self) -> list[Address]:
        """What was found, in the order to try. Raises ``OSError``."""
        self.sock.close()
        if self._error is not None:
            raise self._error
        return self._found


class Dialling:
    """
    A connection being made without blocking: the name looked up, then one address after the other.

    When ``sock`` has ``event`` (of ``selectors``) an attempt is decided; then ``settle()`` tells.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        """Begin. Raises ``OSError`` if no address can even be tried."""
        self.endpoint = endpoint
        self.event = selectors.EVENT_WRITE
        self._resolving: Resolving | None = None
        self._addresses: list[Address] = []
        try:
            self._addresses = list(
                socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
            )
        except socket.gaierror:
            self._resolving = Resolving(endpoint)
            self.sock, self.event = self._resolving.sock, selectors.EVENT_READ
        else:
            self.sock = self._next(None)

    def settle(self) -> bool:
        """Whether ``sock`` is connected; False: wait again, ``sock`` may be another. Raises ``OSError`` when all failed."""
        if self._resolving is not None:
            self._addresses, self._resolving = self._resolving.result(), None
            self.sock, self.event = self._next(None), selectors.EVENT_WRITE
            return False
        code = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code == 0:
            return self._connected()
        self.sock.close()
        self.sock = self._next(_error(code))
        return False

    def close(self) -> None:
        """Give up."""
        self.sock.close()

    def _connected(self) -> bool:
        try:
            self.sock.getpeername()
        except OSError:  # it was the event of an older socket with this one's number
            return False
        return True

    def _next(self, error: OSError | None) -> socket.socket:
        while self._addresses:
            family, kind, protocol, _, address = self._addresses.pop(0)
            sock = socket.socket(family, kind, protocol)
            try:
                sock.setblocking(False)
                set_options(sock, self.endpoint)
                if self.endpoint.local_address is not None or self.endpoint.local_port:
                    sock.bind((self.endpoint.local_address or "", self.endpoint.local_port))
                code = sock.connect_ex(address)
                if code not in (0, errno.EINPROGRESS, errno.EWOULDBLOCK):
                    raise _error(code)
            except OSError as failed:
                sock.close()
                error = failed
            else:
                return sock
        raise error if error is not None else OSError(errno.EADDRNOTAVAIL, "no address to dial")


def _error(code: int) -> OSError:
    return OSError(code, os.strerror(code))
