"""
Compressed bodies: one zlib stream (RFC 1950) over the body, cut into chunks like any other (Artemis: ``DeflaterReader``).

What a peer compressed is a claim: a few bytes may inflate to any number. So nothing is inflated before somebody asks for it, never
more than a piece at a time, and never more in all than a limit that was known before.
"""

from __future__ import annotations

import zlib
from typing import Final

from corewire.errors import RemoteProtocolError

_BITE_BYTES: Final = 65_536  # fed to the compressor at a time: what comes out is waited for


class Cutter:
    """
    Cuts a body into chunks of ``size`` bytes; the last one is shorter, and empty where the body fits exactly.

    ``level`` compresses it before: 0 (not at all) to 9 (best), -1: zlib's own choice; None leaves it as it is. Feed it, take
    chunks until there is none, feed it again; at the end ``finish``.
    """

    def __init__(self, size: int, level: int | None) -> None:
        self.size = size
        self.body_bytes = 0  #: fed so far, before compression
        self.taken = 0  #: chunks
        self.ended = False  #: the last chunk was taken
        self._stream = None if level is None else zlib.compressobj(level)
        self._fed: list[memoryview] = []  # not compressed yet, or not taken yet
        self._out = bytearray()  # compressed
        self._finished = False
        self._flushed = False

    @property
    def compresses(self) -> bool:
        """Whether chunks are of a compressed stream."""
        return self._stream is not None

    def feed(self, data: bytes | memoryview) -> None:
        """More of the body. It is kept, not copied, until chunks were taken: it must not change."""
        view = memoryview(data)
        self.body_bytes += len(view)
        if view:
            self._fed.append(view)

    def finish(self) -> None:
        """That was the body."""
        self._finished = True

    def take(self) -> bytes | None:
        """The next chunk; None: it needs more of the body first, or has ended."""
        if self.ended:
            return None
        chunk = self._take_plain() if self._stream is None else self._take_compressed(self._stream)
        if chunk is not None:
            self.taken += 1
            self.ended = self._finished and len(chunk) < self.size
        return chunk

    def _take_plain(self) -> bytes | None:
        if not self._finished and sum(map(len, self._fed)) < self.size:
            return None
        return b"".join(self._bite(self.size))

    def _take_compressed(self, stream: zlib._Compress) -> bytes | None:
        while len(self._out) < self.size:
            if self._fed:
                for bite in self._bite(_BITE_BYTES):
                    self._out += stream.compress(bite)
            elif self._finished and not self._flushed:
                self._flushed = True
                self._out += stream.flush()
            else:
                break
        if len(self._out) < self.size and not self._flushed:
            return None
        chunk = bytes(self._out[: self.size])
        del self._out[: self.size]
        return chunk

    def _bite(self, size: int) -> list[memoryview]:
        """Take at most ``size`` bytes off what was fed."""
        parts: list[memoryview] = []
        while size and self._fed:
            view = self._fed[0]
            parts.append(view[:size])
            if len(view) > size:
                self._fed[0] = view[size:]
            else:
                del self._fed[0]
            size -= len(parts[-1])
        return parts


class Inflater:
    """Undoes the compression of a body piece by piece; ``limit`` is how many bytes it may have."""

    def __init__(self, limit: int) -> None:
        self._stream = zlib.decompressobj()
        self._limit = limit
        self._given = 0
        self._rest = b""  # compressed, not inflated yet

    @property
    def hungry(self) -> bool:
        """Whether it needs more before it can give more."""
        return not self._rest

    def feed(self, data: bytes) -> None:
        """More of what was compressed."""
        self._rest = self._rest + data if self._rest else data

    def take(self, size: int) -> bytes:
        """At most ``size`` bytes of the body, maybe none. Raises RemoteProtocolError: it is not compressed, or beyond its limit."""
        try:
            piece = self._stream.decompress(self._rest, size)
        except zlib.error as error:
            raise RemoteProtocolError(f"a body that is not compressed: {error}") from None
        self._rest = self._stream.unconsumed_tail
        self._given += len(piece)
        if self._given > self._limit:
            raise RemoteProtocolError(f"a compressed body claims {self._limit} bytes and has more")
        return piece

    def finish(self) -> None:
        """All was fed and taken. Raises RemoteProtocolError where the stream goes on."""
        if not self._stream.eof:
            raise RemoteProtocolError("a compressed body breaks off")


def inflate(data: bytes, limit: int) -> bytes:
    """Undo the compression of a body that is in memory. Raises RemoteProtocolError: it is not compressed, or has more than ``limit``."""
    stream = Inflater(limit)
    stream.feed(data)
    whole = stream.take(limit + 1)
    stream.finish()
    return whole
