"""A node on the simulator's disk: what was confirmed is there after any crash, and nothing is invented."""

from __future__ import annotations

from random import Random

import pytest
from tests.server.machine import Machine, Script, live_after, random_script, small

from corewire_server.core.inputs import Stopping
from corewire_server.journal.actions import Sync, WriteAt
from corewire_server.records import Mark, Op, Record, Standing
from corewire_server.simulator.disk import Disk, PowerCut


def dies(machine: Machine, rng: Random, steps: int, *, slow: bool = False) -> bool:
    """Feed until the power goes, or to the end. A slow disk answers when it likes."""
    machine.slow = slow
    try:
        for _ in range(steps):
            machine.feed()
            while slow and machine.jobs and rng.random() < 0.4:
                machine.disk_turn()
        while machine.jobs:
            machine.disk_turn()
    except PowerCut:
        return True
    return False


def start(disk: Disk, script: Script, segment_bytes: int) -> Machine | None:
    """Start a node; None: the power went before it had begun."""
    try:
        return Machine(disk, script, small(segment_bytes))
    except PowerCut:
        return None


def what_is_left(disk: Disk, script: Script, confirmed: int, appended: int) -> tuple[Machine, int]:
    """Start again: what is there must be what was there after a step that is not before the last confirmed one."""
    again = Machine(disk, script, small())
    after = [step for step in range(confirmed, appended + 1) if live_after(script[:step]) == again.core.kept]
    assert after, f"confirmed {confirmed}, appended {appended}, kept {again.core.kept}"
    return again, after[-1]


@pytest.mark.parametrize("seed", range(10))
def test_what_was_kept_is_there_after_a_restart(seed: int) -> None:
    rng = Random(seed)
    script = random_script(rng, 300)
    disk = Disk(rng)
    machine = Machine(disk, script, small())
    machine.run(len(script))
    assert machine.sent == list(range(1, len(script) + 1))
    again = Machine(disk, script, small())
    assert again.core.kept == live_after(script)
    assert again.logs == []
    assert again.writer.mark_on_disk == Mark(Standing.ALONE, 2, 0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_power_cut_at_every_action_of_the_disk_loses_nothing_that_was_confirmed(seed: int) -> None:
    script = random_script(Random(seed), 60)
    disk = Disk(Random(seed))
    Machine(disk, script, small()).run(len(script))
    for at in range(1, disk.actions + 1):
        rng = Random(seed << 32 | at)
        disk = Disk(rng)
        disk.cut_at = at
        machine = start(disk, script, 4096)
        assert machine is None or dies(machine, rng, len(script))
        confirmed = machine.sent[-1] if machine is not None and machine.sent else 0
        disk.power_cut()
        what_is_left(disk, script, confirmed, len(script))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(30))
def test_power_cuts_one_after_the_other_on_a_disk_that_answers_late(seed: int) -> None:
    rng = Random(seed)
    disk = Disk(rng)
    script: Script = []
    while len(script) < 400:
        disk.cut_at = rng.randrange(1, 120)
        more = random_script(rng, 80)
        # ids and transactions go on from where they were; what is not in the script any more was never confirmed
        shift = 1_000_000 * (len(script) + 1)
        script += [
            tuple(record._replace(id=record.id + shift, tx=record.tx and record.tx + shift) for record in step)
            for step in more
        ]
        before = len(script) - len(more)
        try:
            machine = Machine(disk, script[before:], small())
        except PowerCut:
            machine = None
        if machine is None or dies(machine, rng, len(more), slow=True):
            if rng.random() < 0.7:
                disk.power_cut()
            else:
                disk.restart()  # the process was killed, the machine lives
        else:
            disk.restart()
        confirmed = before + (machine.sent[-1] if machine is not None and machine.sent else 0)
        appended = before + (machine.core.number if machine is not None else 0)
        again = Machine(disk, [], small())
        rolled_back = _without_open_transactions
        after = [
            step for step in range(confirmed, appended + 1) if live_after(rolled_back(script[:step])) == again.core.kept
        ]
        assert after, f"confirmed {confirmed}, appended {appended}"
        script = rolled_back(script[: after[-1]])
        disk.restart()


def _without_open_transactions(script: Script) -> Script:
    """What a restart makes of it: transactions that nobody prepared are rolled back."""
    open_txs: dict[int, bool] = {}
    for record in (record for step in script for record in step):
        if record.op in (Op.COMMIT, Op.ROLLBACK):
            open_txs.pop(record.id, None)
        elif record.op == Op.PREPARE:
            open_txs[record.id] = True
        elif record.tx:
            open_txs.setdefault(record.tx, False)
    return [*script, tuple(Record(Op.ROLLBACK, tx) for tx, prepared in open_txs.items() if not prepared)]


