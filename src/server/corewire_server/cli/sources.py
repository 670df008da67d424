"""Files with frames in them, read piece by piece: standard input as it comes, and a file that grows for as long as it is followed."""

from __future__ import annotations

import os
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, Final

from corewire.wire.pieces import reader
from corewire_server.cli.traffic import TrafficReader, is_capture

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from corewire.wire.pieces import Piece, Reader

_BYTES: Final = 1 << 20
_HEAD: Final = 7  # bytes that tell what a file is
_LOOK_S: Final = 0.2


def pieces_of(name: str, version: int, *, port: int | None = None, follow: bool = False) -> Iterator[Piece]:
    """
    Find the pieces of a file, ``-`` being standard input. ``port``: only captured connections with it. ``follow``: for ever, unless
    it is a pipe, which has an end.

    Raises OSError.
    """
    chosen: Reader | None = None
    head = b""
    with nullcontext(sys.stdin.buffer) if name == "-" else Path(name).open("rb") as stream:
        grows = follow and S_ISREG(os.fstat(stream.fileno()).st_mode)
        for data in _read(stream, follow=grows):
            if chosen is None:
                head += data
                if len(head) < _HEAD and data:
                    continue
                chosen = _choose(head, version, port)
                data, head = head, b""
            yield from chosen.feed(data)
        if chosen is None:
            chosen = _choose(head, version, port)
            yield from chosen.feed(head)
        yield from chosen.end()


def _choose(head: bytes, version: int, port: int | None) -> Reader:
    return TrafficReader(version, port=port) if is_capture(head) else reader(head, version)


def _read(stream: BinaryIO, *, follow: bool) -> Iterator[bytes]:
    read = getattr(stream, "read1", stream.read)
    while True:
        if data := read(_BYTES):
            yield data
        elif follow:
            time.sleep(_LOOK_S)
        else:
            return
