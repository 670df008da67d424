"""What a node writes about itself and its peer: after any crash the old mark is found, or the new, with the records beside it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from random import Random

import pytest
from tests.server.machine import FOLDER, SEED, Script, live_after, random_script, small

from corewire_server.journal.actions import DiskJob, SetAside, WriteAt
from corewire_server.journal.recovery import Recovered, recover
from corewire_server.journal.writer import Writer
from corewire_server.records import Mark, Op, Record, Standing
from corewire_server.simulator.disk import Disk, DiskFull, PowerCut

BYTES = 1024
ASIDE = "aside-1"
NOW = 1_000
FIRST = Mark(Standing.ALONE, 1, 0)
BACKUP = Mark(Standing.IN_STEP, 4, 1)
GIVES_WAY = Mark(Standing.JOINING, 4, 0)
JOINS = Mark(Standing.JOINING, 7, 0)
IN_STEP = Mark(Standing.IN_STEP, 7, 2)
PROMOTED = Mark(Standing.ALONE, 8, 0)


def read(disk: Disk, segment_bytes: int = BYTES) -> Recovered:
    return recover(disk.files(), disk.read, segment_bytes)


def adds(first: int, count: int, body_bytes: int = 100) -> tuple[Record, ...]:
    return tuple(Record(Op.ADD, number, 1, bytes(body_bytes)) for number in range(first, first + count))


def ids(found: Recovered) -> list[int]:
    return [record.id for record in found.records]


@dataclass
class Keeper:
    """A node that does nothing but keep: what it wanted to be known of it, and what it knows to be on the disk."""

    disk: Disk
    segment_bytes: int = BYTES
    wanted: list[Mark | None] = field(default_factory=list[Mark | None])
    known: Mark | None = None
    writer: Writer = field(init=False)

    def open(self, found: Recovered, mark: Mark, step: int) -> None:
        """Go on in a journal, which has its own seed and folder, or in the empty folder."""
        settings, new = small(self.segment_bytes), not found.index.segments
        seed, folder = (SEED, FOLDER) if new else (bytes(16), bytes(16))
        self.writer = Writer(found, settings, salt=7, seed=seed, folder=folder, mark=mark)
        self.wanted.append(mark)
        self.writer.begin(NOW, step, found.dangling)
        self.settle()

    def mark(self, step: int, mark: Mark) -> None:
        self.wanted.append(mark)
        self.writer.mark(step, mark, NOW)
        self.settle()

    def append(self, step: int, records: tuple[Record, ...]) -> None:
        self.writer.append(step, records, NOW)
        self.settle()

    def settle(self) -> None:
        while (job := self.writer.next_job(NOW)) is not None:
            try:
                data = self.disk.perform(job)
            except DiskFull:
                self.writer.no_room(job.ticket, NOW)
            else:
                self.writer.done(job.ticket, data)
                self.known = self.writer.mark_on_disk

    def set_aside(self) -> None:
        self.wanted.append(None)
        self.disk.perform(DiskJob(1, (SetAside(ASIDE),)))
        self.known = None


def served(seed: int) -> Disk:
    """What a backup wrote until its primary came back with more than it has."""
    disk = Disk(Random(seed))
    keeper = Keeper(disk)
    keeper.open(Recovered(), FIRST, 0)
    keeper.append(1, adds(1, 3))
    keeper.mark(5, BACKUP)
    keeper.append(9, (Record(Op.DELETE, 2), *adds(10, 2)))
    disk.actions = 0
    return disk


def joins(keeper: Keeper) -> None:
    """It gives its data up, takes the other's in slices, is told that it is in step, and is promoted."""
    keeper.open(read(keeper.disk), GIVES_WAY, 9)
    keeper.set_aside()
    keeper.open(Recovered(), JOINS, 50)
    for one in range(4):
        keeper.append(50, adds(100 + 10 * one, 10))  # larger than a segment
    keeper.append(52, adds(200, 1))
    keeper.mark(53, IN_STEP)
    keeper.writer.append(54, adds(300, 2), NOW)
    keeper.mark(55, PROMOTED)  # in one batch with them
    keeper.append(56, adds(400, 1))