def test_steps_that_keep_nothing_do_not_overtake_those_that_do() -> None:
    script: Script = [(), (Record(Op.ADD, 1),), (), (Record(Op.ADD, 2),), ()]
    machine = Machine(Disk(Random(0)), script, small())
    machine.slow = True
    machine.feed()
    assert machine.sent == [1]
    for _ in range(4):
        machine.feed()
    assert machine.sent == [1]
    machine.disk_turn()
    assert machine.sent == [1, 2, 3]
    machine.disk_turn()
    assert machine.sent == [1, 2, 3, 4, 5]


def test_what_gathers_while_a_job_is_out_goes_into_one_batch() -> None:
    script: Script = [(Record(Op.ADD, number),) for number in range(1, 101)]
    machine = Machine(Disk(Random(0)), script, small(65536))
    machine.slow = True
    machine.run(100)
    machine.disk_turn()
    assert machine.sent == [1]
    assert [type(action) for action in machine.jobs[0].actions] == [WriteAt, Sync]
    machine.disk_turn()
    assert machine.sent == list(range(1, 101))


@pytest.mark.parametrize("at", range(1, 30))
def test_failed_write_or_sync_stops_the_node_before_anything_unwritten_was_confirmed(at: int) -> None:
    script = random_script(Random(at), 60)
    disk = Disk(Random(at))
    machine = Machine(disk, script, small())
    disk.fail_at = disk.actions + at
    machine.run(len(script))
    assert machine.halted is not None
    assert machine.halted.startswith("the disk failed: ")
    confirmed = machine.sent[-1] if machine.sent else 0
    machine.perform(machine.node.step(machine.now, Stopping()))
    machine.perform(machine.node.disk_done(machine.now, 0))
    machine.perform(machine.node.disk_full(machine.now, 0))
    machine.perform(machine.node.disk_failed(machine.now, "again"))
    assert machine.other == []
    disk.power_cut()
    what_is_left(disk, script, confirmed, machine.core.number)


def test_full_disk_is_told_to_the_core_and_is_over_when_acknowledgements_made_room() -> None:
    adds: Script = [(Record(Op.ADD, number, 1, bytes(500)),) for number in range(1, 30)]
    deletes: Script = [(Record(Op.DELETE, number),) for number in range(1, 30)]
    disk = Disk(Random(1), capacity_bytes=3 * 4096)
    machine = Machine(disk, adds[:13] + deletes[:13], small(compact=0))
    machine.run(13)
    assert machine.core.room == [False]
    assert machine.halted is None
    machine.run(13)
    assert machine.core.room == [False, True]
    assert machine.sent == list(range(1, 27))
    assert any("no room" in line for line in machine.logs)


def test_full_disk_holds_answers_back_and_goes_on_when_there_is_room() -> None:
    script: Script = [(Record(Op.ADD, number, 1, bytes(500)),) for number in range(1, 30)]
    disk = Disk(Random(1), capacity_bytes=2 * 4096)
    machine = Machine(disk, script, small())
    machine.run(29)
    confirmed = machine.sent[-1]
    assert 10 < confirmed < 20
    assert not machine.node.idle
    assert machine.node.next_timeout() is not None
    machine.perform(machine.node.wake(machine.now))
    assert machine.sent[-1] == confirmed
    disk.capacity_bytes = None
    machine.now = machine.node.next_timeout() or 0
    machine.perform(machine.node.wake(machine.now))
    assert machine.sent[-1] == 29
    assert machine.core.room == [False, True]
    assert machine.node.idle


def test_orderly_stop_is_written_down() -> None:
    disk = Disk(Random(0))
    machine = Machine(disk, [(Record(Op.ADD, 1),)], small())
    machine.feed()
    machine.perform(machine.node.step(machine.now, Stopping()))
    machine.perform(machine.node.end(machine.now))
    assert machine.node.idle
    assert machine.other == [b"bye"]
    assert Machine(disk, [], small()).recovered.clean
    assert not Machine(disk, [], small()).recovered.clean


def test_too_much_that_waits_for_the_disk_is_said() -> None:
    script: Script = [(Record(Op.ADD, number, 1, bytes(1_000_000)),) for number in range(1, 40)]
    machine = Machine(Disk(Random(0)), script, small(20_000_000))
    machine.slow = True
    said = list[bool]()
    for steps in (15, 24):
        machine.run(steps)
        said.append(machine.node.congested)
    while machine.jobs:
        machine.disk_turn()
    assert [*said, machine.node.congested] == [False, True, False]
    assert machine.sent == list(range(1, 40))
