"""What is live moves out of the way of what is dead; no crash sees less than everything."""

from __future__ import annotations

import contextlib
from random import Random

import pytest
from tests.server.machine import Machine, Script, live_after, random_script, small

from corewire_server.journal.compaction import Compaction
from corewire_server.records import Op, Record
from corewire_server.simulator.disk import Disk, PowerCut

ALWAYS = {"compact": 2, "percent": 100}


def segment_count(disk: Disk) -> int:
    return sum(name.startswith("journal-") for name in disk.files())


def passing_through(count: int, first: int = 1000) -> Script:
    """Messages that come and go."""
    steps: Script = []
    for number in range(first, first + count):
        steps += [(Record(Op.ADD, number, 1, bytes(50)),), (Record(Op.DELETE, number),)]
    return steps


def test_long_lived_records_do_not_keep_the_journal_from_shrinking() -> None:
    old: Script = [(Record(Op.ADD, number, 1, b"old"),) for number in range(1, 20)]
    updates: Script = [(Record(Op.UPDATE, number, 2, b"more"),) for number in range(1, 20)]
    script = old + updates + passing_through(1000)
    disk = Disk(Random(0))
    machine = Machine(disk, script, small())
    machine.run(len(script))
    assert machine.sent[-1] == len(script)
    assert segment_count(disk) <= 4
    assert Machine(disk, [], small()).core.kept == live_after(script)


def test_no_compaction_where_it_is_switched_off() -> None:
    script: Script = [(Record(Op.ADD, 1),), *passing_through(500)]
    disk = Disk(Random(0))
    Machine(disk, script, small(compact=0)).run(len(script))
    assert segment_count(disk) > 20


@pytest.mark.parametrize("seed", range(15))
def test_forced_all_the_time_it_changes_nothing(seed: int) -> None:
    rng = Random(seed)
    script = random_script(rng, 250)
    disk = Disk(rng)
    machine = Machine(disk, script, small(**ALWAYS))
    machine.run(len(script))
    for _ in range(2):
        assert Machine(disk, [], small(**ALWAYS)).core.kept == live_after(script)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_power_cut_at_every_action_of_a_journal_that_compacts_all_the_time(seed: int) -> None:
    script = random_script(Random(seed), 50)
    disk = Disk(Random(seed))
    Machine(disk, script, small(1024, **ALWAYS)).run(len(script))
    possible = [live_after(script[:step]) for step in range(len(script) + 1)]
    for at in range(1, disk.actions + 1):
        disk = Disk(Random(at))
        disk.cut_at = at
        machine = None
        with contextlib.suppress(PowerCut):
            machine = Machine(disk, script, small(1024, **ALWAYS))
            machine.run(len(script))
        confirmed = machine.sent[-1] if machine is not None and machine.sent else 0
        disk.power_cut()
        assert Machine(disk, [], small(1024, **ALWAYS)).core.kept in possible[confirmed:]


def test_deletion_in_a_transaction_holds_though_what_it_deletes_was_written_again_before_the_commit() -> None:
    script: Script = [
        (Record(Op.ADD, 1, 1, b"one"),),
        *passing_through(8),  # into the next segment
        (Record(Op.DELETE, 1, tx=77),),
        *passing_through(20, 2000),  # meanwhile the first segment is cleaned
        (Record(Op.COMMIT, 77),),
    ]
    for more in range(0, 80, 4):
        history = script + passing_through(more, 3000)
        disk = Disk(Random(0))
        machine = Machine(disk, history, small(1024, **ALWAYS))
        machine.run(len(history))
        assert Machine(disk, [], small(1024, **ALWAYS)).core.kept == []
        assert segment_count(disk) <= 8


