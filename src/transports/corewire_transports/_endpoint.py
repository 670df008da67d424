"""From an Endpoint to a connected socket and what stands between it and the engine, without blocking."""

from __future__ import annotations

import errno
import os
import selectors
import socket
import threading
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from corewire_transports._tunnel import Tunnel

if TYPE_CHECKING:
    import ssl

    from corewire import Endpoint

__all__ = ["Dialling", "set_options"]

NAME_BYTES_MAX = 255  # of a host, to a SOCKS proxy
HEAD_START_S = 0.25
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
    try:
        return _find_way(endpoint, context, flags)
    except UnicodeError as error:  # Python's encoder of names; and brokers say where they are, too
        raise socket.gaierror(socket.EAI_NONAME, f"no name of a host: {error}") from error


def _find_way(endpoint: Endpoint, context: ssl.SSLContext | None, flags: int) -> Way:
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
        if len(endpoint.host.encode()) > NAME_BYTES_MAX:
            raise socket.gaierror(socket.EAI_NONAME, "no name of a host: too long for a proxy")
        return endpoint.host, endpoint.port
    family = socket.AF_INET if endpoint.socks_version == 4 else socket.AF_UNSPEC
    found = socket.getaddrinfo(endpoint.host, endpoint.port, family, socket.SOCK_STREAM, flags=flags)
    return str(found[0][4][0]), endpoint.port


def begin(endpoint: Endpoint, address: Address) -> socket.socket:
    """A socket that is connecting. Raises ``OSError``."""
    family, kind, protocol, _, place = address
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)
        set_options(sock, endpoint)
        if endpoint.local_address is not None or endpoint.local_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # the port may have a link that has just ended
            sock.bind((endpoint.local_address or "", endpoint.local_port))
        code = sock.connect_ex(place)
        if code not in (0, errno.EINPROGRESS, errno.EWOULDBLOCK):
            raise _error(code)
    except BaseException:
        sock.close()
        raise
    return sock


def race(endpoint: Endpoint, addresses: list[Address], stop: socket.socket) -> socket.socket:
    """The first of several addresses that connects. Each has a start of a moment before the next one: an address that
    answers nothing holds up nobody (as RFC 8305 has it). Blocks until ``stop`` is readable. Raises ``OSError``."""
    error: OSError = OSError(errno.EADDRNOTAVAIL, "no address to dial")
    waiting = list(addresses)
    with selectors.DefaultSelector() as selector, ExitStack() as connecting:
        selector.register(stop, selectors.EVENT_READ)
        while waiting or len(selector.get_map()) > 1:
            try:
                if waiting:
                    sock = connecting.enter_context(begin(endpoint, waiting.pop(0)))
                    selector.register(sock, selectors.EVENT_WRITE)
            except OSError as failed:
                error = failed
                continue
            for key, _ in selector.select(HEAD_START_S if waiting else None):
                if key.fileobj is stop:
                    raise OSError(errno.ECANCELED, "given up")
                sock = cast("socket.socket", key.fileobj)
                selector.unregister(sock)
                if (code := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)) == 0:
                    return sock.dup()  # the others are closed
                error = _error(code)
    raise error


class Search:
    """A connection being made by a thread that ends with it, since looking up names and reading stores block. ``sock`` becomes readable."""

    def __init__(self, endpoint: Endpoint, context: ssl.SSLContext | None) -> None:
        self._endpoint = endpoint
        self._context = context
        self._lock = threading.Lock()
        self._found: socket.socket | None = None
        self._tunnel: Tunnel | None = None
        self._error: Exception | None = None
        self._abandoned = False
        self.sock, self._done = socket.socketpair()
        self.sock.setblocking(False)
        threading.Thread(target=self._run, name="corewire resolver", daemon=True).start()

    def _run(self) -> None:
        with self._done:  # closing it is the sign
            try:
                way = find_way(self._endpoint, self._context)
                found = race(self._endpoint, way.addresses, self._done)
            except Exception as error:  # noqa: BLE001  # raised again by ``result``
                self._error = error
                return
            with self._lock:
                self._found, self._tunnel = found, way.tunnel
                if self._abandoned:
                    found.close()

    def result(self) -> tuple[socket.socket, Tunnel | None]:
        """What was found. Raises ``OSError`` and ``ConfigError``."""
        self.sock.close()
        if self._error is not None:
            raise self._error
        assert self._found is not None
        return self._found, self._tunnel

    def abandon(self) -> None:
        """Nobody waits for it any more."""
        with self._lock:
            self._abandoned = True
            self.sock.close()
            if self._found is not None:
                self._found.close()


class Dialling:
    """
    A connection being made without blocking.

    When ``sock`` has ``event`` (of ``selectors``) it is decided; then ``settle()`` tells. ``tunnel``, if there is one then, comes
    before the engine.
    """

    def __init__(self, endpoint: Endpoint, context: ssl.SSLContext | None = None) -> None:
        """Begin. Raises ``OSError`` if nothing can even be tried."""
        self.event = selectors.EVENT_WRITE
        self.tunnel: Tunnel | None = None
        self._search: Search | None = None
        way = None
        if endpoint.tls is None or context is not None:
            with suppress(socket.gaierror):
                way = find_way(endpoint, context, socket.AI_NUMERICHOST)
        if way is None:
            self._search = Search(endpoint, context)
            self.sock, self.event = self._search.sock, selectors.EVENT_READ
        else:
            self.sock, self.tunnel = begin(endpoint, way.addresses[0]), way.tunnel

    def settle(self) -> bool:
        """Whether ``sock``, which may be another now, is connected; False: wait again.

        Raises ``OSError`` if it failed, and ``ConfigError`` for stores that cannot be used.
        """
        if self._search is not None:
            search, self._search = self._search, None
            self.sock, self.tunnel = search.result()
            return True
        if code := self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.sock.close()
            raise _error(code)
        try:
            self.sock.getpeername()
        except OSError:  # it was the event of an older socket with this one's number
            return False
        return True

    def close(self) -> None:
        """Give up."""
        if self._search is None:
            self.sock.close()
        else:
            self._search.abandon()


def _error(code: int) -> OSError:
    return OSError(code, os.strerror(code))
