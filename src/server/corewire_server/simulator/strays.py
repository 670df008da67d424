"""
A habit of other clients: a thread that was about to write a send when the link was lost writes it after the replay, which has
written it already. Brokers know such copies by their numbers, which all sends have that such clients repeat. Ours has no such
threads, so its process adds them.
"""

from __future__ import annotations

from typing import Final

from corewire.wire import hot
from corewire.wire.framing import LENGTH_SIZE, MAGIC

_SENDER_BYTES: Final = 4  # the end of a send
_NUMBER_BYTES: Final = 8 + _SENDER_BYTES  # of it and what is before: 0 where no answer is asked for


class Strays:
    """Remembers the last send with a number that was written, and where bytes went last."""

    __slots__ = ("frame", "link")

    def __init__(self) -> None:
        self.frame: bytes | None = None
        self.link = 0

    def note(self, link: int, data: bytes) -> None:
        """Whole frames were written to a link."""
        self.link = link
        at = len(MAGIC) if data.startswith(MAGIC) else 0
        while at < len(data):
            end = at + LENGTH_SIZE + int.from_bytes(data[at : at + LENGTH_SIZE], "big")
            if data[at + LENGTH_SIZE] == hot.SEND and any(data[end - _NUMBER_BYTES : end - _SENDER_BYTES]):
                self.frame = data[at:end]
            at = end
