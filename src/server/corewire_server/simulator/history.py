"""One history with checkers, probes and a transcript: what became of it."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING

from corewire_server.simulator.checkers import Checker, Violation, checkers_of
from corewire_server.simulator.chorus import Chorus
from corewire_server.simulator.eyes import Eyes, open_eyes
from corewire_server.simulator.observer import Observer
from corewire_server.simulator.probes import Probes
from corewire_server.simulator.scenario import Options
from corewire_server.simulator.simulation import Simulation
from corewire_server.simulator.transcript import Detail, Transcript

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

RAISED = "raised"
"""The rule that is broken when something shipped raises what nobody expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What became of a seed."""

    seed: int
    options: Options
    violations: tuple[Violation, ...]  # oldest first; none: every promise was kept
    probes: frozenset[str]
    faults: tuple[str, ...]  # kinds, in the order in which they came
    events: int
    transcript: Transcript | None  # if it was asked for

    @property
    def broken(self) -> str | None:
        """The rule that was broken first."""
        return self.violations[0].rule if self.violations else None


class _Faults(Observer):
    def __init__(self) -> None:
        self.kinds: list[str] = []

    def fault(self, now: int, kind: str, detail: str) -> None:
        self.kinds.append(kind)


def play(
    seed: int,
    options: Options | None = None,
    *,
    checkers: Sequence[type[Checker]] | None = None,
    detail: Detail | None = None,
    observers: Iterable[Observer] = (),
) -> History:
    """
    Play the history of a seed under the eyes of checkers: of all that look at such histories, or of these.

    ``detail``: keep a transcript. ``observers``: who else is told. The same arguments give the same History, on any machine.
    """
    options = options or Options()
    judges = [one() for one in (checkers_of(options) if checkers is None else checkers)]
    probes, faults = Probes(), _Faults()
    transcript = None if detail is None else Transcript(detail)
    listeners = [*([] if transcript is None else [transcript]), faults, probes, *judges, *observers]
    simulation = Simulation(seed, options, Chorus(listeners))
    violations: list[Violation] = []
    try:
        with open_eyes(Eyes(simulation.world, simulation.clients)):
            simulation.run()
    except Exception as problem:  # noqa: BLE001 - of what is simulated: it is what we look for
        violations.append(Violation(simulation.world.now, RAISED, _where(problem)))
    violations += (one for judge in judges for one in judge.violations)
    return History(
        seed=seed,
        options=options,
        violations=tuple(sorted(violations, key=lambda one: one.now)),
        probes=frozenset(probes.reached),
        faults=tuple(faults.kinds),
        events=simulation.world.events,
        transcript=transcript,
    )


def _where(problem: Exception) -> str:
    frame = traceback.extract_tb(problem.__traceback__)[-1]
    file = frame.filename.replace("\\", "/").rpartition("/")[2]
    return f"{type(problem).__name__}: {problem} (in {frame.name}, {file})"
