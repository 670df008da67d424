"""Damage is named, and nothing is invented: bits flipped, files cut, emptied, renamed, removed."""

from __future__ import annotations

from copy import deepcopy
from random import Random

import pytest
from tests.server.machine import Machine, Script, live_after, random_script, small

from corewire_server.journal.format import JournalDamaged, segment_name
from corewire_server.journal.recovery import Recovered, recover
from corewire_server.records import Op, Record
from corewire_server.simulator.disk import Disk

SEGMENT_BYTES = 1024


def busy(seed: int, steps: int = 30, segment_bytes: int = SEGMENT_BYTES) -> tuple[Disk, Script]:
    """A journal of a few segments, recycled ones among them, as a killed node leaves it."""
    rng = Random(seed)
    script = random_script(rng, steps, body_bytes=40, keep=0.2)
    disk = Disk(rng)
    Machine(disk, script, small(segment_bytes)).run(steps)
    return disk, script


def read(disk: Disk) -> Recovered:
    return recover(disk.files(), disk.read, SEGMENT_BYTES)


def segments(disk: Disk) -> list[str]:
    return sorted(name for name in disk.files() if name.startswith("journal-"))


def before_last(script: Script) -> list[list[Record]]:
    """What may be left if the last write is lost: it held the last step with records, or none, as the boot of an epoch does."""
    last = max((step for step, records in enumerate(script) if records), default=0)
    return [live_after(script), live_after(script[:last])]


@pytest.mark.slow
def test_every_flipped_bit_is_harmless_or_named() -> None:
    disk, script = busy(11, 10, 640)
    whole = live_after(script)
    assert len(segments(disk)) > 1
    outcomes = set[str]()
    for name in segments(disk):
        for bit in range(8 * 640):
            disk.flip(name, bit)
            try:
                found = read(disk)
            except JournalDamaged as damage:
                assert damage.file == name  # noqa: PT017  either is right, but not both are raised
                outcomes.add("damaged")
            else:
                if found.records != whole:
                    assert found.records in before_last(script)
                    assert name in found.warnings[0]
                    outcomes.add("torn")
                elif found.warnings:
                    outcomes.add("warned")
                else:
                    outcomes.add("harmless")
            disk.flip(name, bit)
    assert outcomes >= {"damaged", "warned", "harmless"}


def test_segment_that_was_cut_is_named_at_every_length() -> None:
    disk, _ = busy(3)
    for name in segments(disk):
        for length in range(SEGMENT_BYTES):
            cut = deepcopy(disk)
            cut.cut_file(name, length)
            with pytest.raises(JournalDamaged) as caught:
                read(cut)
            assert caught.value.file == name
            assert caught.value.offset in (0, length)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_last_batches_cut_at_every_byte_leave_what_was_before_them(seed: int) -> None:
    """As a crash leaves it: the file keeps its length, and what was not written is zeros."""
    disk, script = busy(seed, 200, 16384)
    name = segments(disk)[-1]
    content = disk.read(name, 16384)
    end = len(content.rstrip(b"\0"))
    possible = [live_after(script[:step]) for step in range(len(script) - 40, len(script) + 1)]
    for at in range(max(0, end - 600), end):
        torn = deepcopy(disk)
        torn.cut_file(name, at)
        torn.zero_to(name, 16384)
        try:
            found = recover(torn.files(), torn.read, 16384)
        except JournalDamaged:
            assert at < 100  # in the head of the segment
            continue
        assert found.records in possible


@pytest.mark.parametrize("which", [0, 1, -1])
def test_segment_that_is_gone_is_missed(which: int) -> None:
    disk, _ = busy(5)
    name = segments(disk)[which]
    disk.remove_file(name)
    with pytest.raises(JournalDamaged, match="missing") as caught:
        read(disk)
    assert caught.value.file == name


def test_segment_under_another_name_is_noticed() -> None:
    disk, _ = busy(5)
    names = segments(disk)
    disk.rename_file(names[0], names[-1])
    with pytest.raises(JournalDamaged, match="renamed"):
        read(disk)


@pytest.mark.parametrize("of", ["_seed", "_folder"])
def test_segment_of_another_broker_or_of_its_peer_is_noticed(of: str) -> None:
    disk, script = busy(5)
    names = segments(disk)
    other = Disk(Random(0))
    machine = Machine(other, script, small(SEGMENT_BYTES))
    setattr(machine.writer, of, b"another broker's")
    machine.run(len(script))
    disk.take_file(names[-2], other)
    with pytest.raises(JournalDamaged, match="another broker"):
        read(disk)


def test_journal_of_another_version_is_refused_by_that_name() -> None:
    disk, _ = busy(1)
    disk.flip(segments(disk)[-1], 8 * 7)
    with pytest.raises(JournalDamaged, match="is of version 3, this program reads 2"):
        read(disk)


