"""Nodes of a pair that stop in order go through the same parts as in the runtime (``tests/server/test_pair_server.py``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from corewire_server.node.stopping import VISIT_S, Part, parts
from corewire_server.simulator.observer import Observer
from corewire_server.simulator.pair import PairProcess
from corewire_server.simulator.scenario import Options
from corewire_server.simulator.simulation import Simulation
from corewire_server.simulator.world import MS, SECOND

if TYPE_CHECKING:
    from corewire_server.simulator.world import Plot


@pytest.mark.parametrize(
    ("serving", "in_step", "order"),
    [
        (True, False, (Part.GOODBYE, Part.STOP, Part.END)),
        (True, True, (Part.STOP, Part.END)),
        (False, True, (Part.STOP, Part.VISIT, Part.END)),
        (False, False, (Part.STOP, Part.END)),
    ],
)
def test_order_of_the_parts(*, serving: bool, in_step: bool, order: tuple[Part, ...]) -> None:
    assert parts(serving=serving, in_step=in_step) == order


class Stopped:
    """A history in which a node is stopped in order: the backup, or the primary that is alone."""

    def __init__(self, patch: pytest.MonkeyPatch, *, alone: bool = False, silent: bool = False) -> None:
        self.went_through: list[Part] = []
        self.process: PairProcess
        self.took_us = 0
        at = PairProcess._at

        def noted(process: PairProcess, order: list[Part]) -> None:
            self.went_through.append(order[0])
            at(process, order)

        patch.setattr(PairProcess, "_at", noted)
        self.simulation = Simulation(4, Options(nodes=2, messages=20, patience_us=100 * SECOND), Observer())
        unfinished = self.simulation.run(self._plot(alone=alone, silent=silent)).unfinished
        assert unfinished == ()

    def _plot(self, *, alone: bool, silent: bool) -> Plot:
        world, network = self.simulation.world, self.simulation.network
        primary, backup = self.simulation.machines
        while not all(machine.whole for machine in (primary, backup)):
            yield MS
        if alone:
            backup.kill()
            while primary.whole:
                yield MS
            yield SECOND
        if silent:
            network.silence(primary.name, backup.name)
        process = primary.process if alone else backup.process
        assert isinstance(process, PairProcess)
        self.process = process
        began = world.now
        process.stop_in_order()
        while not process.ended:
            yield MS
        self.took_us = world.now - began
        network.heal_all()
        yield SECOND
        backup.start()
        primary.start()


def test_stopped_backup_is_there_until_its_primary_has_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = Stopped(monkeypatch)
    assert stopped.went_through == [Part.STOP, Part.VISIT, Part.END]
    assert stopped.process._visits > 0
    assert stopped.took_us < VISIT_S * SECOND


def test_stopped_backup_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = Stopped(monkeypatch, silent=True)
    assert stopped.went_through == [Part.STOP, Part.VISIT, Part.END]
    assert stopped.process._visits == 0
    assert stopped.took_us >= VISIT_S * SECOND


def test_primary_that_is_alone_says_goodbye(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = Stopped(monkeypatch, alone=True)
    assert stopped.went_through == [Part.GOODBYE, Part.STOP, Part.END]
