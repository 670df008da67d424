"""
Frames for people: each packet a block, field by field, with the offsets that a hex dump has.

The layout comes from construct (``spec.py``), which is imported when it is needed and may be missing.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from corewire.errors import ConfigError, RemoteProtocolError
from corewire.wire import registry
from corewire.wire.framing import FRAME_BYTES_MAX, HEADER_SIZE, MAGIC, FrameReader, channel_id, packet_type
from corewire.wire.inspect import escaped, message_fields, message_of, parse_line, plain
from corewire.wire.versions import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from corewire.wire.inspect import Json

    Locate = Callable[[type[object], bytes, int], list[tuple[int, str, Any]]]

#: A line of a recording: link, direction, and hex in which a long run is written ``{7800*500}``.
_RECORDED: Final = re.compile(r"(\d+) (\S+>\S+) ([0-9a-fA-F{}*]+)(?:\s+#.*)?")
_RUN: Final = re.compile(r"\{([0-9a-fA-F]+)\*(\d{1,7})\}")
_VALUES_AT: Final = 44  # column


@dataclass(frozen=True, slots=True)
class Piece:
    """A frame or something else out of a file, and where it was found."""

    where: str
    frame: bytes | None  #: None: ``note`` says what is there instead
    version: int
    note: str = ""


def explain(data: bytes | str, *, version: int = VERSION) -> str:
    """
    Return frames as readable blocks, one per frame.

    ``data`` is hex (a frame per line, perhaps after a version and a tab, or lines of a recording) or a raw stream, with the
    magic or without. What cannot be read is said in its block. Raises ConfigError where construct is not installed.
    """
    try:
        from corewire.wire import spec
    except ModuleNotFoundError as error:
        raise ConfigError(
            "frames are explained by construct, which is not installed",
            parameter="explain",
            hint='Install it with: pip install "corewire[cli]"',
        ) from error
    blocks: list[str] = []
    for piece in pieces(data, version=version):
        if piece.frame is None:
            blocks.append(f"{piece.where}: {piece.note}")
            continue
        try:
            lines = list(_block(piece.frame, piece.version, spec.located))
        except RemoteProtocolError as error:
            lines = [f"        cannot be read: {error}", f"        {piece.frame.hex()}"]
        blocks.append("\n".join((f"{piece.where}: {_title(piece.frame)}", *lines)))
    return escaped("\n\n".join(blocks) + "\n") if blocks else ""


def pieces(data: bytes | str, *, version: int = VERSION) -> Iterator[Piece]:
    """Find the frames in text or in a raw stream; a stream's remainder and lines that are no frames are noted."""
    text = _as_text(data)
    if text is None:
        assert isinstance(data, bytes)
        yield from _stream_pieces(data, version)
        return
    for number, line in enumerate(text.splitlines(), start=1):
        where = f"line {number}"
        recorded = _RECORDED.fullmatch(line.strip())
        if recorded is not None:
            where = f"line {number}, link {recorded[1]} {recorded[2]}"
            line = _RUN.sub(lambda run: run[1] * int(run[2]), recorded[3])
        if line.startswith("! "):
            continue
        try:
            parsed = parse_line(line, version)
        except ValueError as error:
            yield Piece(where, None, version, str(error))
            continue
        if parsed is not None and parsed[1] == MAGIC:
            yield Piece(where, None, version, "the magic ARTEMIS")
        elif parsed is not None:
            yield Piece(where, parsed[1], parsed[0])


def _as_text(data: bytes | str) -> str | None:
    """Tell text from a raw stream, which begins with the magic or with the zero byte of a length."""
    if isinstance(data, str):
        return data
    return None if data.startswith((MAGIC, b"\0")) else data.decode("utf-8", "replace")


def _stream_pieces(data: bytes, version: int) -> Iterator[Piece]:
    at = 0
    if data.startswith(MAGIC):
        yield Piece("byte 0", None, version, "the magic ARTEMIS")
        at = len(MAGIC)
    reader = FrameReader(FRAME_BYTES_MAX)
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big") + 4
        try:
            cut = reader.feed(data[at : at + size])
        except RemoteProtocolError as error:
            yield Piece(f"byte {at}", None, version, f"no frame: {error.message}")
            return
        if not cut:
            yield Piece(f"byte {at}", None, version, f"{len(data) - at} bytes of a frame of {size}")
            return
        yield Piece(f"byte {at}", cut[0], version)
        at += size


def _title(frame: bytes) -> str:
    if len(frame) < HEADER_SIZE:
        return f"{len(frame)} bytes"
    kind = packet_type(frame)
    return f"{registry.packet_name(kind)} ({kind}), channel {channel_id(frame)}, {len(frame)} bytes"


def _block(frame: bytes, version: int, located: Locate) -> Iterator[str]:
    """Yield the lines of one frame. Raises RemoteProtocolError."""
    packet = registry.decode(frame, version)
    for at, name, value in located(type(packet), frame, version):
        label = f"{at:>6}  {name}"
        found = message_of(packet) if name == "message" else None
        if found is None:
            yield from _lines(label, plain(value), indent=12)
        else:
            yield from _lines(label, message_fields(packet, found), indent=12)


def _lines(label: str, value: Json, indent: int) -> Iterator[str]:
    """Yield the lines of one value: what it is made of stands below it."""
    if isinstance(value, dict) and value:
        yield label
        for key, item in value.items():
            yield from _lines(" " * indent + key, item, indent + 4)
    else:
        yield f"{label:<{_VALUES_AT}}  {json.dumps(value, ensure_ascii=False)}"
