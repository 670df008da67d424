"""A node on the simulator's disk: what was confirmed is there after any crash, and nothing is invented."""

from __future__ import annotations

from random import Random

import pytest
from tests.server.machine import Machine, Script, live_after, random_script, small

from corewire_server.simulator.disk import Disk, PowerCut


def dies(machine: Machine, steps: int) -> bool:
    """Run until the power goes, or to the end."""
    try:
        machine.run(steps)
    except PowerCut:
        return True
    return False


def survivors(disk: Disk, script: Script, settings_bytes: int, confirmed: int) -> Machine:
    """Start again, and see that what is there is what was there after some step not before the last confirmed one."""
    again = Machine(disk, script, small(settings_bytes))
    possible = [live_after(script[:steps]) for steps in range(confirmed, len(script) + 1)]
    assert again.core.kept in possible, (confirmed, again.core.kept)
    assert again.halted is None
    return again


@pytest.mark.parametrize("seed", range(20))
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
    assert again.writer.epoch == 2
