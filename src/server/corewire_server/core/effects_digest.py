"""A running checksum over everything a core asked for: two nodes that were fed the same inputs show the same."""

from __future__ import annotations

from struct import Struct, pack
from typing import TYPE_CHECKING, Final
from zlib import crc32

from corewire_server.core.effects import Append, CloseLink, SendBytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from corewire_server.core.effects import Effect
    from corewire_server.records import Record

_STEP: Final = Struct(">qI")
_LINK: Final = Struct(">Bq")
_RECORD: Final = Struct(">BqBIq")  # op, id, kind, bytes of its body, transaction
_FEW: Final = 8  # records, for which taking them one by one is quicker than by columns


class EffectsDigest:
    """Number of steps and a checksum of their effects. Cheap rather than strong: it finds accidents, not forgers."""

    __slots__ = ("checksum", "steps")

    def __init__(self, steps: int = 0, checksum: int = 0) -> None:
        self.steps = steps
        self.checksum = checksum

    def add(self, effects: Sequence[Effect]) -> None:
        """Take the effects of one step."""
        self.steps += 1
        parts = [_STEP.pack(self.steps, len(effects))]  # summed up at once: each call costs as much as 100 bytes
        for effect in effects:
            if isinstance(effect, SendBytes):  # by frequency; a match statement costs twice as much, in every step
                parts += (_LINK.pack(1, effect.link), effect.data)
            elif isinstance(effect, Append):
                _add_records(effect.records, parts)
            elif isinstance(effect, CloseLink):
                parts.append(_LINK.pack(3, effect.link))
            else:
                parts.append(f"{effect.level} {effect.text}".encode("utf-8", "surrogatepass"))
        self.checksum = crc32(b"".join(parts), self.checksum)

    def __bytes__(self) -> bytes:
        return _STEP.pack(self.steps, self.checksum)


def _add_records(records: Sequence[Record], parts: list[bytes]) -> None:
    parts.append(_LINK.pack(2, len(records)))
    if len(records) < _FEW:
        for op, record_id, kind, body, tx in records:
            parts += (_RECORD.pack(op, record_id, kind, len(body), tx), body)
        return
    ops, ids, kinds, bodies, txs = zip(*records, strict=True)
    parts += (bytes(ops), pack(f">{len(ids)}q", *ids), bytes(kinds), *bodies)
    if any(txs):
        parts.append(pack(f">{len(txs)}q", *txs))
