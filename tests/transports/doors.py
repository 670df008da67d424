"""Doors before a broker, for tests: one that encrypts, and a SOCKS proxy. They let in and pass bytes on; threads, since few come."""

from __future__ import annotations

import select
import socket
import ssl
import threading
from contextlib import suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from socket import SocketIO
    from types import TracebackType


class Door:
    """Listens on a loopback port and passes what comes on to ``target``; a context manager."""

    def __init__(self, target: tuple[str, int]) -> None:
        self.target = target
        self.opened = 0  #: links that were passed on
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: set[tuple[socket.socket, socket.socket]] = set()
        self._lock = threading.Lock()
        self._serving: list[threading.Thread] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)
        self.cut_all()

    def cut_all(self) -> None:
        """End every link, without a word."""
        with self._lock:
            ending = [sock for pair in self._open for sock in pair]
        for sock in ending:
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def cut_inside(self) -> None:
        """End every link's inner half, as if the broker had gone."""
        with self._lock:
            ending = [inner for _, inner in self._open]
        for sock in ending:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def enter(self, sock: socket.socket) -> tuple[socket.socket, tuple[str, int]]:
        """Who came is let in: the socket to talk over, and where to go. Raises ``OSError`` if not."""
        return sock, self.target

    def finish(self) -> None:
        """Until nobody is served any more."""
        for serving in self._serving:
            serving.join(20)

    def leave(self, sock: socket.socket) -> None:
        """One side ended: what is said to the client."""

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            serving = threading.Thread(target=self._serve, args=(sock,), daemon=True)
            self._serving.append(serving)
            serving.start()

    def _serve(self, raw: socket.socket) -> None:
        with raw, suppress(OSError):
            raw.settimeout(10)
            sock, target = self.enter(raw)
            with sock, socket.create_connection(target) as inner:
                sock.settimeout(None)
                with self._lock:
                    self._open.add((sock, inner))
                    self.opened += 1
                try:
                    _pass(sock, inner)
                    self.leave(sock)
                finally:
                    with self._lock:
                        self._open.discard((sock, inner))


def _pass(sock: socket.socket, inner: socket.socket) -> None:
    """Both ways, until one side ends. One thread does it: a socket that encrypts is not for two."""
    while True:
        pending = isinstance(sock, ssl.SSLSocket) and sock.pending() > 0
        ready, _, _ = select.select([sock, inner], (), (), 0 if pending else None)
        for source, target in ((sock, inner), (inner, sock)):
            if source in ready or (pending and source is sock):
                if not (data := source.recv(65_536)):
                    return
                target.sendall(data)


class EncryptedDoor(Door):
    """Encrypts as ``context`` says, which may be changed between links."""

    def __init__(self, target: tuple[str, int], context: ssl.SSLContext) -> None:
        self.context = context
        self.asked: list[str | None] = []  #: names that clients asked for
        self.refused: SimpleQueue[str] = SimpleQueue()  #: why handshakes failed; a client may know before
        self.shook: list[tuple[str, str]] = []  #: protocol and cipher of each link
        self.visitors: list[Any] = []  #: certificates that clients showed
        self.stayed = 0  #: clients that were told that nothing more comes, and did not hang up within seconds
        super().__init__(target)

    def enter(self, sock: socket.socket) -> tuple[socket.socket, tuple[str, int]]:
        sock.settimeout(10)
        self.context.sni_callback = lambda _sock, name, _context: self.asked.append(name)
        try:
            wrapped = self.context.wrap_socket(sock, server_side=True)
        except ssl.SSLError as error:
            self.refused.put(str(error.reason))
            raise
        cipher = wrapped.cipher()
        assert cipher is not None
        self.shook.append((str(wrapped.version()), cipher[0]))
        self.visitors.append(wrapped.getpeercert())
        return wrapped, self.target

    def leave(self, sock: socket.socket) -> None:
        assert isinstance(sock, ssl.SSLSocket)
        sock.settimeout(5)
        try:
            sock.unwrap()
        except TimeoutError:
            self.stayed += 1
            raise


class SocksDoor(Door):
    """A SOCKS proxy that leads whoever comes to ``target``, wherever he wanted to go."""

    def __init__(self, target: tuple[str, int], login: tuple[str, str] | None = None, verdict: int = 0) -> None:
        """``login``: the user and password to come with; ``verdict``: 0, or the reply's code of a refusal."""
        self.asked: list[tuple[str, str, int]] = []  #: version or user, host and port that were asked for
        self._login = login
        self._verdict = verdict
        super().__init__(target)

    def enter(self, sock: socket.socket) -> tuple[socket.socket, tuple[str, int]]:
        stream = sock.makefile("rb", buffering=0)
        if _take(stream, 1) == b"\x04":
            self._version_4(sock, stream)
        else:
            self._version_5(sock, stream)
        if self._verdict:
            raise ConnectionRefusedError
        return sock, self.target

    def _version_4(self, sock: socket.socket, stream: SocketIO) -> None:
        head = _take(stream, 7)
        user, host = _text(stream), socket.inet_ntoa(head[3:])
        if head[3:6] == b"\0\0\0":  # 4a
            host = _text(stream)
        self.asked.append((user, host, int.from_bytes(head[1:3])))
        for byte in bytes((0, self._verdict or 90)) + bytes(6):
            sock.sendall(bytes((byte,)))

    def _version_5(self, sock: socket.socket, stream: SocketIO) -> None:
        methods = _take(stream, _take(stream, 1)[0])
        method = 0 if self._login is None else 2
        sock.sendall(bytes((5, method if method in methods else 255)))
        if method not in methods:
            raise ConnectionRefusedError
        if self._login is not None:
            _take(stream, 1)
            login = tuple(_take(stream, _take(stream, 1)[0]).decode() for _ in range(2))
            sock.sendall(bytes((1, login != self._login)))
        kind = _take(stream, 4)[3]
        sizes = {1: 4, 4: 16}
        raw = _take(stream, sizes[kind] if kind in sizes else _take(stream, 1)[0])
        families = {1: socket.AF_INET, 4: socket.AF_INET6}
        host = socket.inet_ntop(families[kind], raw) if kind in families else raw.decode()
        self.asked.append(("5", host, int.from_bytes(_take(stream, 2))))
        # A proxy may tell where it is by name.
        for byte in bytes((5, self._verdict, 0, 3, 5)) + b"proxy" + bytes(2):
            sock.sendall(bytes((byte,)))


def _take(stream: SocketIO, size: int) -> bytes:
    data = b""
    while len(data) < size:
        if not (part := stream.read(size - len(data))):
            raise ConnectionResetError
        data += part
    return data


def _text(stream: SocketIO) -> str:
    data = b""
    while (byte := _take(stream, 1)) != b"\0":
        data += byte
    return data.decode()
