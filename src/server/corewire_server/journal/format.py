"""
The files of the journal, byte by byte (docs/design/journal.md).

A *segment* is a file of fixed length: a head, then batches one behind the other, then zeros. Its head says which segment it
is, how long the file is, and with which batch it begins. A *batch* is what one sync puts on the medium: a head with lengths,
numbers and a checksum, then records. Every write ends with the zeros of a head: where the next batch will begin there are
zeros, whatever an earlier life of a recycled file left behind them. So what is found there is either zeros, or a batch, or
the remains of a batch that was being written, or damage.

Checksums begin with the segment's salt, which nobody outside knows: bytes that a client put into a message cannot pass for
a batch.
"""

from __future__ import annotations

from struct import Struct
from typing import Final, NamedTuple
from zlib import crc32

from corewire_server.records import Mark, Standing

_SEGMENT: Final = Struct(
    ">8sQQQQI16s16s"
)  # magic, segment, file bytes, first batch, oldest segment needed, salt, node seed, folder
_CHECK: Final = Struct(">I")
_BATCH: Final = Struct(
    ">4sBB2xIIQQQQQQQQ"
)  # magic, flags, standing, payload bytes, records, segment, batch, ordinal, oldest, step, epoch, place, time

VERSION: Final = 2  # of all that is described here; the last byte of each magic
SEGMENT_MAGIC: Final = b"CWJRNL\x00" + bytes((VERSION,))
BATCH_MAGIC: Final = b"CWB" + bytes((VERSION,))
SEGMENT_HEAD_BYTES: Final = _SEGMENT.size + _CHECK.size
BATCH_HEAD_BYTES: Final = _BATCH.size + _CHECK.size
ZEROS: Final = bytes(BATCH_HEAD_BYTES)
SEED_BYTES: Final = 16
FOLDER_BYTES: Final = 16

BOOT: Final = 1  # the first batch of a process
CLEAN: Final = 2  # the last batch of an orderly stop
MORE: Final = 4  # one Append did not fit: it is valid only together with the next batch
END: Final = 8  # no batch but a mark: all later batches are in the next segment, which is there


class JournalDamaged(Exception):
    """What lies in the journal is not what was written there. The node must not go on from it."""

    def __init__(self, file: str, offset: int, reason: str) -> None:
        super().__init__(f"{file} at byte {offset}: {reason}")
        self.file = file
        self.offset = offset
        self.reason = reason


_PREFIX: Final = "journal-"
SPARE_PREFIX: Final = "spare-"


def segment_name(segment: int) -> str:
    """The file of a segment."""
    return f"{_PREFIX}{segment:010d}"


def segment_number(name: str) -> int | None:
    """Which segment a file is by its name; None: none."""
    digits = name.removeprefix(_PREFIX)
    return int(digits) if digits != name and digits.isdecimal() and len(digits) == 10 else None


class SegmentHead(NamedTuple):
    """What a segment says of itself, in the order of its bytes."""

    segment: int
    file_bytes: int
    first_batch: int  # its batches are numbered from here; of the segment before, what has this number or more is void
    oldest: int  # when it was made, segments before this one were not needed any more
    salt: int
    seed: bytes  # of the node id
    folder: bytes  # which data folder this is


def encode_segment_head(head: SegmentHead) -> bytes:
    """The first bytes of a segment."""
    data = _SEGMENT.pack(SEGMENT_MAGIC, *head)
    return data + _CHECK.pack(crc32(data))


def decode_segment_head(data: bytes) -> SegmentHead | None:
    """What the head of a segment says; None: it is none."""
    if len(data) < SEGMENT_HEAD_BYTES:
        return None
    magic, *fields = _SEGMENT.unpack_from(data)
    if magic != SEGMENT_MAGIC or crc32(data[: _SEGMENT.size]) != _CHECK.unpack_from(data, _SEGMENT.size)[0]:
        return None
    return SegmentHead(*fields)


def other_version(data: bytes) -> int | None:
    """The version of the format, if this is the head of a segment that another one of it made, else None."""
    magic = SEGMENT_MAGIC[:-1]
    return data[len(magic)] if data[:-1].startswith(magic) and data[len(magic)] != VERSION else None


class BatchHead(NamedTuple):
    """What a batch says of itself, in the order of its bytes."""

    flags: int
    standing: int  # a Standing, if the batch is sound; with epoch and place the Mark
    payload_bytes: int
    records: int
    segment: int
    batch: int
    ordinal: int  # of its first record: records are numbered through all segments
    oldest: int  # once this batch is on disk, segments before this one are not needed any more
    step: int  # the last one that has something in it or in a batch before it
    epoch: int
    place: int
    now: int  # milliseconds since the epoch: the time of the last step in it

    @property
    def mark(self) -> Mark:
        """Of a sound batch: what the node says about itself once this is on disk."""
        return Mark(Standing(self.standing), self.epoch, self.place)


def encode_batch(head: BatchHead, payload: bytes, salt: int) -> bytes:
    """A batch, without the zeros behind it."""
    data = _BATCH.pack(BATCH_MAGIC, *head)
    return b"".join((data, _CHECK.pack(crc32(payload, crc32(data, salt))), payload))


def decode_batch_head(data: bytes, at: int) -> BatchHead | None:
    """What a batch at ``at`` says of itself, not proven by its checksum yet; None: there is none."""
    if at + BATCH_HEAD_BYTES > len(data):
        return None
    magic, *fields = _BATCH.unpack_from(data, at)
    return BatchHead(*fields) if magic == BATCH_MAGIC else None


def payload_of(data: bytes, at: int, head: BatchHead, salt: int) -> bytes | None:
    """The records of a batch whose head was read at ``at``; None: it is not whole or its checksum is wrong."""
    start = at + BATCH_HEAD_BYTES
    payload = data[start : start + head.payload_bytes]
    if len(payload) < head.payload_bytes:
        return None
    check = crc32(payload, crc32(data[at : at + _BATCH.size], salt))
    return payload if check == _CHECK.unpack_from(data, at + _BATCH.size)[0] else None


def clean_end(data: bytes, at: int) -> bool:
    """Whether nothing was ever begun to be written at ``at``: zeros, or no room for a batch."""
    return not any(data[at : at + BATCH_HEAD_BYTES])
