"""What the simulator has found, each as the shortest history that shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire_server.simulator.observer import Observer
from corewire_server.simulator.scenario import Options
from corewire_server.simulator.simulation import Simulation
from corewire_server.simulator.world import MS, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

    from corewire_server.simulator.world import Plot


def play(seed: int, plot: Callable[[Simulation], Plot], *, nodes: int) -> tuple[str, ...]:
    """A history in which nothing goes wrong but ``plot``. Returns what did not come to its end."""
    simulation = Simulation(seed, Options(nodes=nodes, messages=20, patience_us=100 * SECOND), Observer())
    return simulation.run(plot(simulation)).unfinished


def test_a_backup_that_is_promoted_looks_at_its_own_disk_for_room() -> None:
    """It had the word of the primary's full disk, and refused every send for ever (seed 2961 of that day)."""

    def plot(simulation: Simulation) -> Plot:
        primary, backup = simulation.machines
        primary.disk.capacity_bytes = 64 * 1024
        while not (primary.whole and backup.whole):
            yield MS
        primary.kill()
        yield 5 * SECOND  # others do their work meanwhile

    assert play(4, plot, nodes=2) == ()