STATE = [number for one in range(4) for number in range(100 + 10 * one, 110 + 10 * one)]
SLICES = [STATE[: 10 * one] for one in range(5)]
OLD = [1, 3, 10, 11]
BESIDE: dict[Mark | None, list[list[int]]] = {
    BACKUP: [OLD],
    GIVES_WAY: [OLD],
    None: [[]],
    JOINS: [*SLICES, [*STATE, 200]],
    IN_STEP: [[*STATE, 200], [*STATE, 200, 300, 301]],
    PROMOTED: [[*STATE, 200, 300, 301], [*STATE, 200, 300, 301, 400]],
}
STEPS: dict[Mark | None, set[int]] = {
    BACKUP: {9},
    GIVES_WAY: {9},
    None: {0},
    JOINS: {50, 52},
    IN_STEP: {53, 54},
    PROMOTED: {55, 56},
}


def judge(keeper: Keeper, found: Recovered) -> None:
    """The mark is one that was wanted, not one before the last known; records and step are those that go with it."""
    order = list(BESIDE)
    assert order.index(keeper.known) <= order.index(found.mark) <= order.index(keeper.wanted[-1])
    assert ids(found) in BESIDE[found.mark]
    assert found.step in STEPS[found.mark]
    assert found.folder == (None if found.mark is None else FOLDER)
    if ASIDE in keeper.disk.asides():
        assert ids(read(keeper.disk.aside(ASIDE))) == OLD
    else:
        assert found.mark in (BACKUP, GIVES_WAY)


def test_joiner_that_no_crash_disturbs_ends_with_the_new_state_and_the_old_one_beside_it() -> None:
    keeper = Keeper(served(0), known=BACKUP)
    joins(keeper)
    found = read(keeper.disk)
    assert (found.mark, found.step, found.folder) == (PROMOTED, 56, FOLDER)
    assert keeper.known == PROMOTED
    assert ids(found) == BESIDE[PROMOTED][-1]
    aside = read(keeper.disk.aside(ASIDE))
    assert (aside.mark, ids(aside)) == (GIVES_WAY, OLD)


@pytest.mark.slow
@pytest.mark.parametrize("killed", [False, True])
def test_crash_in_every_action_of_a_join_leaves_the_old_mark_or_the_new(killed: bool) -> None:
    seen = set[Mark | None]()
    for seed in range(6):
        undisturbed = Keeper(served(seed))
        joins(undisturbed)
        for at in range(1, undisturbed.disk.actions + 1):
            disk = served(seed << 16 | at)
            disk.cut_at = at
            keeper = Keeper(disk, wanted=[BACKUP], known=BACKUP)
            with pytest.raises(PowerCut):
                joins(keeper)
            if killed:
                disk.restart()
            else:
                disk.power_cut()
            found = read(disk)
            judge(keeper, found)
            seen.add(found.mark)
            disk.perform(DiskJob(1, tuple(found.cleanup)))
            disk.power_cut()
            again = read(disk)  # what was read once, and cleaned up, is not lost any more
            assert (again.mark, again.step, ids(again)) == (found.mark, found.step, ids(found))
    assert seen == set(BESIDE)


def history(seed: int) -> list[Mark | tuple[Record, ...]]:
    """Records and new marks, mixed: each a step."""
    rng = Random(seed)
    steps: list[Mark | tuple[Record, ...]] = []
    for records in random_script(rng, 50, keep=0.2):
        if records:
            steps.append(records)
        if rng.random() < 0.3:
            steps.append(Mark(rng.choice(list(Standing)), rng.randrange(1 << 64), rng.randrange(1 << 64)))
    return steps


