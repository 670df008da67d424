"""
The machines on which nodes run, and the processes that run there.

A process hosts the node that is shipped: it gives it what sockets, timer and disk say, and performs what it orders, as the
runtime does. Nothing is decided here. A machine outlives its processes: it has the disk, the clock and the address. A process
that is killed keeps what it wrote; a machine without power keeps what was synced, and some of the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from corewire_server.core import Broker
from corewire_server.core.effects import Append, CloseLink, Log, SendBytes
from corewire_server.core.inputs import BytesReceived, LinkBlocked, LinkClosed, LinkOpened, Stopping
from corewire_server.journal.actions import DiskJob, Sync
from corewire_server.journal.recovery import recover
from corewire_server.journal.writer import JournalSettings, Writer
from corewire_server.node.node import Node
from corewire_server.node.orders import Halt
from corewire_server.records import Mark, Standing
from corewire_server.simulator.clock import Clock, NodeClock
from corewire_server.simulator.disk import Disk, DiskFull
from corewire_server.simulator.network import Process
from corewire_server.simulator.world import MS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from random import Random

    from corewire_server.core import CoreConfig
    from corewire_server.core.effects import Effect
    from corewire_server.core.inputs import Input
    from corewire_server.node.orders import Order
    from corewire_server.records import Record
    from corewire_server.simulator.network import End, Network
    from corewire_server.simulator.world import World

CLIENT_PORT: Final = 61616
SMALL: Final = JournalSettings(segment_bytes=64 * 1024, compact_min_segments=3, compact_percent=60)


@dataclass(slots=True, kw_only=True)
class Hardware:
    """What a machine is like. The disk's times and its failing may change while it runs."""

    sync_us: int = 200  # a job that syncs takes so long, and up to twice that
    write_us: int = 30  # any other
    failing: bool = False  # the next job fails
    write_limit_bytes: int = 1 << 20  # unread by a client: it is not read until it reads
    clock: Clock = field(default_factory=Clock)


class WatchedCore:
    """The broker core as it is, and an observer that looks over its shoulder."""

    def __init__(self, core: Broker, world: World, node: str, step: int) -> None:
        self.core = core
        self._world = world
        self._node = node
        self._steps = step  # the last one that its predecessors took
        world.observer.core_made(world.now, node, core)

    @property
    def node_id(self) -> str:
        """The UUID of this broker, as clients see it."""
        return self.core.node_id

    def step(self, now: int, item: Input) -> list[Effect]:
        """One input in, its effects out."""
        effects = self.core.step(now, item)
        self._steps += 1
        observer, time = self._world.observer, self._world.now
        for effect in effects:
            if isinstance(effect, Append):
                observer.appended(time, self._node, self._steps, effect.records)
        observer.stepped(time, self._node, self._steps, self.core)
        return effects

    def next_timeout(self) -> int | None:
        """When the core wants the Timeout input."""
        return self.core.next_timeout()

    def recover(self, records: Iterable[Record]) -> None:
        """Take the live records of the journal."""
        self.core.recover(records)


