"""
One history, from its seed to its end.

Machines start, clients connect and work, faults come one after the other. Then it is calm: whatever was broken is mended, and
all must come to its end. Producers finish, consumers take what is there, and a last client what nobody took.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from corewire_server.core import CoreConfig
from corewire_server.core.config import AddressSettings, Limits
from corewire_server.node.settings import PairSettings
from corewire_server.simulator import workloads
from corewire_server.simulator.clients import Client
from corewire_server.simulator.faults import Faults
from corewire_server.simulator.machine import Machine
from corewire_server.simulator.network import Network
from corewire_server.simulator.node import CLIENT_PORT, SingleProcess
from corewire_server.simulator.observer import Observer
from corewire_server.simulator.operator import CLUSTER_PASSWORD, CLUSTER_USER
from corewire_server.simulator.pair import LINK_PORT, PairProcess
from corewire_server.simulator.scenario import Options, draw, node_names, queue_names, task
from corewire_server.simulator.settings import TTL_S_MAX, draw_config, identify
from corewire_server.simulator.world import SECOND, World

if TYPE_CHECKING:
    from collections.abc import Callable

    from corewire_server.simulator.machine import AnyProcess
    from corewire_server.simulator.scenario import Scenario
    from corewire_server.simulator.world import Plot

QUIET_US: Final = 5 * SECOND
DETACHED_US: Final = 15 * SECOND  # until a session is closed whose client is gone


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a history ended."""

    seed: int
    events: int
    time_us: int  # of the world
    unfinished: tuple[str, ...]  # what did not come to its end in the calm


class Simulation:
    """The parts of one history. Make it, then ``run`` it once."""

    def __init__(self, seed: int, options: Options, observer: Observer) -> None:
        self.seed = seed
        self.options = options
        self.world = world = World(seed, observer)
        self.scenario: Scenario = draw(world.draw_rng(), options)
        self.network = Network(world, self.scenario.conduct)
        journal = self.scenario.journal
        limits = Limits(record_bytes_max=journal.body_bytes_max)
        config = CoreConfig(
            node_seed=world.draw_rng().randbytes(16),
            addresses=AddressSettings(max_delivery_attempts=-1),
            limits=limits,
            users=self.scenario.users,
        )
        names = node_names(options.nodes)
        self.machines = [
            Machine(world, self.network, name, config, hardware, journal, self._process_of(names, name))
            for name, hardware in zip(names, self.scenario.hardware, strict=True)
        ]
        self.clients = [
            Client(world, self.network, f"client{number}", config, clock)
            for number, (config, clock) in enumerate(zip(self.scenario.configs, self.scenario.clocks, strict=True))
        ]
        self.faults = Faults(world, self.network, self.machines, self.clients)
        self._stays = {
            client: sum(job.stays for job in jobs)
            for client, jobs in zip(self.clients, self.scenario.clients, strict=True)
        }
        self._queues = queue_names(self.scenario.clients)
        self.unfinished: list[str] = []

    def _process_of(self, names: tuple[str, ...], name: str) -> Callable[[Machine], AnyProcess]:
        if len(names) == 1:
            return SingleProcess
        other = next(each for each in names if each != name)
        settings = PairSettings(
            configured_primary=name == names[0],
            client_address=f"{name}:{CLIENT_PORT}",
            link_address=f"{name}:{LINK_PORT}",
            cluster_user=CLUSTER_USER,
            cluster_password=CLUSTER_PASSWORD,
            gate=self.scenario.gate,
        )
        return lambda machine: PairProcess(machine, settings, (other, LINK_PORT))

    def run(self, plot: Plot | None = None) -> Outcome:
        """Let it happen. ``plot``: what goes wrong, in place of what is drawn."""
        world = self.world
        for machine in self.machines:
            machine.start()
        faults, options = self.faults, self.options
        if plot is None:
            plot = faults.happen(faults.choose(options.faults), options.failures, patient=self.scenario.patient)
        world.play(faults.through(plot))
        for client, jobs in zip(self.clients, self.scenario.clients, strict=True):
            client.begin(workloads.work(client, [partial(task, client, job) for job in jobs]))
        self._calm()
        world.observer.finished(world.now, self.unfinished)
        return Outcome(self.seed, world.events, world.now, tuple(self.unfinished))

    # -- the end

    def _calm(self) -> None:
        world, clients = self.world, self.clients
        world.run(lambda: self.faults.over, world.now + self.options.patience_us)
        self.faults.mend()
        world.observer.calm(world.now)
        until = world.now + self.options.patience_us
        world.run(lambda: all(map(self._only_stays, clients)), until)
        world.run(lambda: self._empty, world.now + self._quiet_us())
        for client in clients:
            client.leaving = True
        world.run(lambda: not any(client.tasks for client in clients), until)
        self.unfinished += (
            f"{client.name} waits in {', '.join(client.open_calls) or 'nothing'}" for client in clients if client.tasks
        )
        self._drain(until)
        world.run(lambda: self.faults.steady, until)
        if not self.faults.steady:
            self.unfinished += (f"{machine.name} {machine.standing}" for machine in self.machines)

    @property
    def _empty(self) -> bool:
        """Whether everybody is at work, and no node has messages any more, not even delivered ones."""
        return not any(machine.message_bytes for machine in self.machines) and self.faults.steady

    def _quiet_us(self) -> int:
        """
        Consumers get so long for what is left: some must first notice that they lost their link in silence, and the broker
        has to take back what those hold that were killed.
        """
        killed = any(client.ended for client in self.clients)
        return int(2 * TTL_S_MAX * SECOND) + QUIET_US + (DETACHED_US if killed else 0)

    def _only_stays(self, client: Client) -> bool:
        """Whether a client has done all that comes to an end by itself."""
        return client.ended or (client.at_work and client.tasks == self._stays[client])

    def _drain(self, until: int) -> None:
        """Let a last client take what is left in the queues."""
        if self._empty and not any(client.tasks for client in self.clients):
            return
        world = self.world
        config = draw_config(world.draw_rng(), node_names(self.options.nodes))
        last = Client(world, self.network, "last", identify(config, self.scenario.users))
        taken: list[str] = []
        last.begin(workloads.work(last, [partial(workloads.drain, last, self._queues, taken)]))
        world.run(lambda: not last.tasks, until)
        if last.tasks:
            self.unfinished.append(f"the queues cannot be drained: {', '.join(last.open_calls)}")
        for queue in self._queues:
            if queue in taken and queue in self._taken_from:
                self.unfinished.append(f"{taken.count(queue)} messages were left in {queue}")

    @property
    def _taken_from(self) -> set[str]:
        """Queues of which somebody takes until he is told to leave."""
        pairs = zip(self.clients, self.scenario.clients, strict=True)
        return {job.errand.queue for client, jobs in pairs if not client.ended for job in jobs if job.stays}


def simulate(seed: int, options: Options | None = None, observer: Observer | None = None) -> Outcome:
    """Run the history of a seed: the same on any machine, to the last byte."""
    return Simulation(seed, options or Options(), observer or Observer()).run()
