"""
Frames for people: each packet a block, field by field, with the offsets that a hex dump has.

The layout comes from construct (``spec.py``), which is imported when it is needed and may be missing.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from corewire.errors import ConfigError, RemoteProtocolError
from corewire.wire import registry
from corewire.wire.framing import HEADER_SIZE, channel_id, packet_type
from corewire.wire.inspect import escaped, message_fields, message_of, plain
from corewire.wire.pieces import Piece, pieces
from corewire.wire.versions import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from corewire.wire.inspect import Json

    Locate = Callable[[type[object], bytes, int], list[tuple[int, str, Any]]]

_VALUES_AT: Final = 44  # column
_DUMPED: Final = 16  # bytes in a line of a hex dump


def explain(data: bytes | str, *, version: int = VERSION) -> str:
    """
    Return frames as readable blocks, one per frame.

    ``data`` is hex (a frame per line, perhaps after a version and a tab, or lines of a recording) or a raw stream, with the
    magic or without. What cannot be read is said in its block. Raises ConfigError where construct is not installed.
    """
    return "\n".join(blocks(pieces(data, version=version)))


def blocks(found: Iterable[Piece], *, hexdump: bool = False) -> Iterator[str]:
    """
    Yield the block of each piece, with the bytes below it if ``hexdump``.

    Raises ConfigError where construct is not installed.
    """
    try:
        from corewire.wire import spec
    except ModuleNotFoundError as error:
        raise ConfigError(
            "frames are explained by construct, which is not installed",
            parameter="explain",
            hint='Install it with: pip install "corewire[cli]"',
        ) from error
    for piece in found:
        if piece.frame is None:
            yield escaped(f"{piece.where}: {piece.note}\n")
            continue
        try:
            lines = list(_block(piece.frame, piece.version, spec.located))
        except RemoteProtocolError as error:
            lines = [f"        cannot be read: {error}", f"        {piece.frame.hex()}"]
        dump = _dump(piece.frame) if hexdump else ()
        yield escaped("\n".join((f"{piece.where}: {_title(piece.frame)}", *lines, *dump)) + "\n")


def _dump(frame: bytes) -> Iterator[str]:
    for at in range(0, len(frame), _DUMPED):
        line = frame[at : at + _DUMPED]
        shown = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in line)
        yield f"{at:>6}  {line[:8].hex(' '):<23}  {line[8:].hex(' '):<23}  {shown}"


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
