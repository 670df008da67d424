"""From an Endpoint to a socket: options, and dialling without blocking."""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from corewire import Endpoint

__all__ = ["Dialling", "set_options"]


def set_options(sock: socket.socket, endpoint: Endpoint) -> None:
    """Set what the connector says: no delay, buffer sizes; keep-alive as Artemis does."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if sock.family != socket.AF_UNIX:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, int(endpoint.tcp_no_delay))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, endpoint.tcp_send_buffer_bytes)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, endpoint.tcp_receive_buffer_bytes)


class Dialling:
    """
    A connection being made with non-blocking sockets, one resolved address after the other.

    ``sock`` becomes writable when the attempt is decided; then ``settle()`` tells. Only resolving the name may block.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        """Begin. Raises ``OSError`` if the name cannot be resolved or no address can even be tried."""
        self.endpoint = endpoint
        self._addresses = socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
        self.sock = self._next(None)

    def settle(self) -> bool:
        """Whether ``sock`` is connected; False: ``sock`` is another one now, wait again. Raises ``OSError`` when all failed."""
        code = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code == 0:
            return True
        self.sock.close()
        self.sock = self._next(OSError(code, errno.errorcode.get(code, "unknown error")))
        return False

    def close(self) -> None:
        """Give up."""
        self.sock.close()

    def _next(self, error: OSError | None) -> socket.socket:
        while self._addresses:
            family, kind, protocol, _, address = self._addresses.pop(0)
            sock = socket.socket(family, kind, protocol)
            try:
                sock.setblocking(False)
                set_options(sock, self.endpoint)
                if self.endpoint.local_address is not None:
                    sock.bind((self.endpoint.local_address, self.endpoint.local_port))
                code = sock.connect_ex(address)
                if code in (0, errno.EINPROGRESS, errno.EWOULDBLOCK):
                    return sock
                raise OSError(code, errno.errorcode.get(code, "unknown error"))
            except OSError as failed:
                sock.close()
                error = failed
        raise error if error is not None else OSError(errno.EADDRNOTAVAIL, "no address to dial")
