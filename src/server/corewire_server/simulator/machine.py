"""
The machines on which nodes run.

A machine outlives its processes: it has the disk, the clock and the address. A process that is killed keeps what it wrote; a
machine without power keeps what was synced, and some of the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from corewire_server.journal.writer import JournalSettings
from corewire_server.simulator.clock import Clock
from corewire_server.simulator.disk import Disk
from corewire_server.simulator.world import MS

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from corewire_server.core import CoreConfig
    from corewire_server.simulator.network import Network
    from corewire_server.simulator.node import SingleProcess
    from corewire_server.simulator.pair import PairProcess
    from corewire_server.simulator.world import World

    AnyProcess: TypeAlias = SingleProcess | PairProcess


def small_journal(kibibytes: int) -> JournalSettings:
    """One whose segments are full soon."""
    return JournalSettings(segment_bytes=kibibytes * 1024, compact_min_segments=3, compact_percent=60)


@dataclass(slots=True, kw_only=True)
class Hardware:
    """What a machine is like. The disk's times and its failing may change while it runs."""

    sync_us: int = 200  # a job that syncs takes so long, and up to twice that
    write_us: int = 30  # any other
    failing: bool = False  # the next job fails
    turn_us: int = 20  # from what comes in to its being handed on and executed, where a node does so in turns
    write_limit_bytes: int = 1 << 20  # unread by a client: it is not read until it reads
    clock: Clock = field(default_factory=Clock)


class Machine:
    """A host for one node, whose processes come and go. ``make`` makes a process that has not begun."""

    def __init__(
        self,
        world: World,
        network: Network,
        name: str,
        config: CoreConfig,
        hardware: Hardware,
        journal: JournalSettings,
        make: Callable[[Machine], AnyProcess],
    ) -> None:
        self.world = world
        self.network = network
        self.name = name
        self.config = config
        self.hardware = hardware
        self.journal = journal
        self.rng: Random = world.draw_rng()
        self.disk = Disk(world.draw_rng())
        self.process: AnyProcess | None = None
        self.incarnations = 0
        self._make = make
        self._power_lost = False

    @property
    def serving(self) -> bool:
        """Whether clients are answered here."""
        return self.process is not None and self.process.serving

    @property
    def whole(self) -> bool:
        """Whether its node has all that it should have: a backup in step, if it has a peer."""
        return self.process is not None and self.process.whole

    @property
    def message_bytes(self) -> int:
        """Of messages that the node has in memory."""
        process = self.process
        return 0 if process is None or process.core is None else process.core.state.store.bytes

    @property
    def standing(self) -> str:
        """What it does, in words."""
        if self.process is None:
            return "is down"
        return f"{'serves' if self.serving else 'does not serve'}{'' if self.whole else ', without the other'}"

    # -- what happens to it

    def start(self) -> None:
        """Start a process, if none runs; the machine has power again."""
        if self.process is not None:
            return
        self.network.power(self.name, on=True)
        self.incarnations += 1
        self.world.observer.started(self.world.now, self.name, self.incarnations)
        self.process = self._make(self)
        self.process.begin(power_lost=self._power_lost)
        self._power_lost = False

    def kill(self, delay_us: int = MS) -> None:
        """The process is killed; the kernel closes its sockets ``delay_us`` later."""
        self._end("killed", delay_us)

    def lose_power(self) -> None:
        """The machine is dead at once, and tells nobody."""
        self._end("without power", None)
        self.network.power(self.name, on=False)
        self.disk.power_cut()
        self._power_lost = True

    def exited(self, reason: str) -> None:
        """The process has ended itself."""
        self._end(reason, MS)

    def mend(self) -> None:
        """Disk and power are well, the process runs."""
        self.hardware.failing = False
        self.disk.capacity_bytes = None
        if self.process is None:
            self.start()
        elif self.process.stopped:
            self.process.go_on()

    def _end(self, reason: str, delay_us: int | None) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        process.leave_disk(self.rng)
        process.stop_serving()
        self.network.leave(process, delay_us)
        self.world.observer.ended(self.world.now, self.name, reason)
