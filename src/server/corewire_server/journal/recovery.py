"""
Reading the journal again.

Nothing that was ever on disk is given up silently. Batches are numbered, each segment says with which number it begins, and
a segment that was left says so at its end: so a batch, a segment or the tail of a file that is missing is noticed, named, and
the node does not start. Only what was being written when the crash came may be missing: the last batch, if it is not whole.
It is dropped with one warning, and the journal goes on in a new segment whose head says that the dropped batch is void.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from corewire_server.journal.actions import Action, Delete, Sync, SyncFolder
from corewire_server.journal.format import (
    BATCH_HEAD_BYTES,
    BATCH_MAGIC,
    CLEAN,
    END,
    MORE,
    SEGMENT_HEAD_BYTES,
    SPARE_PREFIX,
    VERSION,
    BatchHead,
    JournalDamaged,
    SegmentHead,
    clean_end,
    decode_batch_head,
    decode_segment_head,
    other_version,
    payload_of,
    segment_name,
    segment_number,
)
from corewire_server.journal.liveness import Liveness, Segment
from corewire_server.journal.records import decode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from corewire_server.records import Mark, Record


@dataclass(slots=True)
class Recovered:
    """What a journal holds, and where it goes on. A new one holds nothing."""

    index: Liveness = field(default_factory=Liveness)
    records: list[Record] = field(
        default_factory=list["Record"]
    )  # live, in order; those of prepared transactions with ``tx``
    dangling: list[int] = field(default_factory=list[int])  # transactions that nobody will commit: to be rolled back
    tail: Segment | None = None
    roll: bool = False  # the tail is not whole: go on in a new segment
    next_batch: int = 1
    next_ordinal: int = 1
    oldest: int = 1
    spares: list[str] = field(default_factory=list[str])
    next_spare: int = 0
    cleanup: list[Action] = field(default_factory=list[Action])
    """What a Writer does first. What was read may be in memory only: whoever tells somebody of it, and writes nothing yet,
    has to do this before, and leave nothing of it here."""
    seed: bytes | None = None  # of the node id
    folder: bytes | None = None  # which data folder this is
    mark: Mark | None = None  # what the node last wrote about itself and its peer; None: there is no journal yet
    step: int = 0  # the last one that is on disk
    now: int = 0  # milliseconds since the epoch: the last time that is known
    clean: bool = True  # it was stopped in order
    warnings: list[str] = field(default_factory=list[str])


@dataclass(slots=True)
class _Found:
    """A sound batch."""

    at: int
    end: int
    head: BatchHead
    payload: bytes


def recover(files: Mapping[str, int], read: Callable[[str, int], bytes], segment_bytes: int) -> Recovered:
    """
    Read a journal: ``files`` are the names and lengths in its folder, ``read`` gives the first bytes of one.

    ``segment_bytes``: what spare files must have to be used. Raises JournalDamaged.
    """
    found = Recovered()
    _take_spares(found, files, segment_bytes)
    numbers = sorted(number for number in map(segment_number, files) if number is not None)
    if numbers:
        _Reader(found, files, read, numbers).run()
        if found.mark is None:  # a crash came while the journal was begun: nobody was told its seed and folder
            gone = (Delete(segment_name(number)) for number in numbers)
            return Recovered(
                spares=found.spares,
                next_spare=found.next_spare,
                cleanup=[*found.cleanup, *gone],
                warnings=found.warnings,
            )
    return found


def _take_spares(found: Recovered, files: Mapping[str, int], segment_bytes: int) -> None:
    for name in sorted(files):
        digits = name.removeprefix(SPARE_PREFIX)
        if digits == name or not digits.isdecimal():
            continue
        found.next_spare = max(found.next_spare, int(digits))
        if files[name] == segment_bytes:
            found.spares.append(name)
        else:  # a crash came while it was filled
            found.cleanup.append(Delete(name))


class _Reader:
    """Walks through the segments, oldest first."""

    def __init__(
        self, found: Recovered, files: Mapping[str, int], read: Callable[[str, int], bytes], numbers: list[int]
    ) -> None:
        self.found = found
        self.files = files
        self.read = read
        self.last = numbers[-1]
        self.numbers = numbers
        self.heads = dict[int, SegmentHead]()
        self.group: list[tuple[int, _Found]] = []  # with their segments: batches that wait for the end of their Append

    def _head(self, number: int) -> SegmentHead:
        name = segment_name(number)
        data = self.read(name, SEGMENT_HEAD_BYTES)
        head = decode_segment_head(data)
        if head is None:
            version = other_version(data)
            reason = "is damaged" if version is None else f"is of version {version}, this program reads {VERSION}"
            raise JournalDamaged(name, 0, f"the head of a segment {reason}")
        if head.segment != number:
            raise JournalDamaged(name, 0, f"this is segment {head.segment}; the file was renamed")
        if head.file_bytes != self.files[name]:
            raise JournalDamaged(name, self.files[name], f"the file had {head.file_bytes} bytes and was cut")
        return head

    def run(self) -> None:
        found, index = self.found, self.found.index
        index.replayed = {}
        self._begin()
        for number in self.heads:
            self._segment(number)
        if self.group:
            self._drop_group()
        replayed = index.replayed
        found.dangling = index.settle()
        found.tail = index.segments[self.last]
        out = {ordinal for tx in found.dangling for ordinal in index.open[tx]}
        prepared = {ordinal for entries in index.open.values() for ordinal in entries}
        found.records = [
            replayed[ordinal] if ordinal in prepared else replayed[ordinal]._replace(tx=0)
            for ordinal in sorted(replayed)
            if ordinal not in out
        ]
        # What a killed process wrote is read here, but may be in memory only.
        found.cleanup += (Sync(segment_name(self.last)), SyncFolder())

    def _begin(self) -> None:
        found, tail = self.found, self._head(self.last)
        self._look_at_tail(tail)
        for number in self.numbers:
            if number < found.oldest:  # it was given back, perhaps used again already, and the crash undid the renaming
                found.cleanup.append(Delete(segment_name(number)))
        for number in range(found.oldest, self.last + 1):
            if number not in self.numbers:
                raise JournalDamaged(segment_name(number), 0, "this segment is missing")
            self.heads[number] = self._head(number)
            if (self.heads[number].seed, self.heads[number].folder) != (tail.seed, tail.folder):
                raise JournalDamaged(segment_name(number), 0, "this segment is of another broker")
        found.seed, found.folder = tail.seed, tail.folder
        found.next_batch = self.heads[found.oldest].first_batch
        found.next_ordinal = 0

    def _look_at_tail(self, tail: SegmentHead) -> None:
        """Only its last batch says which segments are needed, so first see whether it is sound."""
        found, name = self.found, segment_name(self.last)
        data = self.read(name, tail.file_bytes)
        found.oldest, at, expected = tail.oldest, SEGMENT_HEAD_BYTES, tail.first_batch
        for one in _batches(data, tail, 1 << 64):
            if one.head.flags == END:
                raise JournalDamaged(segment_name(self.last + 1), 0, "this segment is missing")
            found.oldest, at, expected = one.head.oldest, one.end, expected + 1
        later = _later(data, at, tail, expected)
        if later is not None:
            raise JournalDamaged(name, at, f"batch {expected} is damaged; a later one is sound, at byte {later}")
        if found.oldest not in self.numbers and not clean_end(data, at):
            raise JournalDamaged(name, at, f"batch {expected} is damaged; without it segment {found.oldest} is needed")

    def _segment(self, number: int) -> None:
        found, head, name = self.found, self.heads[number], segment_name(number)
        segment = Segment(number, head.file_bytes, head.salt, SEGMENT_HEAD_BYTES)
        found.index.segments[number] = segment
        # What a later segment begins with is void here: it was torn when the journal went on there.
        until = min((self.heads[later].first_batch for later in range(number + 1, self.last + 1)), default=1 << 64)
        if head.first_batch > found.next_batch:  # void as a whole: it holds the rest of an Append that was torn
            return
        data = self.read(name, head.file_bytes)
        for one in _batches(data, head, until):
            if one.head.flags != END:
                self._batch(segment, one)
        if number == self.last:
            self._judge_end(data, head, segment)
        elif found.next_batch < until:
            raise JournalDamaged(name, segment.used, f"batch {found.next_batch} is damaged")

    def _batch(self, segment: Segment, one: _Found) -> None:
        found = self.found
        segment.used = one.end
        found.next_batch += 1
        if one.head.flags & MORE:
            self.group.append((segment.number, one))
            return
        for number, part in [*self.group, (segment.number, one)]:
            for ordinal, copied, record in decode(part.payload, part.head.ordinal):
                found.index.replay(ordinal, copied, record, number)
        self.group.clear()
        found.next_ordinal = one.head.ordinal + one.head.records
        found.mark, found.step, found.now = one.head.mark, one.head.step, one.head.now
        found.clean = bool(one.head.flags & CLEAN)

    def _judge_end(self, data: bytes, head: SegmentHead, segment: Segment) -> None:
        name, at = segment_name(head.segment), segment.used
        if clean_end(data, at):
            return
        claimed = decode_batch_head(data, at)
        length = BATCH_HEAD_BYTES + (0 if claimed is None else claimed.payload_bytes)
        self._torn(name, at, min(length, len(data) - at))

    def _drop_group(self) -> None:
        """An Append that was not written to its end: the journal goes on as if it had never been begun."""
        first = self.group[0]
        for number, part in reversed(self.group):
            self.found.index.segments[number].used = part.at
        self.found.next_batch = first[1].head.batch
        if not self.found.roll:
            self._torn(segment_name(first[0]), first[1].at, sum(part.end - part.at for _, part in self.group))

    def _torn(self, name: str, at: int, length: int) -> None:
        self.found.roll = True
        self.found.warnings.append(f"{name} at byte {at}: the last write, of {length} bytes, is torn and dropped")


def _batches(data: bytes, head: SegmentHead, until: int) -> Iterator[_Found]:
    """The sound batches of a segment, in order, below number ``until``; an END mark is the last."""
    at, expected = SEGMENT_HEAD_BYTES, head.first_batch
    while expected < until:
        batch = decode_batch_head(data, at)
        if batch is None or batch.segment != head.segment or batch.batch != expected:
            return
        payload = payload_of(data, at, batch, head.salt)
        if payload is None:
            return
        end = at + BATCH_HEAD_BYTES + batch.payload_bytes
        yield _Found(at, end, batch, payload)
        if batch.flags == END:
            return
        at, expected = end, expected + 1


def _later(data: bytes, at: int, head: SegmentHead, expected: int) -> int | None:
    """Where behind ``at`` a sound batch of this segment lies that is not older than ``expected``."""
    while (at := data.find(BATCH_MAGIC, at + 1)) >= 0:
        batch = decode_batch_head(data, at)
        if batch is None or batch.segment != head.segment or batch.batch < expected:
            continue
        if payload_of(data, at, batch, head.salt) is not None:
            return at
    return None
