"""What passes a proxy, written down frame by frame: the recordings that ``corewire explain`` reads and tests replay.

One line per frame: link, direction, hex, and the packet's name as a comment; what happened to a link is a line that begins with
``!``. A frame is written when its last byte has passed; a rest that never became a frame is written when its link ends.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from corewire.wire import registry
from corewire.wire.framing import HEADER_SIZE, MAGIC, channel_id, packet_type

if TYPE_CHECKING:
    from typing import TextIO

    from corewire_server.proxy import Direction


class Recorder:
    """The ``tap`` of a `corewire_server.proxy.Proxy` that writes a recording to a text stream, which the caller closes."""

    def __init__(self, stream: TextIO, *, title: str = "recording") -> None:
        self._stream = stream
        self._rests: dict[tuple[int, Direction], bytes] = {}
        self._began = time.monotonic()
        stream.write(f"# scenario: {title}\n")

    def opened(self, link: int) -> None:
        """Note that a link was opened."""
        self._stream.write(f"! {link} open broker\n")

    def passed(self, link: int, direction: Direction, data: bytes) -> None:
        """Write the frames that are complete now."""
        rest = self._rests.get((link, direction), b"") + data
        at = 0
        if rest.startswith(MAGIC):
            self._line(link, direction, MAGIC, "magic ARTEMIS")
            at = len(MAGIC)
        while len(rest) - at >= 4:
            end = at + 4 + int.from_bytes(rest[at : at + 4], "big")
            if end > len(rest):
                break
            frame = rest[at:end]
            self._line(link, direction, frame, _comment(frame))
            at = end
        self._rests[link, direction] = rest[at:]

    def closed(self, link: int, why: str) -> None:
        """Note how a link ended, and what never became a frame."""
        for key in [key for key in self._rests if key[0] == link]:
            if rest := self._rests.pop(key):
                self._stream.write(f"! {link} {key[1].value} {len(rest)} bytes of a frame: {rest.hex()}\n")
        self._stream.write(f"! {link} {why} t={time.monotonic() - self._began:.3f}\n")

    def _line(self, link: int, direction: Direction, data: bytes, comment: str) -> None:
        passed_s = time.monotonic() - self._began
        self._stream.write(f"{link} {direction.value} {data.hex()}  # {comment} t={passed_s:.3f}\n")


def _comment(frame: bytes) -> str:
    if len(frame) < HEADER_SIZE:
        return "too short for a frame"
    return f"{registry.packet_name(packet_type(frame))} ch={channel_id(frame)}"
