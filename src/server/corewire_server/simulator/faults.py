"""
What goes wrong, and how it gets well again.

Each kind is a plot: it breaks something, waits, mends it. A history takes some kinds, drawn from its seed, so that some are
switched off altogether; what it takes happens one after the other, each when the last is mended and, in most histories,
everybody is at work again, at a moment drawn from all orders of magnitude: of time, or more often of events, for a history has more of them in its
first millisecond than in an hour of waiting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from corewire_server.simulator import compound, operated
from corewire_server.simulator.operator import Operator
from corewire_server.simulator.pair import LINK_PORT
from corewire_server.simulator.world import MS, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from corewire_server.simulator.clients import Client
    from corewire_server.simulator.machine import Machine
    from corewire_server.simulator.network import End, Network
    from corewire_server.simulator.world import Plot, World

LOOK_US: Final = 20 * MS
WRITING_POLLS: Final = 30  # events
STEADY_US: Final = 60 * SECOND  # so long it is waited for everybody to be at work again


class Faults:
    """What can be broken in one history."""

    def __init__(self, world: World, network: Network, machines: list[Machine], clients: list[Client]) -> None:
        self.world = world
        self.network = network
        self.machines = machines
        self.clients = clients
        self.rng: Random = world.draw_rng()
        self.over = False  # nothing goes wrong any more by itself

    def choose(self, allowed: tuple[str, ...] | None) -> list[str]:
        """The kinds that this history takes."""
        kinds = [kind for kind in KINDS if (allowed is None or kind in allowed) and self._possible(kind)]
        return [kind for kind in kinds if self.rng.random() < 0.4] or kinds[:]

    def _possible(self, kind: str) -> bool:
        return len(self.machines) > 1 or kind not in OF_A_PAIR

    def happen(self, kinds: list[str], failures: int, *, patient: bool) -> Plot:
        """One fault after the other; ``patient``: each when everybody is at work again."""
        world = self.world
        for _ in range(failures if kinds else 0):
            yield self.moment(6, 20) if self.rng.random() < 0.3 else -self.moment(0, 7)
            yield from KINDS[self.rng.choice(kinds)](self)
            until = world.now + STEADY_US
            while patient and not self.steady and world.now < until:
                yield -4
            if self.steady:
                world.observer.steady(world.now)

    def through(self, plot: Plot) -> Plot:
        """What goes wrong in this history; behind it there is calm."""
        yield from plot
        self.over = True

    @property
    def steady(self) -> bool:
        """Whether everybody is at work."""
        nodes = any(machine.serving for machine in self.machines) and all(machine.whole for machine in self.machines)
        return nodes and all(client.up or not client.tasks for client in self.clients if not client.ended)

    def mend(self) -> None:
        """Whatever is broken is well again."""
        self.over = True
        self.network.heal_all()
        for machine in self.machines:
            machine.mend()
        for client in self.clients:
            if client.stopped:
                client.go_on()
        unaware = [client for client in self.clients if not client.checks]
        led = [machine.process for machine in self.machines if machine.process is not None] if unaware else []
        for process in (*unaware, *led):
            self.network.keep_alive(process)

    # -- chance

    def moment(self, low: int, high: int) -> int:
        """From 2**low to 2**high microseconds, each magnitude as probable as any other."""
        magnitude = 1 << self.rng.randrange(low, high)
        return magnitude + self.rng.randrange(magnitude)

    def machine(self) -> Machine:
        """Any."""
        return self.rng.choice(self.machines)

    def stream(self) -> End | None:
        """Any that is whole."""
        living = self.network.living()
        return self.rng.choice(living) if living else None

    def path(self) -> tuple[str, str]:
        """Any two hosts that talk."""
        end = self.stream()
        if end is None:
            return self.machine().name, "nobody"
        return (end.here, end.there) if self.rng.random() < 0.5 else (end.there, end.here)

    def probe(self, name: str) -> None:
        self.world.observer.probe(name)

    def say(self, kind: str, detail: str = "") -> None:
        self.world.observer.fault(self.world.now, kind, detail)


def _writing(faults: Faults, machine: Machine) -> Plot:
    """Half of the time wait until the machine's disk has something to do."""
    if faults.rng.random() < 0.5:
        return
    for _ in range(WRITING_POLLS):
        if machine.process is None or machine.process.writing:
            return
        yield -1


def _kill(faults: Faults) -> Plot:
    machine = faults.machine()
    yield from _writing(faults, machine)
    faults.say("kill", machine.name)
    machine.kill(faults.moment(4, 18))
    yield faults.moment(8, 22)
    faults.say("healed", machine.name)
    machine.start()


def _power(faults: Faults) -> Plot:
    machine = faults.machine()
    yield from _writing(faults, machine)
    faults.say("power", machine.name)
    machine.lose_power()
    yield faults.moment(10, 23)
    faults.say("healed", machine.name)
    machine.start()


