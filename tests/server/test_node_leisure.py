"""Records that nobody waits for share the sync of what comes next."""

from __future__ import annotations

from random import Random

import pytest
from tests.server.machine import Machine, live_after, small
from tests.server.pairs import Pair

from corewire_server.journal.actions import Sync
from corewire_server.node.desk import FOLLOWER_LEISURE_MS, LEISURE_BYTES_MAX, LEISURE_MS
from corewire_server.records import Op, Record
from corewire_server.simulator.disk import Disk


def machine_of(steps: int, body: int = 10) -> tuple[Machine, Disk]:
    """A node that has begun, and whose disk answers when asked to; its next steps show nothing."""
    disk = Disk(Random(0))
    machine = Machine(
        disk, [(Record(Op.ADD, number, 1, bytes(body)),) for number in range(1, steps + 1)], small(1 << 20)
    )
    machine.slow = True
    machine.core.quiet = True
    return machine, disk


def syncs(machine: Machine) -> int:
    """How many batches are on their way to the disk; they get there."""
    count = sum(isinstance(action, Sync) for job in machine.jobs for action in job.actions)
    while machine.jobs:
        machine.disk_turn()
    return count


def test_records_that_nobody_waits_for_are_not_written_at_once() -> None:
    machine, _ = machine_of(1)
    machine.feed()
    assert not machine.jobs
    assert not machine.node.idle
    assert machine.node.next_timeout() == machine.now + LEISURE_MS


def test_what_is_shown_next_takes_them_along_in_one_batch() -> None:
    machine, _ = machine_of(4)
    machine.run(3)
    machine.core.quiet = False
    machine.feed()
    assert machine.sent == []
    assert syncs(machine) == 1
    assert machine.sent == [4]
    assert machine.node.idle


def test_they_are_written_when_their_time_is_over() -> None:
    machine, disk = machine_of(2)
    machine.run(2)
    machine.now = machine.node.next_timeout() or 0
    machine.perform(machine.node.wake(machine.now))
    assert syncs(machine) == 1
    assert machine.node.idle
    assert machine.node.next_timeout() is None
    disk.power_cut()
    assert Machine(disk, [], small(1 << 20)).core.kept == live_after(machine.core.script)


def test_they_are_written_when_they_are_many() -> None:
    machine, _ = machine_of(2, body=LEISURE_BYTES_MAX // 2)
    machine.feed()
    assert not machine.jobs
    machine.feed()
    assert syncs(machine) == 1


def test_what_shows_without_a_record_of_its_own_waits_for_them_and_has_them_written() -> None:
    machine, _ = machine_of(1)
    machine.feed()
    machine.core.quiet = False
    machine.core.script = [*machine.core.script, ()]
    machine.feed()
    assert machine.sent == []
    assert syncs(machine) == 1
    assert machine.sent == [2]


@pytest.mark.parametrize("steps", [0, 1])
def test_orderly_stop_does_not_wait_for_their_time(steps: int) -> None:
    machine, disk = machine_of(steps)
    machine.run(steps)
    machine.perform(machine.node.end(machine.now))
    assert syncs(machine) == 1
    assert machine.node.idle
    assert Machine(disk, [], small(1 << 20)).recovered.clean


def test_a_backup_gathers_for_longer_what_its_primary_has_confirmed_by_then() -> None:
    pair = Pair.in_step()
    pair.sleep(FOLLOWER_LEISURE_MS)
    pair.b.disk_holds = True
    for word in (b"1", b"2", b"3"):
        pair.say(word)
        pair.sleep(FOLLOWER_LEISURE_MS // 4)
    assert pair.confirmed == [b"1", b"2", b"3"]
    assert not pair.b.jobs
    pair.sleep(FOLLOWER_LEISURE_MS)
    assert len(pair.b.jobs) == 1


def test_a_backup_that_serves_is_in_a_hurry_again() -> None:
    pair = Pair.in_step()
    pair.a.kill()
    pair.sleep(1000)
    pair.say(b"1")
    assert pair.confirmed == [b"1"]
