"""
Copying what is live out of the oldest segment, when little of the journal is live.

The oldest segment is read again in slices. Its live records go to the end of the journal as copies that keep their ordinal, so
their place in the order of all records is the old one. When the copies are on disk, nothing in the segment is live, and it is
given back like any other. So there is no moment at which a crash would find less than everything, and no temporary file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from corewire_server.journal.actions import ReadAt
from corewire_server.journal.format import (
    BATCH_HEAD_BYTES,
    SEGMENT_HEAD_BYTES,
    JournalDamaged,
    decode_batch_head,
    payload_of,
    segment_name,
)
from corewire_server.journal.liveness import ORDINAL_BITS
from corewire_server.journal.records import COPY_BYTES, decode
from corewire_server.records import Record

if TYPE_CHECKING:
    from corewire_server.journal.liveness import Liveness, Segment


@dataclass(slots=True)
class Copies:
    """Records of one segment to be written again, those that are still live when their turn comes."""

    segment: int
    records: list[tuple[int, Record]]  # with their ordinals
    size: int = 0


class Compaction:
    """Cleans one segment at a time, the oldest."""

    def __init__(self, index: Liveness, min_segments: int, percent: int, slice_bytes: int) -> None:
        self._index = index
        self._min_segments = min_segments
        self._percent = percent
        self._slice_bytes = slice_bytes
        self._segment: Segment | None = None  # that is being cleaned
        self._at = 0
        self._slice = slice_bytes
        self.consider = True  # whether something changed that makes it worth a look

    def next_read(self, room: int | None) -> ReadAt | None:
        """The next slice to read. ``room``: the bytes left if no further segment can be begun, else None."""
        if self._segment is None and self.consider:
            self.consider = False
            self._segment, self._at, self._slice = self._choose(room), SEGMENT_HEAD_BYTES, self._slice_bytes
        segment = self._segment
        if segment is None:
            return None
        return ReadAt(segment_name(segment.number), self._at, min(self._slice, segment.used - self._at))

    def _choose(self, room: int | None) -> Segment | None:
        segments = self._index.segments
        oldest = next(iter(segments.values()))
        enough = self._min_segments if room is None else 2
        if not self._min_segments or len(segments) < max(2, enough) or self._index.live_percent() >= self._percent:
            return None
        if room is not None and oldest.used * oldest.live > room * max(1, oldest.records):
            return None
        return oldest if oldest.live else None  # one without is given back with the next batch

    def read(self, data: bytes) -> list[Copies]:
        """What to write again of a slice. Raises JournalDamaged if it is not what was written."""
        segment = self._segment
        assert segment is not None
        at, kept = 0, list[tuple[int, Record]]()
        while at < len(data):
            head = decode_batch_head(data, at)
            whole = head is not None and at + BATCH_HEAD_BYTES + head.payload_bytes <= len(data)
            if not whole and self._at + len(data) < segment.used:
                break  # the next slice begins here
            payload = None if head is None else payload_of(data, at, head, segment.salt)
            if head is None or payload is None:
                raise JournalDamaged(
                    segment_name(segment.number), self._at + at, "a batch that was sound is damaged now"
                )
            kept += [
                (ordinal, record)
                for ordinal, _, record in decode(payload, head.ordinal)
                if self._counts(ordinal, record)
            ]
            at += BATCH_HEAD_BYTES + head.payload_bytes
        if at:
            self._at += at
            self._slice = self._slice_bytes
        else:
            self._slice *= 2  # a batch longer than the slice
        if self._at >= segment.used:
            self._segment = None
            self.consider = True
        return self._in_pieces(segment.number, kept)

    def _counts(self, ordinal: int, record: Record) -> bool:
        assert self._segment is not None
        op, record_id, _, _, tx = record
        return self._index.find(op, record_id, tx, self._segment.number << ORDINAL_BITS | ordinal) is not None

    def _in_pieces(self, segment: int, records: list[tuple[int, Record]]) -> list[Copies]:
        """No piece larger than a slice, unless it is one record: each must fit into a segment."""
        pieces: list[Copies] = []
        for ordinal, record in records:
            size = COPY_BYTES + len(record.body)
            if not pieces or pieces[-1].size + size > self._slice_bytes:
                pieces.append(Copies(segment, []))
            pieces[-1].records.append((ordinal, record))
            pieces[-1].size += size
        return pieces

    def abandon(self) -> None:
        """There is no room for the copies: begin again another time, not at once."""
        self._segment = None
        self.consider = False

    def forget(self, number: int) -> None:
        """A segment is given back."""
        self.consider = True
        if self._segment is not None and self._segment.number == number:
            self._segment = None
