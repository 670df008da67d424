"""
Frames out of files: hex lines, tables of vectors, recordings and raw streams, in whatever pieces the files come.

Recordings and streams show how a link began, so the version is followed as the two sides negotiate it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from corewire.errors import RemoteProtocolError
from corewire.wire import registry
from corewire.wire.framing import FRAME_BYTES_MAX, HEADER_SIZE, LENGTH_SIZE, MAGIC, FrameReader, packet_type
from corewire.wire.inspect import parse_line
from corewire.wire.packets import CreateSession, CreateSessionV2, SubscribeTopologyV2
from corewire.wire.versions import UNNEGOTIATED, VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator

#: A line of a recording: link, direction, and hex in which a long run is written ``{7800*500}``.
_RECORDED: Final = re.compile(r"(\d+) (\S+>\S+) ([0-9a-fA-F{}*]+)(?:\s+#.*)?")
_RUN: Final = re.compile(r"\{([0-9a-fA-F]+)\*(\d{1,7})\}")
_RECORDED_BYTES_MAX: Final = 64 * 1024 * 1024  # of one frame: a short line may claim any number
#: A line of a table of vectors: name, code, size, hex, version.
_VECTOR: Final = re.compile(r"\S+\t-?\d+\t\d+\t([0-9a-fA-F]+)\t(\d+)")
_NEGOTIATING: Final = frozenset({CreateSession.TYPE, CreateSessionV2.TYPE, SubscribeTopologyV2.TYPE})


@dataclass(frozen=True, slots=True)
class Piece:
    """A frame or something else out of a file, and where it was found."""

    where: str
    frame: bytes | None  #: None: ``note`` says what is there instead
    version: int
    note: str = ""
    bad: bool = False  #: what is noted should not be there


class Reader(Protocol):
    """Finds pieces in what it is fed."""

    def feed(self, data: bytes) -> Iterator[Piece]:
        """Take the next bytes of the file."""
        ...

    def end(self) -> Iterator[Piece]:
        """Tell what was left over."""
        ...


def reader(head: bytes, version: int = VERSION) -> Reader:
    """Choose by the first bytes of a file: a raw stream begins with the magic or with the zero byte of a length, else it is text."""
    return StreamReader(version) if head.startswith((MAGIC, b"\0")) else TextReader(version)


def pieces(data: bytes | str, *, version: int = VERSION) -> Iterator[Piece]:
    """Find the frames in text or in a raw stream; a stream's remainder and lines that are no frames are noted."""
    if isinstance(data, str):
        chosen: Reader = TextReader(version)
        data = data.encode("utf-8", "surrogatepass")
    else:
        chosen = reader(data, version)
    yield from chosen.feed(data)
    yield from chosen.end()


def negotiated(frame: bytes, version: int) -> int:
    """Tell which version a link has after a frame: what the client says in its first sessions or subscriptions."""
    if packet_type(frame) not in _NEGOTIATING:
        return version
    try:
        match registry.decode(frame, version):
            case SubscribeTopologyV2(client_version=offered):
                return min(offered, VERSION)
            case CreateSession(version=offered) | CreateSessionV2(version=offered) if version == UNNEGOTIATED:
                return min(offered, VERSION)
            case _:
                return version
    except RemoteProtocolError:
        return version


