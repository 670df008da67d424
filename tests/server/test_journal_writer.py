"""What is written, in which order; limits; files that are given back."""

from __future__ import annotations

from random import Random

import pytest
from tests.server.machine import Machine, Script, live_after, small

from corewire_server.journal.actions import Delete, Fill, ReadAt, Rename, Sync, SyncFolder, WriteAt
from corewire_server.journal.writer import RecordTooLarge
from corewire_server.records import Op, Record
from corewire_server.simulator.disk import Disk


def test_never_more_than_one_batch_is_unsynced() -> None:
    """So only the last one can be torn."""
    script: Script = [
        tuple(Record(Op.ADD, step * 10 + one, 1, bytes(300)) for one in range(5)) for step in range(1, 40)
    ]
    machine = Machine(Disk(Random(0)), script, small())
    machine.slow = True
    unsynced = set[str]()
    machine.run(len(script))
    while machine.jobs:
        for action in machine.jobs[0].actions:
            if isinstance(action, WriteAt):
                assert not unsynced, "a second write while the first is not on the medium"
                unsynced.add(action.file)
            elif isinstance(action, Sync):
                unsynced.discard(action.file)
            elif isinstance(action, Rename):
                assert action.old not in unsynced
        machine.disk_turn()
    assert machine.sent[-1] == len(script)


def test_new_segment_is_named_and_the_folder_synced_before_it_is_used() -> None:
    script: Script = [(Record(Op.ADD, number, 1, bytes(900)),) for number in range(1, 10)]
    machine = Machine(Disk(Random(0)), script, small())
    machine.slow = True
    seen: list[str] = []
    for _ in script:
        machine.feed()
        while machine.jobs:
            seen += [type(action).__name__ for action in machine.jobs[0].actions]
            machine.disk_turn()
    rename = seen.index("Rename")
    assert seen[rename - 2 : rename + 6] == [
        *("WriteAt", "Sync", "Rename", "SyncFolder"),  # head, name
        *("WriteAt", "Sync"),  # the mark at the end of the last segment
        *("WriteAt", "Sync"),  # the batch
    ]


def test_largest_record_fits_and_one_byte_more_is_refused_where_it_arises() -> None:
    settings = small(compact=2, percent=100)
    largest = settings.body_bytes_max
    script: Script = [
        (Record(Op.ADD, 1, 1, bytes(largest)),),
        *(record for number in range(2, 30) for record in [(Record(Op.ADD, number),), (Record(Op.DELETE, number),)]),
    ]
    disk = Disk(Random(0))
    machine = Machine(disk, script, settings)
    machine.run(len(script))  # and it can be copied
    assert machine.sent[-1] == len(script)
    assert Machine(disk, [], settings).core.kept == live_after(script)
    with pytest.raises(RecordTooLarge):
        machine.writer.append(99, (Record(Op.ADD, 99, 1, bytes(largest + 1)),), 0)


def test_append_larger_than_a_segment_is_kept_whole() -> None:
    records = tuple(Record(Op.ADD, number, 1, bytes(1500)) for number in range(1, 40))
    script: Script = [(Record(Op.ADD, 1000),), records, (Record(Op.ADD, 2000),)]
    disk = Disk(Random(0))
    machine = Machine(disk, script, small())
    machine.run(3)
    assert machine.sent == [1, 2, 3]
    again = Machine(disk, [], small())
    assert again.core.kept == live_after(script)
    assert again.logs == []


@pytest.mark.parametrize("busy_turns", range(6))
def test_append_that_needs_more_files_than_there_are_has_them_made_at_once(busy_turns: int) -> None:
    """It came while the batch before it was written, and nobody filled files for it until something else came: nothing did,
    since clients were not read for want of room (seed 12743 of pairs)."""
    large = tuple(Record(Op.ADD, number, 1, bytes(1500)) for number in range(1, 10))
    machine = Machine(Disk(Random(0)), [], small())
    machine.core.script = [(Record(Op.ADD, 1000),), large]
    machine.slow = True
    machine.feed()
    for _ in range(busy_turns):
        if machine.jobs:
            machine.disk_turn()
    machine.feed()
    while machine.jobs:
        machine.disk_turn()
    assert machine.sent == [1, 2]
    assert not machine.node.congested


def test_only_append_larger_than_a_segment_is_kept_whole_from_the_start() -> None:
    records = tuple(Record(Op.ADD, number, 1, bytes(1500)) for number in range(1, 40))
    disk = Disk(Random(0))
    machine = Machine(disk, [records], small())
    assert Machine(disk, [], small()).core.kept == []
    machine = Machine(disk, [records], small())
    machine.run(1)
    assert Machine(disk, [], small()).core.kept == live_after([records])


def test_files_are_used_again_and_superfluous_ones_removed() -> None:
    adds: Script = [(Record(Op.ADD, number, 1, bytes(900)),) for number in range(1, 80)]
    deletes: Script = [(Record(Op.DELETE, number),) for number in range(1, 80)]
    disk = Disk(Random(0))
    machine = Machine(disk, adds + deletes, small())
    machine.slow = True
    kinds = dict[type, int]()
    machine.run(158)
    while machine.jobs:
        for action in machine.jobs[0].actions:
            kinds[type(action)] = kinds.get(type(action), 0) + 1
        machine.disk_turn()
    assert {Fill, Rename, Delete, SyncFolder} <= set(kinds)
    assert len(disk.files()) <= 6
    assert Machine(disk, [], small()).core.kept == []


def test_filling_ahead_is_done_in_slices_between_batches() -> None:
    script: Script = [(Record(Op.ADD, number),) for number in range(1, 50)]
    machine = Machine(Disk(Random(0)), [], small(4 << 20))
    machine.core.script = script
    machine.writer.pledge(7 << 20)  # that is, two spares more
    machine.slow = True
    turns: list[str] = []
    for _ in range(12):
        machine.feed()
        turns.append(type(machine.jobs[0].actions[0]).__name__)
        machine.disk_turn()
    assert turns[:6] == ["WriteAt", "Fill", "WriteAt", "Fill", "WriteAt", "Fill"] or turns[:6] == [
        *("Fill", "WriteAt", "Fill", "WriteAt", "Fill", "WriteAt")
    ]


def test_nothing_is_read_again_but_for_compaction() -> None:
    script: Script = [(Record(Op.ADD, number),) for number in range(1, 50)]
    machine = Machine(Disk(Random(0)), script, small(compact=0))
    machine.slow = True
    machine.run(49)
    while machine.jobs:
        assert not any(isinstance(action, ReadAt) for action in machine.jobs[0].actions)
        machine.disk_turn()


def test_large_append_begins_in_a_new_segment_if_its_first_record_does_not_fit() -> None:
    filler: Script = [(Record(Op.ADD, 1000, 1, bytes(2500)),)]
    records = tuple(Record(Op.ADD, number, 1, bytes(1500)) for number in range(1, 10))
    disk = Disk(Random(0))
    Machine(disk, [*filler, records], small()).run(2)
    assert Machine(disk, [], small()).core.kept == live_after([*filler, records])