def test_bytes_that_a_client_sent_do_not_pass_for_a_batch() -> None:
    """A message holds a whole sound segment; the write of it is torn."""
    inner, _ = busy(1, 3)
    fake = inner.read(segments(inner)[0], SEGMENT_BYTES)
    disk = Disk(Random(0))
    machine = Machine(disk, [(Record(Op.ADD, 1, 1, b"x"),), (Record(Op.ADD, 2, 1, fake),)], small(8192), salt=8)
    machine.run(2)
    name = segments(disk)[-1]
    at = disk.read(name, 8192).index(fake)
    disk.flip(name, 8 * (at - 10))
    found = recover(disk.files(), disk.read, 8192)
    assert [record.id for record in found.records] == [1]
    assert len(found.warnings) == 1


def test_torn_write_is_dropped_with_one_warning_and_never_mentioned_again() -> None:
    disk, script = busy(7)
    name = segments(disk)[-1]
    tail = read(disk).tail
    assert tail is not None
    disk.flip(name, 8 * (tail.used - 1))
    again = Machine(disk, [], small(SEGMENT_BYTES))
    assert len(again.logs) == 1
    assert f"{name} at byte " in again.logs[0]
    assert again.core.kept in before_last(script)
    third = Machine(disk, [], small(SEGMENT_BYTES))
    assert third.logs == []
    assert third.core.kept == again.core.kept


def test_large_append_that_was_not_written_to_its_end_leaves_nothing() -> None:
    records = tuple(Record(Op.ADD, number, 1, bytes(300)) for number in range(1, 9))
    script: Script = [(Record(Op.ADD, 100),), records, (Record(Op.ADD, 200),)]
    disk = Disk(Random(0))
    machine = Machine(disk, script, small(SEGMENT_BYTES))
    machine.run(3)
    assert machine.sent == [1, 2, 3]
    assert Machine(deepcopy(disk), [], small(SEGMENT_BYTES)).core.kept == live_after(script)
    first = disk.actions
    seen = set[int]()
    for at in range(1, first + 1):
        disk = Disk(Random(at))
        disk.fail_at = at
        machine = Machine(disk, script, small(SEGMENT_BYTES))
        if machine.halted is None:
            machine.run(3)
        disk.restart()
        for _ in range(2):  # and again, with what the first restart made of it
            again = Machine(disk, [], small(SEGMENT_BYTES))
            assert again.core.kept in [live_after(script[:step]) for step in range(len(machine.sent), 4)]
            seen.add(len(again.core.kept))
    assert seen == {0, 1, 9, 10}


def test_spares_that_were_not_filled_are_removed_and_whole_ones_kept() -> None:
    disk, _ = busy(1)
    spares = [name for name in disk.files() if name.startswith("spare-")]
    assert spares
    disk.cut_file(spares[0], 100)
    again = Machine(disk, [], small(SEGMENT_BYTES))
    assert spares[0] not in again.recovered.spares
    assert spares[0] not in disk.files()


def test_spares_of_another_length_are_not_used() -> None:
    disk, script = busy(1)
    again = Machine(disk, script, small(2048))
    again.run(len(script))
    assert {length for name, length in disk.files().items() if name.startswith("spare-")} == {2048}
    Machine(disk, [], small(2048))


def test_other_files_are_left_alone() -> None:
    disk, script = busy(1)
    files = {**disk.files(), "notes": 10, "spare-x": 7, "journal-1": 3}
    assert recover(files, disk.read, SEGMENT_BYTES).records == live_after(script)


@pytest.mark.parametrize("seed", range(6))
def test_spare_renamed_by_hand_to_the_next_segment_is_noticed(seed: int) -> None:
    disk, _ = busy(seed)
    spare = next(name for name in disk.files() if name.startswith("spare-"))
    disk.rename_file(spare, segment_name(int(segments(disk)[-1][-10:]) + 1))
    with pytest.raises(JournalDamaged, match=r"renamed|head of a segment is damaged"):
        read(disk)


def test_damage_in_the_only_batch_of_the_last_segment_is_told_from_missing_segments() -> None:
    disk = Disk(Random(0))
    script: Script = [
        (Record(Op.ADD, 1, 1, bytes(450)),),
        (Record(Op.DELETE, 1), Record(Op.ADD, 2, 1, b"precious" + bytes(550))),
    ]
    Machine(disk, script, small(SEGMENT_BYTES)).run(2)
    assert segments(disk) == [segment_name(2)]
    disk.flip(segment_name(2), 8 * disk.read(segment_name(2), SEGMENT_BYTES).index(b"precious"))
    with pytest.raises(JournalDamaged, match="without it segment 1 is needed"):
        read(disk)


def test_large_append_whose_last_piece_is_torn_is_dropped_whole_with_one_warning() -> None:
    records = tuple(Record(Op.ADD, number, 1, bytes(300)) for number in range(1, 9))
    disk = Disk(Random(0))
    Machine(disk, [(Record(Op.ADD, 100),), records], small(SEGMENT_BYTES)).run(2)
    tail = read(disk).tail
    assert tail is not None
    disk.flip(segments(disk)[-1], 8 * (tail.used - 1))
    again = Machine(disk, [(Record(Op.ADD, 200),)], small(SEGMENT_BYTES))
    assert [record.id for record in again.core.kept] == [100]
    assert len(again.logs) == 1
    again.run(1)
    third = Machine(disk, [], small(SEGMENT_BYTES))
    assert [record.id for record in third.core.kept] == [100, 200]
    assert third.logs == []