class TextReader:
    """Lines: hex, perhaps after a version and a tab; lines of a table of vectors, or of a recording."""

    def __init__(self, version: int) -> None:
        """``version``: of frames whose line names none."""
        self._version = version
        self._versions: dict[str, int] = {}  # by link of a recording
        self._held: list[bytes] = []  # of a line that has not ended
        self._number = 0

    def feed(self, data: bytes) -> Iterator[Piece]:
        """Take the next bytes of the file."""
        self._held.append(data)
        if b"\n" not in data:  # a line of many reads is joined once
            return
        *lines, rest = self._take_rest().split(b"\n")
        self._held.append(rest)
        for line in lines:
            yield from self._line(line.decode("utf-8", "replace"))

    def end(self) -> Iterator[Piece]:
        """Take the last line, which may have no end."""
        if rest := self._take_rest():
            yield from self._line(rest.decode("utf-8", "replace"))

    def _take_rest(self) -> bytes:
        held, self._held = self._held, []
        return b"".join(held)

    def _line(self, line: str) -> Iterator[Piece]:
        self._number += 1
        where = f"line {self._number}"
        text = line.strip()
        if text.startswith("! "):
            return
        if (recorded := _RECORDED.fullmatch(text)) is not None:
            yield self._recorded(where, recorded)
            return
        if (vector := _VECTOR.fullmatch(text)) is not None:
            text = f"{vector[2]}\t{vector[1]}"
        try:
            parsed = parse_line(text, self._version)
        except ValueError as error:
            yield Piece(where, None, self._version, str(error), bad=True)
            return
        if parsed is not None:
            yield _magic(where, parsed[0]) if parsed[1] == MAGIC else Piece(where, parsed[1], parsed[0])

    def _recorded(self, where: str, found: re.Match[str]) -> Piece:
        link, direction = found[1], found[2]
        where = f"{where}, link {link} {direction}"
        version = self._versions.get(link, UNNEGOTIATED)
        digits = len(found[3]) + sum(len(run[1]) * int(run[2]) for run in _RUN.finditer(found[3]))
        if digits > 2 * _RECORDED_BYTES_MAX:
            return Piece(where, None, version, f"more than {_RECORDED_BYTES_MAX} bytes", bad=True)
        try:
            frame = bytes.fromhex(_RUN.sub(lambda run: run[1] * int(run[2]), found[3]))
        except ValueError:
            return Piece(where, None, version, "not hex", bad=True)
        if frame == MAGIC:
            return _magic(where, version)
        if len(frame) >= HEADER_SIZE:
            self._versions[link] = negotiated(frame, version)
        return Piece(where, frame, version)


class StreamReader:
    """The bytes of one direction of a link. ``version``: of a stream that does not begin with the magic."""

    def __init__(self, version: int) -> None:
        self._version = version
        self._begun = False
        self._broken = False
        self._held: list[bytes] = []  # of a frame that has not ended
        self._held_bytes = 0
        self._awaited = len(MAGIC)  # bytes without which nothing can be told
        self._at = 0

    def feed(self, data: bytes) -> Iterator[Piece]:
        """Take the next bytes of the stream."""
        if self._broken:
            return
        self._held.append(data)
        self._held_bytes += len(data)
        if self._held_bytes >= self._awaited:  # a frame of many reads is joined once
            yield from self._cut(self._take_rest())

    def end(self) -> Iterator[Piece]:
        """Tell of the frame that was not whole."""
        if not self._begun:
            yield from self._cut(self._take_rest())
        if (rest := self._take_rest()) and not self._broken:
            size = int.from_bytes(rest[:4].ljust(4, b"\0"), "big") + 4
            yield Piece(f"byte {self._at}", None, self._version, f"{len(rest)} bytes of a frame of {size}", bad=True)

    def _cut(self, data: bytes) -> Iterator[Piece]:
        start = 0
        if not self._begun and data.startswith(MAGIC):
            self._version = UNNEGOTIATED
            yield _magic("byte 0", self._version)
            start = self._at = len(MAGIC)
        self._begun = True
        self._awaited = LENGTH_SIZE
        while len(data) - start >= LENGTH_SIZE:
            where = f"byte {self._at}"
            length = data[start : start + LENGTH_SIZE]
            try:
                FrameReader(FRAME_BYTES_MAX).feed(length)
            except RemoteProtocolError as error:
                yield Piece(where, None, self._version, f"no frame: {error.message}", bad=True)
                self._broken = True
                return
            size = LENGTH_SIZE + int.from_bytes(length, "big")
            if len(data) - start < size:
                self._awaited = size
                break
            frame = data[start : start + size]
            yield Piece(where, frame, self._version)
            self._version = negotiated(frame, self._version)
            start += size
            self._at += size
        self._held, self._held_bytes = [data[start:]], len(data) - start

    def _take_rest(self) -> bytes:
        held, self._held, self._held_bytes = self._held, [], 0
        return b"".join(held)


def _magic(where: str, version: int) -> Piece:
    return Piece(where, None, version, "the magic ARTEMIS")
