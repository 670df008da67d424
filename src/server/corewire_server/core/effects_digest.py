"""A running checksum over everything a core asked for: two nodes that were fed the same inputs show the same."""

from __future__ import annotations

from struct import Struct, pack
from typing import TYPE_CHECKING, Final
from zlib import crc32

from corewire_server.core.effects import Append, CloseLink, Log, SendBytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from corewire_server.core.effects import Effect
    from corewire_server.records import Record

_STEP: Final = Struct(">qI")
_LINK: Final = Struct(">Bq")


class EffectsDigest:
    """Number of steps and a checksum of their effects. Cheap rather than strong: it finds accidents, not forgers."""

    __slots__ = ("checksum", "steps")

    def __init__(self, steps: int = 0, checksum: int = 0) -> None:
        self.steps = steps
        self.checksum = checksum

    def add(self, effects: Sequence[Effect]) -> None:
        """Take the effects of one step."""
        self.steps += 1
        value = crc32(_STEP.pack(self.steps, len(effects)), self.checksum)
        for effect in effects:
            match effect:
                case SendBytes(link, data):
                    value = crc32(data, crc32(_LINK.pack(1, link), value))
                case Append(records):
                    value = _add_records(records, value)
                case CloseLink(link):
                    value = crc32(_LINK.pack(3, link), value)
                case Log(level, text):
                    value = crc32(f"{level} {text}".encode("utf-8", "surrogatepass"), value)
        self.checksum = value

    def __str__(self) -> str:
        return f"{self.steps}:{self.checksum:08x}"


def _add_records(records: Sequence[Record], value: int) -> int:
    ops, ids, kinds, bodies, txs = zip(*records, strict=True)
    count = len(ids)
    value = crc32(pack(f">{2 * count}q{2 * count}B", *ids, *txs, *ops, *kinds), value)
    return crc32(b"".join(bodies), value)