def live_through(disk: Disk, steps: list[Mark | tuple[Record, ...]], rng: Random) -> tuple[int, int]:
    """Run until the power goes, or to the end. Returns how many steps were known to be on the disk, and how many were given."""
    settings, known, number = small(2048, compact=2, percent=100), -1, 0
    writer = Writer(Recovered(), settings, salt=7, seed=SEED, folder=FOLDER, mark=FIRST)
    writer.begin(NOW, 0, [])
    try:
        for number, step in enumerate([(), *steps]):
            if isinstance(step, Mark):
                writer.mark(number, step, NOW)
            elif step:
                writer.append(number, step, NOW)
            while rng.random() < 0.5 and (job := writer.next_job(NOW)) is not None:
                writer.done(job.ticket, disk.perform(job))
                waiting = writer.first_waiting()
                known = number if waiting is None else waiting - 1
                assert known < 0 or writer.mark_on_disk == mark_after(steps[:known])
    except PowerCut:
        pass
    return known, number


def mark_after(steps: list[Mark | tuple[Record, ...]]) -> Mark:
    return next((step for step in reversed(steps) if isinstance(step, Mark)), FIRST)


@pytest.mark.parametrize("seed", range(4))
def test_power_cut_at_any_action_leaves_records_mark_and_step_of_one_moment(seed: int) -> None:
    steps = history(seed)
    undisturbed = Disk(Random(0))
    live_through(undisturbed, steps, Random(seed))
    for at in range(1, undisturbed.actions + 1):
        disk = Disk(Random(at))
        disk.cut_at = at
        known, given = live_through(disk, steps, Random(seed))
        disk.power_cut()
        found = read(disk, 2048)
        assert known <= found.step <= given
        if found.mark is None:
            assert known < 0
            continue
        kept: Script = [step for step in steps[: found.step] if not isinstance(step, Mark)]
        assert found.records == live_after(kept)
        assert found.mark == mark_after(steps[: found.step])


def test_mark_is_known_to_be_on_the_disk_when_its_job_is_done_and_waits_until_then() -> None:
    keeper = Keeper(Disk(Random(0)))
    keeper.open(Recovered(), FIRST, 0)
    assert keeper.writer.mark_on_disk == FIRST
    keeper.writer.mark(3, BACKUP, NOW)
    keeper.writer.append(4, adds(1, 1), NOW)
    assert keeper.writer.first_waiting() == 3
    job = keeper.writer.next_job(NOW)
    assert job is not None
    data = keeper.disk.perform(job)
    assert keeper.writer.mark_on_disk == FIRST
    keeper.writer.done(job.ticket, data)
    assert keeper.writer.mark_on_disk == BACKUP
    assert keeper.writer.first_waiting() is None


def test_housekeeping_alone_makes_no_new_mark_known() -> None:
    writer = Writer(read(served(0)), small(BYTES), salt=7, seed=SEED, folder=FOLDER, mark=GIVES_WAY)
    while (job := writer.next_job(NOW)) is not None:
        writer.done(job.ticket)
    assert writer.mark_on_disk == BACKUP


def test_mark_stays_in_every_segment_and_through_compaction() -> None:
    keeper = Keeper(Disk(Random(0)))
    keeper.open(Recovered(), FIRST, 0)
    keeper.append(1, adds(1, 1))
    keeper.mark(2, BACKUP)
    for step in range(3, 200):
        keeper.append(step, (Record(Op.ADD, step), Record(Op.DELETE, step)))
    found = read(keeper.disk)
    assert (found.mark, found.step, ids(found)) == (BACKUP, 199, [1])
    assert found.oldest > 2


def test_folder_and_seed_stay_with_a_journal_that_goes_on_in_another_process() -> None:
    disk = served(0)
    tail = read(disk).tail
    assert tail is not None
    keeper = Keeper(disk)
    keeper.open(read(disk), FIRST, 9)
    for step in range(10, 40):
        keeper.append(step, adds(1000 + step, 1))
    found = read(disk)
    assert found.tail is not None
    assert found.tail.number > tail.number
    assert (found.folder, found.seed) == (FOLDER, SEED)


def test_journal_whose_first_batch_is_missing_or_torn_is_none() -> None:
    """A joiner that goes on there takes the seed of the primary, not one that was drawn and told to nobody."""
    torn = 0
    for at in range(1, 12):
        disk = Disk(Random(at))
        disk.cut_at = at
        with contextlib.suppress(PowerCut):
            Keeper(disk).open(Recovered(), FIRST, 0)
        disk.power_cut()
        found = read(disk)
        torn += len(found.warnings)
        if found.mark is None:
            assert (found.seed, found.folder, found.step, found.tail) == (None, None, 0, None)
            Keeper(disk).open(found, JOINS, 50)
            again = read(disk)
            assert (again.mark, again.seed, again.folder, again.warnings) == (JOINS, SEED, FOLDER, [])
    assert torn