def test_batch_longer_than_a_slice_is_copied_too() -> None:
    big = tuple(Record(Op.ADD, number, 1, bytes(100_000)) for number in range(1, 10))
    script: Script = [big, (Record(Op.DELETE, 3),), *passing_through(20_000 // 20)]
    disk = Disk(Random(0))
    machine = Machine(disk, script, small(1 << 20, **ALWAYS))
    machine.run(len(script))
    machine.run(0)
    more: Script = [
        tuple(Record(Op.ADD, 50_000, 1, bytes(900_000)) for _ in range(1)),
        (Record(Op.DELETE, 50_000),),
    ] * 5
    machine.core.script = more
    machine.core.number = 0
    machine.run(len(more))
    assert Machine(disk, [], small(1 << 20)).core.kept == live_after(script + more)
    assert min(machine.writer._index.segments) > 1


def test_damage_found_while_copying_stops_the_node_and_is_named() -> None:
    script: Script = [(Record(Op.ADD, 1, 1, b"precious"),), *passing_through(100)]
    disk = Disk(Random(0))
    machine = Machine(disk, script, small())
    machine.feed()
    disk.flip("journal-0000000001", 8 * disk.read("journal-0000000001", 4096).index(b"precious"))
    machine.run(200)
    assert machine.halted is not None
    assert "the journal is damaged: journal-0000000001 at byte " in machine.halted


def test_full_disk_is_compacted_as_far_as_the_last_segment_has_room() -> None:
    old: Script = [(Record(Op.ADD, 1, 1, b"old"),)]
    adds: Script = [(Record(Op.ADD, number, 1, bytes(440)),) for number in range(2, 14)]
    deletes: Script = [(Record(Op.DELETE, number),) for number in range(2, 14)]
    script = old + adds + deletes
    disk = Disk(Random(1), capacity_bytes=3 * 4096)
    machine = Machine(disk, script, small(compact=100))
    machine.run(len(script))
    assert machine.core.room == [False, True]
    assert machine.sent[-1] == len(script)
    assert Machine(disk, [], small()).core.kept == live_after(script)


def test_segment_that_dies_while_it_is_cleaned_is_given_back_all_the_same() -> None:
    adds: Script = [(Record(Op.ADD, number, 1, bytes(400)),) for number in range(1, 40)]
    deletes: Script = [(Record(Op.DELETE, number),) for number in range(39, 0, -1)]
    script = adds + deletes
    for pause in range(1, 60):
        disk = Disk(Random(0))
        machine = Machine(disk, script, small(**ALWAYS, slice_bytes=500))
        machine.run(39)
        machine.slow = True
        machine.run(2)
        for _ in range(pause):  # somewhere in the cleaning of the first segments
            if machine.jobs:
                machine.disk_turn()
        machine.run(37)
        while machine.jobs:
            machine.disk_turn()
        assert machine.sent[-1] == 78
        assert segment_count(disk) <= 2
        assert Machine(disk, [], small()).core.kept == []


@pytest.mark.replaces
def test_copies_that_find_no_room_are_given_up_and_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    given_up = list[Compaction]()
    abandon = Compaction.abandon

    def count(compaction: Compaction) -> None:
        given_up.append(compaction)
        abandon(compaction)

    monkeypatch.setattr(Compaction, "abandon", count)
    adds: Script = [(Record(Op.ADD, number, 1, bytes(700)),) for number in range(1, 30)]
    deletes: Script = [(Record(Op.DELETE, number),) for number in (5, 11, 17, 23, *range(1, 5), *range(6, 11))]
    for capacity in range(3, 8):
        for burst in range(1, 12):
            disk = Disk(Random(1), capacity_bytes=capacity * 4096)
            script = [*adds[: capacity * 3], deletes[0], *adds[capacity * 3 :], *deletes[1:]]
            machine = Machine(disk, script, small(**ALWAYS, slice_bytes=2000))
            machine.slow = True
            for step in range(len(script)):
                machine.feed()
                if step % burst == 0 and machine.jobs:
                    machine.disk_turn()
            while machine.jobs:
                machine.disk_turn()
            confirmed = machine.sent[-1] if machine.sent else 0
            disk.capacity_bytes = None
            possible = [live_after(script[:step]) for step in range(confirmed, len(script) + 1)]
            assert Machine(disk, [], small()).core.kept in possible
    assert given_up


@pytest.mark.parametrize("body_bytes", [700, 1_100, 3_000])
def test_records_from_a_journal_with_larger_segments_are_not_written_into_a_smaller_one(body_bytes: int) -> None:
    large: Script = [tuple(Record(Op.ADD, number, 1, bytes([number]) * body_bytes) for number in range(1, 4))]
    disk = Disk(Random(0))
    Machine(disk, large, small(4096, compact=0)).run(1)
    passing = passing_through(300)
    machine = Machine(disk, passing, small(1024, **ALWAYS))
    machine.run(len(passing))
    assert machine.halted is None
    assert max(disk.files().values()) <= 4096
    again = Machine(disk, [], small(1024, **ALWAYS))
    assert [record for record in again.core.kept if record.id <= 3] == list(large[0])


@pytest.mark.parametrize("body_bytes", [0, 1, 60, 900])
def test_copies_of_a_segment_that_is_all_alive_are_longer_than_it_and_need_two(body_bytes: int) -> None:
    script: Script = [(Record(Op.ADD, number, 1, bytes(body_bytes)),) for number in range(1, 40)]
    script.append(
        tuple(Record(Op.ADD, number, 1, bytes(body_bytes)) for number in range(100, 100 + 3000 // (27 + body_bytes)))
    )
    script += passing_through(200)
    disk = Disk(Random(0))
    settings = small(4096, **ALWAYS, slice_bytes=1 << 18)
    machine = Machine(disk, script, settings)
    machine.run(len(script))
    assert Machine(disk, [], settings).core.kept == live_after(script)