class Machine:
    """A host for one node, whose processes come and go."""

    def __init__(self, world: World, network: Network, name: str, config: CoreConfig, hardware: Hardware) -> None:
        self.world = world
        self.network = network
        self.name = name
        self.config = config
        self.hardware = hardware
        self.rng: Random = world.draw_rng()
        self.disk = Disk(world.draw_rng())
        self.process: NodeProcess | None = None
        self.incarnations = 0
        self._power_lost = False

    @property
    def serving(self) -> bool:
        """Whether clients are answered here."""
        return self.process is not None and self.process.serving

    @property
    def message_bytes(self) -> int:
        """Of messages that the node has in memory."""
        process = self.process
        return 0 if process is None or process.core is None else process.core.state.store.bytes

    def start(self) -> None:
        """Start a process, if none runs; the machine has power again."""
        if self.process is not None:
            return
        self.network.power(self.name, on=True)
        self.incarnations += 1
        self.process = NodeProcess(self)
        self.world.observer.started(self.world.now, self.name, self.incarnations)
        self.process.begin(power_lost=self._power_lost)
        self._power_lost = False

    def kill(self, delay_us: int = MS) -> None:
        """The process is killed; the kernel closes its sockets ``delay_us`` later."""
        self._end("killed", delay_us)

    def lose_power(self) -> None:
        """The machine is dead at once, and tells nobody."""
        if self.process is not None:
            self._end("without power", None)
        self.network.power(self.name, on=False)
        self.disk.power_cut()
        self._power_lost = True

    def mend(self) -> None:
        """Disk and power are well, the process runs."""
        self.hardware.failing = False
        self.disk.capacity_bytes = None
        if self.process is None:
            self.start()
        elif self.process.stopped:
            self.process.go_on()

    def exited(self, reason: str) -> None:
        """The process has ended itself."""
        self._end(reason, MS)

    def _end(self, reason: str, delay_us: int | None) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        process.leave_disk(self.rng)
        if process.serving:
            process.serving = False
            self.world.observer.serving(self.world.now, self.name, process.epoch, False)
        self.network.leave(process, delay_us)
        self.world.observer.ended(self.world.now, self.name, reason)


