"""
What to write next.

Appends gather while a job is on the disk; the next job takes all of them (group commit). A job never leaves more than one
batch unsynced, so only the last batch of the journal can ever be torn. Between batches there is housekeeping, one short job
at a time: zero-filling spare files ahead, giving back segments that are not needed, copying what is live out of the oldest.

A spare is made as soon as the last one is taken, so a full disk is noticed a whole segment before it hurts; until there is
room again the core refuses sends, and what is left of the segment is for acknowledgements, which make room.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from corewire_server.journal.actions import Action, Delete, DiskJob, Fill, Rename, Sync, SyncFolder, WriteAt
from corewire_server.journal.compaction import Compaction, Copies
from corewire_server.journal.format import (
    BATCH_HEAD_BYTES,
    BOOT,
    CLEAN,
    END,
    MORE,
    SEGMENT_HEAD_BYTES,
    SPARE_PREFIX,
    ZEROS,
    BatchHead,
    SegmentHead,
    encode_batch,
    encode_segment_head,
    segment_name,
)
from corewire_server.journal.liveness import ORDINAL_BITS, Liveness, Segment
from corewire_server.journal.records import BEHIND, COPY_BYTES, HEAD_BYTES, encode_copy, pack_head
from corewire_server.records import Mark, Op, Record

if TYPE_CHECKING:
    from corewire_server.journal.recovery import Recovered

FILL_BYTES: Final = 1 << 20  # of a spare in one job: a batch may have to wait for it
SPARES_MAX: Final = 4  # files kept for reuse; more are deleted
RETRY_MS: Final = 1000  # how often a full disk is tried again
RESERVE_BYTES: Final = 2 * BATCH_HEAD_BYTES  # of a segment, for batches without records: marks, the clean stop


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalSettings:
    """How the journal uses the disk."""

    segment_bytes: int = 10 * 1024 * 1024
    compact_min_segments: int = 10  # 0: never
    compact_percent: int = 30
    compact_slice_bytes: int = 256 * 1024  # read and looked at in one turn

    @property
    def payload_bytes_max(self) -> int:
        """The records of the largest batch, behind which the reserve and an END mark fit."""
        return self.segment_bytes - SEGMENT_HEAD_BYTES - 2 * BATCH_HEAD_BYTES - RESERVE_BYTES

    @property
    def body_bytes_max(self) -> int:
        """The largest body of a record."""
        return self.payload_bytes_max - COPY_BYTES


class RecordTooLarge(Exception):
    """A record that no segment can take: whoever makes records must ask ``body_bytes_max`` first."""


@dataclass(slots=True)
class Waiting:
    """One Append that is not on the disk yet, or a batch that is wanted for what its head says."""

    step: int
    records: tuple[Record, ...]
    size: int
    now: int
    flags: int = 0
    mark: Mark | None = None  # a new one
    spares: int | None = None  # that it needs, if it is large and was first in line


class Writer:
    """The journal of one node while it runs. One job is out at a time: ``next_job``, then ``done`` or ``no_room``."""

    def __init__(
        self, recovered: Recovered, settings: JournalSettings, *, salt: int, seed: bytes, folder: bytes, mark: Mark
    ) -> None:
        """``seed`` and ``folder`` are for a new journal, one that is there has its own. ``mark`` is written by ``begin``."""
        self._settings = settings
        self._body_bytes_max = settings.body_bytes_max
        self._cut_bytes = settings.payload_bytes_max // 8  # larger appends are cut at the end of a segment
        self._usable_bytes = settings.payload_bytes_max - self._cut_bytes  # of a segment, at least
        self._seed = recovered.seed or seed
        self._folder = recovered.folder or folder
        self._mark = mark  # of the next batch
        self._step = recovered.step
        self._salt = salt
        self._index: Liveness = recovered.index
        self._tail: Segment | None = None if recovered.roll else recovered.tail
        self._closing: Segment | None = (
            recovered.tail if recovered.roll else None
        )  # gets its END mark when the next is there
        self._batch = recovered.next_batch
        self._ordinal = recovered.next_ordinal
        self._oldest = recovered.oldest
        self._spares = deque(recovered.spares)
        self._spare_names = recovered.next_spare
        self._waiting: deque[Waiting | Copies] = deque()
        self._tidying: list[Action] = recovered.cleanup  # before anything else
        self._parts: list[bytes] = []  # the batch that is being put together
        self._parts_bytes = 0
        self._parts_records = 0
        self._filled = 0  # of the spare that is being made
        self._spares_needed = 1  # by what is first in line
        self._pledged_spares = 0
        self._spare: str | None = None  # the spare that is being made
        slice_bytes = min(settings.compact_slice_bytes, settings.segment_bytes // 2)  # of copies, too, which are longer
        self._compaction = Compaction(self._index, settings.compact_min_segments, settings.compact_percent, slice_bytes)
        self._copies_waiting = 0
        self._now = recovered.now
        self._ticket = 0
        self._kind = ""  # of the job that is out
        self._housekeeping_turn = False
        self.mark_on_disk: Mark | None = recovered.mark
        self.backlog_bytes = 0
        self.pledged_bytes = 0  # that appends will have which cannot be refused any more
        self.full_until: int | None = None  # no room was found, nothing more should be accepted; when to look again

    # -- what comes in

    def begin(self, now: int, step: int, dangling: list[int]) -> None:
        """Write the mark, before anything else, and roll back what nobody will commit any more."""
        records = tuple(Record(Op.ROLLBACK, tx) for tx in dangling)
        self._enqueue(Waiting(step, records, HEAD_BYTES * len(records), now, BOOT))

    def append(self, step: int, records: tuple[Record, ...], now: int) -> None:
        """Keep ``records`` all or none. Raises RecordTooLarge, which is a mistake of the caller."""
        size = 0
        for record in records:
            length = len(record.body)
            if length > self._body_bytes_max:
                raise RecordTooLarge(f"a record of kind {record.kind} has {length} bytes: more than a segment takes")
            size += length + HEAD_BYTES
        self._enqueue(Waiting(step, records, size, now))

    def mark(self, step: int, mark: Mark, now: int) -> None:
        """Write a new mark, behind all that was appended before: what is not on disk with it comes under it."""
        self._enqueue(Waiting(step, (), 0, now, 0, mark))

    def end(self, step: int, now: int) -> None:
        """The orderly stop: the last batch says so."""
        self._enqueue(Waiting(step, (), 0, now, CLEAN))

    def _enqueue(self, item: Waiting) -> None:
        self.backlog_bytes += item.size
        self._waiting.append(item)

    def pledge(self, size: int) -> None:
        """
        Have room ahead for appends that are to come, all together of ``size`` bytes, of those records above an eighth of a
        segment counted twice: such a record may not fit where the segment before ends.
        """
        self.pledged_bytes = size
        self._pledged_spares = -(-size // self._usable_bytes)
        self._look_for_room()

    @property
    def short(self) -> bool:
        """Whether what waits or is pledged needs more room than there is, while more of it can be made."""
        wanted = self.backlog_bytes + self.pledged_bytes
        if self.full_until is not None or wanted <= len(self._spares) * self._usable_bytes:
            return False
        return wanted > len(self._spares) * self._usable_bytes + max(0, self._room() - self._cut_bytes)

    @property
    def lacks_spares(self) -> bool:
        """Whether files are to be filled ahead."""
        return len(self._spares) < max(self._spares_needed, 1 + self._pledged_spares)

    @property
    def retry_at(self) -> int | None:
        """When to look whether a full disk has room again. None: what waits can be written, or the disk is not full."""
        return self.full_until if self.lacks_spares else None

    def first_waiting(self) -> int | None:
        """The first step that has records in no job yet."""
        return next((item.step for item in self._waiting if isinstance(item, Waiting)), None)

    # -- what goes out

    def next_job(self, now: int, *, write: bool = True) -> DiskJob | None:
        """What to do now, after the last job was answered; None: nothing. Without ``write`` records go on waiting."""
        turn, self._housekeeping_turn = self._housekeeping_turn, False
        actions, self._tidying = self._tidying, []
        if not actions and turn:
            actions = self._housekeeping(now)
        if not actions and write:
            actions = self._write()
            self._housekeeping_turn = bool(actions)
        if not actions and (not turn or self.lacks_spares):  # what is first in line may need more than before
            actions = self._housekeeping(now)
        if not actions:
            return None
        self._ticket += 1
        return DiskJob(self._ticket, tuple(actions))

    def done(self, ticket: int, data: bytes = b"") -> None:
        """The job was done. Raises JournalDamaged if what was read again is not what was written."""
        assert ticket == self._ticket
        kind, self._kind = self._kind, ""
        if kind == "read":
            copies = self._compaction.read(data)
            self._copies_waiting += len(copies)
            self._waiting += copies
        elif kind == "write":
            self.mark_on_disk = self._mark
        elif kind == "fill":
            assert self._spare is not None
            self._filled += FILL_BYTES
            if self._filled >= self._settings.segment_bytes:
                self._spares.append(self._spare)
                self._spare = None
        self._look_for_room()

    def _look_for_room(self) -> None:
        """A disk that was full is so no more when there is a spare beyond what waits and is pledged."""
        if self.full_until is not None and not self.lacks_spares:
            room = (len(self._spares) - 1) * self._usable_bytes + max(0, self._room() - self._cut_bytes)
            if room >= self.backlog_bytes + self.pledged_bytes:
                self.full_until = None

    def no_room(self, ticket: int, now: int) -> None:
        """The disk is full: a spare could not be filled. Not a failure of anything that was promised."""
        assert ticket == self._ticket
        assert self._spare is not None
        self._kind = ""
        self._tidying.append(Delete(self._spare))
        self._spare = None
        self.full_until = now + RETRY_MS
        self._compaction.consider = True

    # -- batches

    def _write(self) -> list[Action]:
        actions: list[Action] = []
        while self._waiting:
            item = self._waiting[0]
            copied = isinstance(item, Copies)
            if (
                copied and item.size > self._settings.payload_bytes_max
            ):  # from a time of larger segments: it stays there
                self._give_up_copies()
                continue
            room = self._room()
            if not item.records:
                room += RESERVE_BYTES
            if item.size > room - self._parts_bytes:
                if self._take_room(item, actions):
                    room = self._room()
                elif copied:
                    self._give_up_copies()  # acknowledgements behind it may make room
                    continue
                else:
                    break
            self._waiting.popleft()
            if isinstance(item, Copies):
                self._copies_waiting -= 1
                self._put_copies(item)
            elif item.size > room:
                self._put_large(item, actions)
            else:
                self._put(item)
                if item.flags or item.mark is not None:
                    self._flush(actions, item.flags)
        if self._parts:
            self._flush(actions, 0)
        return actions

    def _give_up_copies(self) -> None:
        """Drop the first of what waits: it is still where it was."""
        self._waiting.popleft()
        self._copies_waiting -= 1
        self._compaction.abandon()

    def _room(self) -> int:
        """Bytes of records that a batch at the end of the tail may have; behind it the reserve and an END mark must fit."""
        tail = self._tail
        return (
            -1 - RESERVE_BYTES if tail is None else tail.file_bytes - tail.used - 2 * BATCH_HEAD_BYTES - RESERVE_BYTES
        )

    def _take_room(self, item: Waiting | Copies, actions: list[Action]) -> bool:
        """Whether there are as many spares as ``item`` needs. What is not to be cut then begins a new segment."""
        if isinstance(item, Copies) or item.size <= self._cut_bytes or len(item.records) == 1:
            self._spares_needed, whole = 1, True
        else:
            self._spares_needed, whole = self._spares_for(item), False
        if len(self._spares) < self._spares_needed:
            return False
        self._spares_needed = 1
        if self._parts:
            self._flush(actions, 0)
        if whole:
            self._roll(actions)
        return True

    def _spares_for(self, item: Waiting) -> int:
        """How many segments ``_put_large`` will begin."""
        if item.spares is None:  # it is first in line from now on, so the room before it stays as it is
            room, count = self._room() - (self._parts_bytes + BATCH_HEAD_BYTES if self._parts else 0), 0
            for record in item.records:
                size = len(record.body) + HEAD_BYTES
                if size > room:
                    room, count = self._settings.payload_bytes_max, count + 1
                room -= size
            item.spares = count
        return item.spares

    def _put(self, item: Waiting) -> None:
        parts, apply, ordinal = self._parts, self._index.apply, self._ordinal
        assert self._tail is not None
        place = self._tail.number << ORDINAL_BITS
        for op, record_id, kind, body, tx in item.records:
            parts.append(pack_head(BEHIND + len(body), op, kind, record_id, tx))
            parts.append(body)
            apply(op, record_id, tx, place | ordinal)
            ordinal += 1
        self._ordinal = ordinal
        self._parts_bytes += item.size
        self._parts_records += len(item.records)
        self.backlog_bytes -= item.size
        self._step, self._now = item.step, item.now
        if item.mark is not None:
            self._mark = item.mark

    def _put_large(self, item: Waiting, actions: list[Action]) -> None:
        """An Append that does not fit here: several batches that hold only together."""
        for record in item.records:
            if len(record.body) + HEAD_BYTES > self._room() - self._parts_bytes:
                if self._parts:
                    self._flush(actions, MORE)
                self._roll(actions)
            self._put(Waiting(item.step, (record,), len(record.body) + HEAD_BYTES, item.now))
        self._flush(actions, 0)

    def _put_copies(self, copies: Copies) -> None:
        """Write again what is still live by now."""
        assert self._tail is not None
        for ordinal, record in copies.records:
            op, record_id, _, _, tx = record
            old = copies.segment << ORDINAL_BITS | ordinal
            now_in = self._index.find(op, record_id, tx, old)
            if now_in is None:
                continue
            data = encode_copy(record, ordinal, now_in)
            self._parts.append(data)
            self._parts_bytes += len(data)
            self._parts_records += 1
            self._index.move(op, record_id, now_in, old, self._tail.number << ORDINAL_BITS | ordinal)
            self._ordinal += 1

    def _flush(self, actions: list[Action], flags: int) -> None:
        """Close the batch: write it, and zeros where the next will begin, and sync."""
        tail = self._tail
        assert tail is not None
        if flags != MORE:  # records of a torn group do not count, so what they made superfluous is still needed
            self._oldest = self._index.oldest()
        data = encode_batch(self._batch_head(flags, tail), b"".join(self._parts), tail.salt)
        name = segment_name(tail.number)
        actions.append(WriteAt(name, tail.used, data + ZEROS))
        actions.append(Sync(name))
        tail.used += len(data)
        self._batch += 1
        self._parts.clear()
        self._parts_bytes = self._parts_records = 0
        self._kind = "write"

    def _batch_head(self, flags: int, segment: Segment) -> BatchHead:
        standing, epoch, place = self._mark
        return BatchHead(
            *(flags, standing, self._parts_bytes, self._parts_records, segment.number, self._batch),
            *(self._ordinal - self._parts_records, self._oldest, self._step, epoch, place, self._now),
        )

    def _roll(self, actions: list[Action]) -> None:
        """Begin the next segment in a spare; when it is there, the last one is marked as ended."""
        last = self._tail or self._closing
        spare = self._spares.popleft()
        number = 1 if last is None else last.number + 1
        name = segment_name(number)
        head = SegmentHead(
            *(number, self._settings.segment_bytes, self._batch, self._oldest, self._salt),
            *(self._seed, self._folder),
        )
        actions.append(WriteAt(spare, 0, encode_segment_head(head) + ZEROS))
        actions += (Sync(spare), Rename(spare, name), SyncFolder())
        if last is not None:
            end = encode_batch(self._batch_head(END, last), b"", last.salt)
            actions.append(WriteAt(segment_name(last.number), last.used, end))
            actions.append(Sync(segment_name(last.number)))
        self._closing = None
        self._compaction.consider = True
        self._tail = Segment(number, self._settings.segment_bytes, self._salt, SEGMENT_HEAD_BYTES)
        self._index.segments[number] = self._tail

    # -- housekeeping

    def _housekeeping(self, now: int) -> list[Action]:
        actions = self._give_back()
        if actions:
            return actions
        if self.lacks_spares and (self.full_until is None or now >= self.full_until):
            return self._fill()
        if self._tail is None or self._copies_waiting:
            return []
        roomy = bool(self._spares) and self.full_until is None  # else they are for what is pledged
        read = self._compaction.next_read(None if roomy else self._room())
        if read is None:
            return []
        self._kind = "read"
        return [read]

    def _new_spare(self) -> str:
        self._spare_names += 1
        return f"{SPARE_PREFIX}{self._spare_names}"

    def _fill(self) -> list[Action]:
        if self._spare is None:
            self._spare = self._new_spare()
            self._filled = 0
        self._kind = "fill"
        left = self._settings.segment_bytes - self._filled
        fill = Fill(self._spare, self._filled, min(FILL_BYTES, left))
        return [fill, Sync(self._spare)] if left <= FILL_BYTES else [fill]

    def _give_back(self) -> list[Action]:
        """Segments that the last batch on the disk calls superfluous become spares, or go."""
        actions: list[Action] = []
        for number in [number for number in self._index.segments if number < self._oldest]:
            segment = self._index.segments.pop(number)
            self._compaction.forget(number)
            if segment.file_bytes == self._settings.segment_bytes and len(self._spares) < SPARES_MAX:
                self._spares.append(self._new_spare())
                actions.append(Rename(segment_name(number), self._spares[-1]))
            else:
                actions.append(Delete(segment_name(number)))
        while not self._waiting and len(self._spares) > max(SPARES_MAX, 1 + self._pledged_spares):
            actions.append(Delete(self._spares.pop()))
        return actions
