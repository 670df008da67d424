"""The bytes of one record: its length, then what it does, to what, in which transaction, and the body that the journal never reads."""

from __future__ import annotations

from struct import Struct
from typing import Final

from corewire_server.records import Record

_HEAD: Final = Struct(">IBHQQ")  # bytes behind this field, op (with COPY), kind, id, transaction
_ORDINAL: Final = Struct(">Q")
_LENGTH: Final = Struct(">I")

HEAD_BYTES: Final = _HEAD.size
COPY_BYTES: Final = HEAD_BYTES + _ORDINAL.size
COPY: Final = 0x80
"""Set in the op of a record that compaction wrote again: its place in the order of all records, its ordinal, follows the head."""

_BEHIND: Final = HEAD_BYTES - _LENGTH.size

pack_head = _HEAD.pack  # (len(body) + BEHIND, op, kind, id, tx): the writer's inner loop calls it itself
BEHIND: Final = _BEHIND


def encode_copy(record: Record, ordinal: int, tx: int) -> bytes:
    """A record that is written again, with the ordinal it had and the transaction it is in now."""
    op, record_id, kind, body, _ = record
    head = _HEAD.pack(_BEHIND + _ORDINAL.size + len(body), op | COPY, kind, record_id, tx)
    return head + _ORDINAL.pack(ordinal) + body


def decode(payload: bytes, first_ordinal: int) -> list[tuple[int, bool, Record]]:
    """
    Take a batch apart: ordinal, whether it is a copy, record.

    ``first_ordinal`` is that of the first record; each takes one, copies too. Raises ValueError if the lengths do not add up,
    which under a valid checksum only a mistake of ours can cause.
    """
    records: list[tuple[int, bool, Record]] = []
    unpack, at, ordinal, end = _HEAD.unpack_from, 0, first_ordinal, len(payload)
    while at < end:
        if at + HEAD_BYTES > end:
            raise ValueError(f"half a record head at byte {at} of a batch")
        length, op, kind, record_id, tx = unpack(payload, at)
        body_at, at = at + HEAD_BYTES, at + _LENGTH.size + length
        if at > end or at < body_at:
            raise ValueError(f"a record at byte {body_at - HEAD_BYTES} of a batch has a length of {length}")
        if op & COPY:
            original = _ORDINAL.unpack_from(payload, body_at)[0]
            body_at += _ORDINAL.size
            records.append((original, True, Record(op & ~COPY, record_id, kind, payload[body_at:at], tx)))
        else:
            records.append((ordinal, False, Record(op, record_id, kind, payload[body_at:at], tx)))
        ordinal += 1
    return records