def _stop(faults: Faults) -> Plot:
    machine = faults.machine()
    process = machine.process
    if process is None or not process.serving:
        return
    faults.say("stop", machine.name)
    process.stop_in_order()
    while not process.ended:
        yield LOOK_US
    yield faults.moment(8, 20)
    faults.say("healed", machine.name)
    machine.start()


def _switch(faults: Faults) -> Plot:
    machine = next((machine for machine in faults.machines if machine.serving), None)
    if machine is None:
        return
    faults.say("switch", machine.name)
    Operator(faults.network, faults.rng, (machine.name, LINK_PORT), "switch")
    yield faults.moment(10, 20)


def _reset(faults: Faults) -> Plot:
    streams = faults.network.living()
    if streams and faults.rng.random() < 0.7:
        streams = [faults.rng.choice(streams)]
    late_us = faults.moment(4, 22)
    for end in streams:
        faults.say("reset", f"{end.here}-{end.there}")
        faults.network.reset(end, late_us)
    yield late_us


def _cut(faults: Faults) -> Plot:
    end = faults.stream()
    if end is None or end.peer is None:
        return
    side = end if faults.rng.random() < 0.5 else end.peer
    side.cut_after = faults.rng.randrange(1 << faults.rng.randrange(1, 12))
    faults.say("cut", f"{side.here} to {side.there} after {side.cut_after} bytes")
    yield faults.moment(8, 22)
    side.cut_after = None


def _silence(faults: Faults, kind: str, paths: list[tuple[str, str]], time_us: int) -> Plot:
    for source, target in paths:
        faults.say(kind, f"{source} to {target}")
        faults.network.silence(source, target)
    yield time_us
    for source, target in paths:
        faults.say("healed", f"{source} to {target}")
        faults.network.heal(source, target)


def _stall(faults: Faults) -> Plot:
    source, target = faults.path()
    yield from _silence(faults, "stall", [(source, target), (target, source)], faults.moment(10, 24))


def _one_way(faults: Faults) -> Plot:
    yield from _silence(faults, "one-way", [faults.path()], faults.moment(10, 24))


def _slow(faults: Faults) -> Plot:
    source, target = faults.path()
    extra_us = faults.moment(10, 21)
    faults.say("slow", f"{source} to {target} by {extra_us} us")
    faults.network.slow(source, target, extra_us)
    yield faults.moment(12, 23)
    faults.say("healed", f"{source} to {target}")
    faults.network.slow(source, target, 0)


def _pause(faults: Faults) -> Plot:
    process = faults.machine().process
    if process is None:
        return
    faults.say("pause", process.machine.name)
    process.stop()
    yield faults.moment(8, 24)
    faults.say("healed", process.machine.name)
    process.go_on()


def _pause_client(faults: Faults) -> Plot:
    client = faults.rng.choice(faults.clients)
    if client.ended:
        return
    faults.say("pause-client", client.name)
    client.stop()
    yield faults.moment(8, 24)
    faults.say("healed", client.name)
    client.go_on()


def _kill_client(faults: Faults) -> Plot:
    client = faults.rng.choice(faults.clients)
    if client.ended or len(faults.clients) < 2:
        return
    faults.say("kill-client", client.name)
    faults.world.observer.client_killed(faults.world.now, client.name)
    client.kill(faults.moment(4, 18))
    yield 1


def _slow_disk(faults: Faults) -> Plot:
    machine = faults.machine()
    hardware = machine.hardware
    before = hardware.sync_us, hardware.write_us
    time_us = faults.moment(10, 21)
    faults.say("slow-disk", f"{machine.name}: {time_us} us")
    hardware.sync_us = hardware.write_us = time_us
    yield faults.moment(10, 22)
    faults.say("healed", machine.name)
    hardware.sync_us, hardware.write_us = before


def _failing_disk(faults: Faults) -> Plot:
    machine = faults.machine()
    faults.say("failing-disk", machine.name)
    machine.hardware.failing = True
    yield faults.moment(8, 20)
    machine.hardware.failing = False
    faults.say("healed", machine.name)
    machine.start()


def _full_disk(faults: Faults) -> Plot:
    machine = faults.machine()
    faults.say("full-disk", machine.name)
    machine.disk.capacity_bytes = sum(machine.disk.files().values())
    yield faults.moment(12, 22)
    faults.say("healed", machine.name)
    machine.disk.capacity_bytes = None


Kind: TypeAlias = "Callable[[Faults], Plot]"

KINDS: Final[dict[str, Kind]] = {
    "kill": _kill,
    "power": _power,
    "stop": _stop,
    "switch": _switch,
    "reset": _reset,
    "cut": _cut,
    "stall": _stall,
    "one-way": _one_way,
    "slow": _slow,
    "pause": _pause,
    "pause-client": _pause_client,
    "kill-client": _kill_client,
    "slow-disk": _slow_disk,
    "failing-disk": _failing_disk,
    "full-disk": _full_disk,
    **compound.KINDS,
    **operated.KINDS,
}
"""Every kind of fault by its name."""

OF_A_PAIR: Final = frozenset({"switch", *compound.KINDS, *operated.KINDS})