def test_append_of_several_batches_that_is_torn_leaves_mark_and_step_before_it() -> None:
    outcomes = set[tuple[bool, Mark | None, int, int]]()
    for at in range(1, 60):
        keeper = Keeper(Disk(Random(at)))
        keeper.open(Recovered(), FIRST, 0)
        keeper.mark(1, BACKUP)
        keeper.disk.cut_at = keeper.disk.actions + at
        with contextlib.suppress(PowerCut):
            keeper.append(2, adds(1, 10))
        keeper.disk.power_cut()
        found = read(keeper.disk)
        outcomes.add((found.roll, found.mark, found.step, len(found.records)))
    assert outcomes == {(False, BACKUP, 1, 0), (True, BACKUP, 1, 0), (False, BACKUP, 2, 10)}


# -- no room


def full(records: int) -> Keeper:
    """A segment that takes no more records, and a disk that takes no other one."""
    keeper = Keeper(Disk(Random(0), capacity_bytes=BYTES))
    keeper.open(Recovered(), FIRST, 0)
    for step in range(1, records + 1):
        keeper.append(step, adds(step, 1, 0))
    return keeper


def test_marks_and_a_clean_stop_find_room_where_records_do_not() -> None:
    keeper = full(100)
    kept = len(read(keeper.disk).records)
    assert keeper.writer.first_waiting() == kept + 1
    keeper = full(kept)
    assert keeper.writer.full_until is not None
    keeper.mark(kept + 1, BACKUP)
    assert keeper.known == BACKUP
    keeper.writer.end(kept + 2, NOW)
    keeper.settle()
    found = read(keeper.disk)
    assert (found.mark, found.step, found.clean, len(found.records)) == (BACKUP, kept + 2, True, kept)
    keeper.mark(kept + 3, FIRST)  # beyond the reserve
    assert keeper.known == BACKUP
    keeper.disk.capacity_bytes = None
    keeper.writer.full_until = NOW
    keeper.settle()
    assert keeper.known == FIRST
    found = read(keeper.disk)
    assert (found.mark, found.step, len(found.records)) == (FIRST, kept + 3, kept)


def test_mark_does_not_overtake_records_that_find_no_room() -> None:
    keeper = full(100)
    waiting = keeper.writer.first_waiting()
    keeper.mark(101, BACKUP)
    assert keeper.known == FIRST
    assert keeper.writer.first_waiting() == waiting
    keeper.disk.capacity_bytes = None
    keeper.writer.full_until = NOW
    keeper.settle()
    assert keeper.known == BACKUP
    assert len(read(keeper.disk).records) == 100


# -- a state that is written at once


def test_state_of_many_messages_goes_into_a_new_journal_slice_by_slice_without_a_long_job() -> None:
    """So heart-beats can go out between slices, and the disk's thread is free for marks."""
    segment_bytes, slices, largest = 256 * 1024, 100, 0
    disk = Disk(Random(0))
    writer = Writer(Recovered(), small(segment_bytes), salt=7, seed=SEED, folder=FOLDER, mark=JOINS)
    writer.begin(NOW, 50, [])
    given = 0
    while given < slices or writer.first_waiting() is not None:
        if given < slices and writer.backlog_bytes < 64 * 1024:
            writer.append(50, adds(1 + 100 * given, 100), NOW)
            given += 1
        job = writer.next_job(NOW)
        if job is not None:
            largest = max(largest, sum(len(one.data) for one in job.actions if isinstance(one, WriteAt)))
            writer.done(job.ticket, disk.perform(job))
    found = read(disk, segment_bytes)
    assert (found.mark, ids(found)) == (JOINS, list(range(1, 100 * slices + 1)))
    assert largest < 2 * 64 * 1024
    assert writer.backlog_bytes == 0
