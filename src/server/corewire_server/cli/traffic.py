"""
Captured traffic to frames: both directions of each connection, as they came, with the version that each connection negotiated.

Where a capture lost bytes, or began in the middle, the next segment that looks like the beginning of a frame is where reading
goes on. Connections that are none of ours are named once and passed over.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from corewire.errors import RemoteProtocolError
from corewire.wire import registry
from corewire.wire.framing import HEADER_SIZE, MAGIC, FrameReader, channel_id, packet_type
from corewire.wire.pieces import Piece, negotiated
from corewire.wire.versions import UNNEGOTIATED
from corewire_server.cli.pcap import HEADS, Broken, CaptureReader
from corewire_server.cli.tcp import Reassembly

if TYPE_CHECKING:
    from collections.abc import Iterator

    from corewire_server.cli.tcp import Chunk

_FRAME_BYTES_MAX: Final = 64 * 1024 * 1024  # more is no frame but something else
_CHANNEL_MAX: Final = 1 << 40
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def is_capture(head: bytes) -> bool:
    """Tell a network capture by its first four bytes."""
    return head.startswith(HEADS)


def looks_like_a_frame(data: bytes) -> bool:
    """Guess whether bytes begin with a frame: a likely length, a known packet, a small channel."""
    if len(data) < HEADER_SIZE:
        return False
    size = int.from_bytes(data[:4], "big") + 4
    known = registry.packet_class(packet_type(data)) is not None
    return HEADER_SIZE <= size <= _FRAME_BYTES_MAX and known and 0 <= channel_id(data) < _CHANNEL_MAX


@dataclass(slots=True)
class _Half:
    """One direction: its reader, or None while it is not known where a frame begins."""

    reader: FrameReader | None = None
    begun: bool = False
    skipped: int = 0
    head: bytes = b""  # of a direction of which too little has come to tell what it is


@dataclass(slots=True)
class _Link:
    """A connection."""

    version: int
    halves: dict[str, _Half] = field(default_factory=dict[str, _Half])
    foreign: bool = False


class TrafficReader:
    """Finds pieces in a capture that it is fed, as the readers of ``corewire.wire.pieces`` do."""

    def __init__(self, version: int, *, port: int | None = None) -> None:
        """``version``: of connections whose beginning is not in the capture. ``port``: only connections with it."""
        self._version = version
        self._port = port
        self._capture = CaptureReader()
        self._reassembly = Reassembly()
        self._links: dict[int, _Link] = {}
        self._broken = False

    def feed(self, data: bytes) -> Iterator[Piece]:
        """Take the next bytes of the capture."""
        if self._broken:
            return
        segments = self._capture.feed(data)
        while True:
            try:
                segment = next(segments, None)
            except Broken as error:
                self._broken = True
                yield Piece("capture", None, self._version, f"cannot be read on: {error}", bad=True)
                return
            if segment is None:
                return
            if self._port is None or self._port in (segment.source_port, segment.target_port):
                for chunk in self._reassembly.segment(segment):
                    yield from self._chunk(chunk)

    def end(self) -> Iterator[Piece]:
        """Tell what was left over."""
        for chunk in self._reassembly.end():
            yield from self._chunk(chunk)
        if self._capture.rest and not self._broken:
            yield Piece("capture", None, self._version, f"{self._capture.rest} bytes of a packet", bad=True)

    def _chunk(self, chunk: Chunk) -> Iterator[Piece]:
        link = self._links.setdefault(chunk.connection, _Link(self._version))
        half = link.halves.setdefault(chunk.source, _Half())
        where = _where(chunk)
        if link.foreign:
            return
        if chunk.lost:
            if half.begun:
                yield Piece(where, None, link.version, f"{chunk.lost} bytes are not in the capture", bad=True)
            half.begun, half.reader, half.skipped = True, None, 0
        if chunk.data:
            yield from self._bytes(link, half, where, chunk.data)
        if chunk.ended and half.begun:
            rest = len(half.reader.rest) if half.reader is not None else 0
            left = f", {rest} bytes of a frame before it" if rest else ""
            yield Piece(where, None, link.version, f"the end of this direction{left}", bad=bool(rest))

    def _bytes(self, link: _Link, half: _Half, where: str, data: bytes) -> Iterator[Piece]:
        data, half.head = half.head + data, b""
        if not half.begun:
            if len(data) < len(MAGIC) and MAGIC.startswith(data):
                half.head = data
                return
            half.begun = True
            if data.startswith(MAGIC):
                link.version = UNNEGOTIATED
                yield Piece(where, None, link.version, "the magic ARTEMIS")
                data = data[len(MAGIC) :]
                half.reader = FrameReader(_FRAME_BYTES_MAX)
            elif not looks_like_a_frame(data) and all(
                not other.begun for other in link.halves.values() if other is not half
            ):
                link.foreign = True
                yield Piece(
                    where, None, link.version, "not the CORE protocol, or begun before the capture: passed over"
                )
                return
        if half.reader is None:
            if not looks_like_a_frame(data):
                half.skipped += len(data)
                return
            if half.skipped:
                yield Piece(where, None, link.version, f"{half.skipped} bytes passed over", bad=True)
            half.reader = FrameReader(_FRAME_BYTES_MAX)
        yield from self._frames(link, half, where, data)

    def _frames(self, link: _Link, half: _Half, where: str, data: bytes) -> Iterator[Piece]:
        assert half.reader is not None
        try:
            frames = half.reader.feed(data)
        except RemoteProtocolError as error:
            half.reader, half.skipped = None, 0
            yield Piece(where, None, link.version, f"no frame: {error.message}", bad=True)
            return
        for frame in frames:
            yield Piece(where, frame, link.version)
            link.version = negotiated(frame, link.version)


def _where(chunk: Chunk) -> str:
    """Say when and between whom, as in ``2026-03-01T10:00:00.000001Z #1 127.0.0.1:4 > 127.0.0.1:61616``."""
    between = f"#{chunk.connection} {chunk.source} > {chunk.target}"
    if not chunk.time_ns:
        return between
    try:
        at = _EPOCH + timedelta(microseconds=chunk.time_ns // 1000)
    except OverflowError:  # a damaged capture may claim any time
        return between
    return f"{at.replace(tzinfo=None).isoformat(timespec='microseconds')}Z {between}"
