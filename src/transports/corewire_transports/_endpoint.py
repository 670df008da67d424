"""From an Endpoint to a connected socket and what stands between it and the engine, without blocking."""

from __future__ import annotations

import errno
import os
import selectors
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from corewire_transports._tunnel import Tunnel

if TYPE_CHECKING:
    import ssl

    from corewire import Endpoint

__all__ = ["Dialling", "set_options"]

Address: TypeAlias = tuple[socket.AddressFamily, socket.SocketKind, int, str, Any]


def set_options(sock: socket.socket, endpoint: Endpoint) -> None:
    """Set what the connector says: no delay, buffer sizes; keep-alive as Artemis does."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, int(endpoint.tcp_no_delay))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, endpoint.tcp_send_buffer_bytes)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, endpoint.tcp_receive_buffer_bytes)


@dataclass(slots=True)
class Way:
    """How to reach an endpoint: addresses in the order to try, and what stands between the socket and the engine."""

    addresses: list[Address]
    tunnel: Tunnel | None


def find_way(endpoint: Endpoint, context: ssl.SSLContext | None, flags: int = 0) -> Way:
    """Look up names, read stores: both block, unless ``flags`` forbids names and ``context`` is there. Raises OSError, ConfigError.

    Without ``context`` one is made where the endpoint wants encryption; with it every link is encrypted.
    """
    host, port, proxied = endpoint.host, endpoint.port, None
    if endpoint.socks_host is not None:
        from corewire_transports._socks import Proxied

        proxied = Proxied(endpoint, _destination(endpoint, flags))
        host, port = endpoint.socks_host, endpoint.socks_port
    addresses: list[Address] = [*socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)]
    encryption = None
    if context is not None or endpoint.tls is not None:
        from corewire_transports._tls import encrypt

        encryption = encrypt(endpoint, context)
    plain = proxied is None and encryption is None
    return Way(addresses, None if plain else Tunnel(proxied, encryption))


def _destination(endpoint: Endpoint, flags: int) -> tuple[str, int]:
    if endpoint.socks_remote_dns:
        return endpoint.host, endpoint.port
    family = socket.AF_INET if endpoint.socks_version == 4 else socket.AF_UNSPEC
    found = socket.getaddrinfo(endpoint.host, endpoint.port, family, socket.SOCK_STREAM, flags=flags)
    return str(found[0][4][0]), endpoint.port


class Search:
    """A way being found by a thread that ends with it, since that may block. ``sock`` becomes readable."""

    def __init__(self, endpoint: Endpoint, context: ssl.SSLContext | None) -> None:
        self._endpoint = endpoint
        self._context = context
        self._found: Way | None = None
        self._error: Exception | None = None
        self.sock, self._done = socket.socketpair()
        self.sock.setblocking(False)
        threading.Thread(target=self._run, name="corewire resolver", daemon=True).start()

    def _run(self) -> None:
        with self._done:  # closing it is the sign
            try:
                self._found = find_way(self._endpoint, self._context)
            except Exception as error:  # noqa: BLE001  # raised again by ``result``
                self._error = error

    def result(self) -> Way:
        """What was found. Raises ``OSError`` and ``ConfigError``."""
        self.sock.close()
        if self._error is not None:
            raise self._error
        assert self._found is not None
        return self._found


class Dialling:
    """
    A connection being made without blocking: the way found, then one address after the other.

    When ``sock`` has ``event`` (of ``selectors``) an attempt is decided; then ``settle()`` tells. ``tunnel``, if there is one
    then, comes before the engine.
    """

    def __init__(self, endpoint: Endpoint, context: ssl.SSLContext | None = None) -> None:
        """Begin. Raises ``OSError`` if no address can even be tried."""
        self.endpoint = endpoint
        self.event = selectors.EVENT_WRITE
        self.tunnel: Tunnel | None = None
        self._search: Search | None = None
        self._addresses: list[Address] = []
        way = None
        if endpoint.tls is None or context is not None:
            with suppress(socket.gaierror):
                way = find_way(endpoint, context, socket.AI_NUMERICHOST)
        if way is None:
            self._search = Search(endpoint, context)
            self.sock, self.event = self._search.sock, selectors.EVENT_READ
        else:
            self._addresses, self.tunnel = way.addresses, way.tunnel
            self.sock = self._next(None)

    def settle(self) -> bool:
        """Whether ``sock`` is connected; False: wait again, ``sock`` may be another.

        Raises ``OSError`` when all failed, and ``ConfigError`` for stores that cannot be used.
        """
        if self._search is not None:
            way, self._search = self._search.result(), None
            self._addresses, self.tunnel = way.addresses, way.tunnel
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