class NodeProcess(Process):
    """One process of a node."""

    def __init__(self, machine: Machine) -> None:
        super().__init__()
        self.machine = machine
        self.world = machine.world
        self.serving = False
        self.core: Broker | None = None
        self.epoch = 0
        self._links: dict[int, End] = {}
        self._slow: set[int] = set()
        self._out: dict[int, list[bytes]] = {}
        self._timer_at: int | None = None
        self._job: DiskJob | None = None
        self._busy = False
        self._stopping = 0
        self._next_link = 0

    def begin(self, *, power_lost: bool) -> None:
        """Read the disk, and let the node begin."""
        machine, world = self.machine, self.world
        recovered = recover(machine.disk.files(), machine.disk.read, SMALL.segment_bytes)
        step = recovered.step
        world.observer.recovered(world.now, machine.name, step, recovered.records, power_lost=power_lost)
        self._clock = NodeClock(machine.hardware.clock, world.now, recovered.now)
        self.core = Broker(machine.config)
        core = WatchedCore(self.core, world, machine.name, step)
        rng, seed = machine.rng, machine.config.node_seed
        self.epoch = 1 if recovered.mark is None else recovered.mark.epoch + 1
        mark = Mark(Standing.ALONE, self.epoch, 0)
        writer = Writer(recovered, SMALL, salt=rng.getrandbits(32), seed=seed, folder=rng.randbytes(16), mark=mark)
        self._next_link = self.epoch << 32
        self.node = Node(core, writer)
        self._perform(self.node.begin(self._now(), recovered))

    # -- what comes in

    def accepted(self, end: End) -> None:
        self.ends[end] = None
        self._next_link += 1
        end.number = self._next_link
        end.limit = self.machine.hardware.write_limit_bytes
        self._links[end.number] = end
        if self._busy:
            end.read(wanted=False)
        self._step(LinkOpened(end.number, end.there))

    def received(self, end: End, data: bytes) -> None:
        self._step(BytesReceived(end.number, data))

    def lost(self, end: End) -> None:
        if self._links.pop(end.number, None) is not None:
            self._step(LinkClosed(end.number))

    def writable(self, end: End) -> None:
        if end.number in self._slow:
            self._slow.discard(end.number)
            self._blocked((end, False))

    def _blocked(self, news: tuple[End, bool]) -> None:
        end, blocked = news
        if end.number not in self._links or blocked is not (end.number in self._slow):
            return
        end.read(wanted=not (self._busy or blocked))
        self._step(LinkBlocked(end.number, blocked=blocked))

    def _step(self, item: Input) -> None:
        if not self.ended:
            self._perform(self.node.step(self._now(), item))

    def _now(self) -> int:
        return self._clock.now_ms(self.world.now)

    # -- what goes out

    def _perform(self, orders: list[Order]) -> None:
        out = self._out
        for order in orders:
            match order:
                case SendBytes(number, data):
                    if number in self._links:
                        out.setdefault(number, []).append(data)
                case CloseLink(number):
                    end = self._links.pop(number, None)
                    if end is not None:
                        self._write(number, end)
                        end.close()
                case DiskJob():
                    self._submit(order)
                case Log(level, text):
                    self.world.observer.log(self.world.now, self.machine.name, level, text)
                case Halt(reason):
                    self.machine.exited(f"stopped itself: {reason}")
                    return
                case _:
                    raise AssertionError(order)
        for number in list(out):
            self._write(number, self._links[number])
        if self.node.congested is not self._busy:
            self._busy = not self._busy
            for end in self._links.values():
                end.read(wanted=not (self._busy or end.number in self._slow))
        self._follow()
        self._set_timer()

    def _write(self, number: int, end: End) -> None:
        pieces = self._out.pop(number, None)
        if pieces is None:
            return
        data = b"".join(pieces)
        self.world.observer.answered(self.world.now, self.machine.name, number, data)
        end.write(data)
        if end.throttled and number not in self._slow:
            self._slow.add(number)
            self.world.after(0, self, self._blocked, (end, True))

    # -- disk

    def _submit(self, job: DiskJob) -> None:
        self._job = job
        hardware = self.machine.hardware
        syncs = any(isinstance(action, Sync) for action in job.actions)
        time = hardware.sync_us if syncs else hardware.write_us
        self.world.after(time + int(self.machine.rng.random() * time), self, self._perform_job, job)

    def _perform_job(self, job: DiskJob) -> None:
        hardware, node = self.machine.hardware, self.node
        if hardware.failing:
            hardware.failing = False
            self.leave_disk(self.machine.rng)
            self._perform(node.disk_failed(self._now(), "Input/output error"))
            return
        self._job = None
        try:
            data = self.machine.disk.perform(job)
        except DiskFull:
            self._perform(node.disk_full(self._now(), job.ticket))
        else:
            self._perform(node.disk_done(self._now(), job.ticket, data))

    def leave_disk(self, rng: Random) -> None:
        """The process is gone in the midst of a job: some of it was done."""
        job, self._job = self._job, None
        if job is not None:
            done = job.actions[: rng.randrange(len(job.actions) + 1)]
            if done:
                self.machine.disk.perform(DiskJob(job.ticket, done))

    # -- time

    def _set_timer(self) -> None:
        if self.ended:
            return
        due = self.node.next_timeout()
        if due is None:
            return
        at = max(self._clock.when(due), self.world.now)
        if self._timer_at is None or at < self._timer_at:
            self._timer_at = at
            self.world.at(at, self, self._rang, at)

    def _rang(self, at: int) -> None:
        if at != self._timer_at:
            return
        self._timer_at = None
        due, now = self.node.next_timeout(), self._now()
        if due is not None and due <= now and not self._busy:
            self._perform(self.node.wake(now))
        elif due is not None:
            self._timer_at = max(self._clock.when(due), self.world.now + 10 * MS if self._busy else 0)
            self.world.at(self._timer_at, self, self._rang, self._timer_at)

    # -- begin and end

    def stop_in_order(self) -> None:
        """The orderly stop is asked for."""
        if self._stopping:
            return
        self._stopping = 1
        self.machine.network.shut((self.machine.name, CLIENT_PORT))
        self._step(Stopping())

    def _follow(self) -> None:
        """What the node has come to: it serves, or its orderly stop went on."""
        if self.ended or not self.node.idle:
            return
        if self._stopping == 1:
            self._stopping = 2
            for number in list(self._links):
                self._links.pop(number).close()
            self._perform(self.node.end(self._now()))
        elif self._stopping == 2:
            self.machine.exited("stopped in order")
        elif not self.serving and not self._stopping:
            self.serving = True
            self.machine.network.listen((self.machine.name, CLIENT_PORT), self)
            self.world.observer.serving(self.world.now, self.machine.name, self.epoch, True)
