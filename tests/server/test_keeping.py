"""A data folder: the mark is known when it is on disk, and a journal that is given up goes as a whole."""

from __future__ import annotations

from random import Random

import pytest

from corewire_server.journal.actions import DiskJob
from corewire_server.journal.recovery import Recovered, recover
from corewire_server.journal.writer import JournalSettings
from corewire_server.node.gate import Gate
from corewire_server.node.keeping import Keeper
from corewire_server.records import Mark, Op, Record, Standing
from corewire_server.simulator.disk import Disk, PowerCut

SMALL = JournalSettings(segment_bytes=64 * 1024)
ALONE, JOINING = Mark(Standing.ALONE, 2, 0), Mark(Standing.JOINING, 3, 0)


class Folder:
    """A keeper and its disk, which does a job when it is told to."""

    def __init__(self, disk: Disk | None = None, settings: JournalSettings | None = SMALL) -> None:
        self.disk = disk or Disk(Random(1))
        self.gate = Gate()
        found = recover(self.disk.files(), self.disk.read, SMALL.segment_bytes)
        self.found = found
        self.keeper = Keeper(found, settings, self.gate, Random(2).randbytes)

    def work(self) -> None:
        """Do all there is to do."""
        while jobs := self.keeper.next_job(1000):
            for job in jobs:
                assert isinstance(job, DiskJob)
                self.keeper.done(job.ticket, self.disk.perform(job))

    def begin(self) -> None:
        self.keeper.begin(5, 0, ALONE, roll_back=True)
        self.keeper.append(1, (Record(Op.ADD, 1, 1, b"one"),), 6, 0)
        self.work()

    def again(self) -> Recovered:
        return recover(self.disk.files(), self.disk.read, SMALL.segment_bytes)


def test_mark_is_settled_when_it_is_on_disk() -> None:
    folder = Folder()
    keeper = folder.keeper
    settled = [keeper.settled]
    keeper.begin(5, 0, ALONE, roll_back=True)
    assert (keeper.mark_on_disk, keeper.mark_wanted) == (None, ALONE)
    settled.append(keeper.settled)
    folder.work()
    settled.append(keeper.settled)
    assert settled == [True, False, True]
    later = Mark(Standing.IN_STEP, 2, 1)
    keeper.mark(1, later, 7)
    assert keeper.mark_on_disk == ALONE
    folder.work()
    assert (keeper.mark_on_disk, folder.again().mark) == (later, later)


def test_without_a_journal_all_is_written_at_once() -> None:
    folder = Folder(settings=None)
    keeper = folder.keeper
    keeper.begin(5, 0, ALONE, roll_back=True)
    keeper.append(1, (Record(Op.ADD, 1, 1, b"one"),), 6, 0)
    assert (keeper.mark_on_disk, keeper.settled, keeper.idle, keeper.has(1)) == (ALONE, True, True, True)
    keeper.begin_anew(9, 5, JOINING, b"s" * 16, "aside-1")
    assert keeper.mark_on_disk == JOINING
    assert keeper.next_job(1000) == []


def test_records_of_a_step_are_known_to_be_on_disk() -> None:
    folder = Folder()
    folder.begin()
    keeper = folder.keeper
    keeper.append(7, (Record(Op.ADD, 2, 1, b"two"),), 8, 0)
    has = [keeper.has(6), keeper.has(7)]
    folder.work()
    has.append(keeper.has(7))
    assert has == [True, False, True]


def test_journal_begun_anew_has_the_other_seed_and_the_same_folder() -> None:
    folder = Folder()
    folder.begin()
    name = folder.keeper.folder
    folder.keeper.begin_anew(9, 5, JOINING, b"s" * 16, "aside-1")
    assert not folder.keeper.settled
    folder.keeper.append(5, (Record(Op.ADD, 9, 1, b"nine"),), 9, 0)
    folder.work()
    found = folder.again()
    assert (found.mark, found.seed, found.folder, found.step) == (JOINING, b"s" * 16, name, 5)
    assert [record.body for record in found.records] == [b"nine"]
    assert folder.disk.asides() == ["aside-1"]
    folder.keeper.drop_aside("aside-1")
    folder.work()
    assert folder.disk.asides() == []


@pytest.mark.parametrize("cut", range(1, 40))
def test_power_lost_while_a_journal_is_given_up_leaves_the_old_or_what_may_never_be_served(cut: int) -> None:
    folder = Folder(Disk(Random(cut)))
    folder.begin()
    folder.keeper.mark(1, Mark(Standing.JOINING, 2, 0), 7)
    folder.work()
    folder.disk.restart()
    folder.disk.cut_at = cut
    try:
        folder.keeper.begin_anew(9, 5, JOINING, b"s" * 16, "aside-1")
        folder.keeper.append(5, (Record(Op.ADD, 9, 1, b"nine"),), 9, 0)
        folder.work()
    except PowerCut:
        folder.disk.power_cut()
    mark = folder.again().mark
    assert mark is None or mark.standing is Standing.JOINING


def test_job_of_a_journal_that_was_given_up_meanwhile_changes_nothing() -> None:
    folder = Folder()
    folder.begin()
    keeper = folder.keeper
    keeper.mark(1, Mark(Standing.JOINING, 2, 0), 7)
    (late,) = keeper.next_job(1000)
    assert isinstance(late, DiskJob)
    keeper.begin_anew(9, 5, JOINING, b"s" * 16, "aside-1")
    assert keeper.next_job(1000) == []
    keeper.done(late.ticket, folder.disk.perform(late))
    assert keeper.mark_on_disk is None
    folder.work()
    assert keeper.mark_on_disk == JOINING


def test_what_was_read_after_a_crash_is_on_the_medium_before_it_is_told() -> None:
    folder = Folder()
    folder.begin()
    folder.disk.restart()
    again = Folder(folder.disk)
    again.keeper.tidy()
    assert again.keeper.mark_on_disk == ALONE
    assert not again.keeper.settled
    again.work()
    assert again.keeper.settled


def test_two_joins_in_a_millisecond_set_their_journals_aside_one_beside_the_other() -> None:
    folder = Folder()
    folder.begin()
    names = [folder.keeper.name_aside(9) for _ in range(2)]
    for name in names:
        folder.keeper.begin_anew(9, 5, JOINING, b"s" * 16, name)
        folder.work()
    assert folder.disk.asides() == sorted(names)
