"""Whole histories: the same for a seed on any machine, come to their end, and hurt what they are meant to hurt."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from corewire_server.simulator.faults import KINDS, OF_A_PAIR
from corewire_server.simulator.observer import Observer
from corewire_server.simulator.scenario import RECEIVING, SENDING, Options, draw
from corewire_server.simulator.simulation import Simulation, simulate
from corewire_server.simulator.workloads import NotAsked
from corewire_server.simulator.world import World

if TYPE_CHECKING:
    from corewire_server.simulator.world import Plot

PUBLISH = Options(workload="publish")
TOLD = [name for name in vars(Observer) if not name.startswith("_")]


class Everything(Observer):
    """Keeps a checksum of all that is told, and how often each thing was."""

    def __init__(self) -> None:
        self.hash = hashlib.sha256()
        self.counts: dict[str, int] = {}
        for name in TOLD:
            setattr(self, name, self._hear(name))

    def _hear(self, name: str) -> Any:
        def hear(*args: Any, **options: Any) -> None:
            self.counts[name] = self.counts.get(name, 0) + 1
            told = [arg.effects_digest if hasattr(arg, "effects_digest") else repr(arg) for arg in args]
            self.hash.update(f"{name} {told} {options}".encode())

        return hear


def fingerprint(seeds: range, options: Options) -> str:
    everything = Everything()
    for seed in seeds:
        simulate(seed, options, everything)
    return everything.hash.hexdigest()


PROGRAM = """
from corewire_server.simulator.scenario import Options
from tests.simulation.test_simulation import fingerprint
print(fingerprint(range({first}, {last}), Options(nodes={nodes})))
"""


@pytest.mark.slow
@pytest.mark.parametrize("nodes", [1, 2])
def test_a_seed_gives_the_same_history_to_the_last_byte_whatever_the_hash_seed(nodes: int) -> None:
    root = Path(__file__).parents[2]
    folders = [root, root / "src", root / "src/transports", root / "src/server"]
    path = os.pathsep.join(map(str, folders))
    program = PROGRAM.format(first=5, last=15, nodes=nodes)
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "7")
    }
    assert len(found) == 1


def test_who_listens_changes_nothing() -> None:
    assert simulate(3).events == simulate(3, observer=Everything()).events


CASES = [(kind, nodes) for kind in KINDS for nodes in (1, 2) if nodes == 2 or kind not in OF_A_PAIR]


@pytest.mark.parametrize(("kind", "nodes"), CASES)
def test_every_kind_of_fault_comes_and_is_got_over(kind: str, nodes: int) -> None:
    everything, came = Everything(), list[str]()
    everything.fault = lambda now, kind, detail: came.append(kind)  # type: ignore[method-assign]
    for seed in range(4):
        outcome = simulate(seed, Options(faults=(kind,), nodes=nodes, applications=1), everything)
        assert outcome.unfinished == ()
    assert kind in came


def test_without_faults_nothing_fails_and_nothing_is_left() -> None:
    class Quiet(Observer):
        def __init__(self) -> None:
            self.open: set[tuple[str, int]] = set()

        def sent(self, now: int, client: str, producer: str, number: int, queue: str, **kind: Any) -> None:
            self.open.add((producer, number))

        def confirmed(self, now: int, client: str, producer: str, number: int) -> None:
            self.open.remove((producer, number))

        def refused(self, now: int, client: str, producer: str, number: int, error: Exception) -> None:
            self.open.remove((producer, number))  # rolled back as it wished

        def call_ended(self, now: int, client: str, call: int, error: Exception | None) -> None:
            assert error is None

        def unknown(self, now: int, client: str, producer: str, number: int, error: Exception) -> None:
            assert isinstance(error, NotAsked)
            self.open.remove((producer, number))

    for seed in range(10):
        quiet = Quiet()
        assert simulate(seed, Options(faults=()), quiet).unfinished == ()
        assert not quiet.open


def test_nobody_is_told_to_leave_before_all_work_has_begun() -> None:
    """Clients that connect in the calm had only their one task, and consumers left with the first messages (240757987243696)."""

    class Early(Observer):
        def sent(self, now: int, client: str, producer: str, number: int, queue: str, **kind: Any) -> None:
            assert not any(one.leaving for one in simulation.clients)

    def plot() -> Plot:
        simulation.machines[0].kill()
        yield 1

    for seed in range(5):
        simulation = Simulation(seed, Options(), Early())
        assert simulation.run(plot()).unfinished == ()


def test_each_queue_of_a_topic_has_somebody_who_takes_from_it() -> None:
    for seed in range(20):
        jobs = [job for each in draw(World(seed, Observer()).draw_rng(), PUBLISH).clients for job in each]
        senders = [job.errand for job in jobs if job.kind.startswith("send ")]
        takers = {job.errand.queue for job in jobs if job.stays}
        assert all(errand.topic and set(errand.queues) == takers for errand in senders)
        assert len(takers) > 1


def test_a_message_to_a_topic_is_owed_by_each_of_its_queues() -> None:
    class Got(Observer):
        def __init__(self) -> None:
            self.queues: dict[tuple[str, int], set[str]] = {}
            self.owed: set[tuple[str, int, str]] = set()
            self.confirmations = 0

        def sent(self, now: int, client: str, producer: str, number: int, queue: str, **kind: Any) -> None:
            self.queues.setdefault((producer, number), set()).add(queue)

        def confirmed(self, now: int, client: str, producer: str, number: int) -> None:
            self.confirmations += 1
            self.owed |= {(producer, number, queue) for queue in self.queues[producer, number]}

        def delivered(
            self, now: int, client: str, consumer: str, producer: str, number: int, queue: str, *, redelivered: bool
        ) -> None:
            self.owed.discard((producer, number, queue))
            self.queues[producer, number].discard(queue)

    got = Got()
    for seed in range(10):
        got.queues.clear()
        assert simulate(seed, replace(PUBLISH, faults=()), got).unfinished == ()
    assert got.confirmations > 10
    assert not got.owed


def test_every_application_is_drawn() -> None:
    kinds = {
        job.kind
        for seed in range(50)
        for jobs in draw(World(seed, Observer()).draw_rng(), Options()).clients
        for job in jobs
    }
    assert kinds >= {f"send {kind}" for kind in SENDING} | {f"receive {kind}" for kind in RECEIVING}
