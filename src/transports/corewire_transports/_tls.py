"""TLS over bytes that somebody else carries: no socket, no waiting."""

from __future__ import annotations

import errno
import ssl
from typing import TYPE_CHECKING

from corewire_transports._stores import make_context

if TYPE_CHECKING:
    from collections.abc import Sequence

    from corewire import Endpoint

__all__ = ["Encryption", "encrypt"]

READ_BYTES = 65_536


def encrypt(endpoint: Endpoint, context: ssl.SSLContext | None) -> Encryption:
    """A link to ``endpoint``; without ``context`` as its ``tls`` says. Raises ConfigError and OSError, and blocks to read stores."""
    tls = endpoint.tls
    if context is None:
        assert tls is not None
        context = make_context(tls)
    name = endpoint.host if tls is None or tls.sni_host is None else tls.sni_host
    if "\0" in name:  # brokers name hosts, too, and OpenSSL takes it for a mistake of the program
        raise OSError(errno.EINVAL, f"{name!r} is no name of a host")
    return Encryption(context, name)


class Encryption:
    """One encrypted link, from its first byte to its last.

    What it has to write comes out of ``data_to_send`` after any other call; also after one that raised, since the other side
    should hear why. A renewal of keys by either side is between the two: it may make a write wait for what comes, no more.
    """

    def __init__(self, context: ssl.SSLContext, hostname: str) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=hostname)
        self._unwritten = b""
        self.open = False  #: the handshake is done
        self.ended = False  #: the other side said that nothing more comes

    def start(self) -> None:
        """Say hello."""
        self._shake()

    def receive(self, data: bytes) -> bytes:
        """Bytes came: what they mean. Raises ``OSError`` (``ssl.SSLError``)."""
        self._incoming.write(data)
        if not self.open and not self._shake():
            return b""
        parts: list[bytes] = []
        try:
            while part := self._tls.read(READ_BYTES):
                parts.append(part)
            self.ended = True
        except ssl.SSLWantReadError:
            self._write()
        except ssl.SSLZeroReturnError:
            self.ended = True
        return b"".join(parts)

    def send(self, chunks: Sequence[bytes]) -> None:
        """Encrypt and queue."""
        self._unwritten += b"".join(chunks)
        self._write()

    def data_to_send(self) -> bytes:
        """What is to be written."""
        return self._outgoing.read()

    def close(self) -> None:
        """Say that nothing more comes. The other side's word for it is not waited for."""
        try:
            self._tls.unwrap()
        except ssl.SSLError:
            return

    def _shake(self) -> bool:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        self.open = True
        return True

    def _write(self) -> None:
        try:
            while self._unwritten:
                self._unwritten = self._unwritten[self._tls.write(self._unwritten) :]
        except ssl.SSLWantReadError:
            return
