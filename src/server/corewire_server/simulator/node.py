"""
The processes of nodes.

A process hosts the node that is shipped: it gives it what sockets, timer and disk say, and performs what it orders, as the
runtime does. Nothing is decided here. This is a node without a peer, and what both kinds have in common (``pair.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, TypeVar

from corewire_server.core.effects import CloseLink, Log, SendBytes
from corewire_server.core.inputs import BytesReceived, LinkBlocked, LinkClosed, LinkOpened, Stopping
from corewire_server.journal.actions import DiskJob, Sync
from corewire_server.journal.recovery import recover
from corewire_server.journal.writer import Writer
from corewire_server.node.node import Node
from corewire_server.node.orders import Halt
from corewire_server.records import Mark, Standing
from corewire_server.simulator.clock import NodeClock
from corewire_server.simulator.disk import DiskFull
from corewire_server.simulator.network import Process
from corewire_server.simulator.watch import WatchedCores

if TYPE_CHECKING:
    from random import Random

    from corewire_server.core import Broker
    from corewire_server.core.inputs import Input
    from corewire_server.journal.recovery import Recovered
    from corewire_server.node.orders import Order
    from corewire_server.node.pair import PairNode
    from corewire_server.simulator.machine import Machine
    from corewire_server.simulator.network import End

NodeT = TypeVar("NodeT", bound="Node | PairNode")
CLIENT_PORT: Final = 61616


class NodeProcess(Process, Generic[NodeT]):
    """One process of a node: its clients, its disk and its timer."""

    node: NodeT
    joins = False  # may begin its journal anew

    def __init__(self, machine: Machine) -> None:
        super().__init__()
        self.machine = machine
        self.world = machine.world
        self.serving = False
        self.cores: WatchedCores | None = None
        self._links: dict[int, End] = {}
        self._slow: set[int] = set()
        self._out: dict[int, list[bytes]] = {}
        self._timer_at: int | None = None
        self._job: DiskJob | None = None
        self._busy = False

    @property
    def core(self) -> Broker | None:
        """The one that it has now."""
        return None if self.cores is None or self.cores.newest is None else self.cores.newest.core

    def begin(self, *, power_lost: bool) -> None:
        """Read the disk, and let the node begin."""
        machine, world = self.machine, self.world
        found = recover(machine.disk.files(), machine.disk.read, machine.journal.segment_bytes)
        observer, mark = world.observer, found.mark
        if (
            mark is None and machine.incarnations > 1
        ):  # killed before it wrote anything, perhaps in a journal begun anew
            observer.rewritten(world.now, machine.name, 0, ())
        elif mark is None or mark.standing is not Standing.JOINING:
            observer.recovered(world.now, machine.name, found.step, found.records, power_lost=power_lost)
        self._clock = NodeClock(machine.hardware.clock, world.now, found.now)
        self.cores = WatchedCores(world, machine.name, machine.config, found.step)
        self.perform(self._begin(found, self.cores))

    def _begin(self, recovered: Recovered, cores: WatchedCores) -> list[Order]:
        """Make the node; what it orders first."""
        raise NotImplementedError

    def offer(self, item: Input) -> None:
        """An input of a client."""
        raise NotImplementedError

    def stop_in_order(self) -> None:
        """The orderly stop is asked for."""
        raise NotImplementedError

    def now(self) -> int:
        """As the node counts it."""
        return self._clock.now_ms(self.world.now)

    # -- clients

    def open_link(self, number: int, end: End) -> None:
        """A client is a link of this node from now on."""
        end.number = number
        end.limit = self.machine.hardware.write_limit_bytes
        self._links[number] = end
        if self._busy:
            end.read(wanted=False)
        self.offer(LinkOpened(number, end.there))

    def received(self, end: End, data: bytes) -> None:
        self.offer(BytesReceived(end.number, data))

    def lost(self, end: End) -> None:
        if self._links.pop(end.number, None) is not None:
            self.offer(LinkClosed(end.number))

    def writable(self, end: End) -> None:
        if end.number in self._slow:
            self._slow.discard(end.number)
            self._blocked((end, False))

    def _blocked(self, news: tuple[End, bool]) -> None:
        end, blocked = news
        if end.number not in self._links or blocked is not (end.number in self._slow):
            return
        end.read(wanted=not (self._busy or blocked))
        self.offer(LinkBlocked(end.number, blocked=blocked))

    def drop_links(self) -> None:
        """Every client is gone, without a word."""
        for number in list(self._links):
            self._links.pop(number).close()
        self._slow.clear()

    # -- orders

    def perform(self, orders: list[Order]) -> None:
        """Do what the node ordered, then write what gathered and set the timer."""
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
                    self.perform_other(order)
        for number in list(out):
            self._write(number, self._links.get(number))
        if self.node.congested is not self._busy:
            self._busy = not self._busy
            for end in list(self._links.values()):
                end.read(wanted=not (self._busy or end.number in self._slow))
        if not self.ended:
            self.follow()
            self._set_timer()

    def perform_other(self, order: Order) -> None:
        """An order that not every node gives."""
        raise AssertionError(order)

    def follow(self) -> None:
        """After each call: look what the node has come to."""
        raise NotImplementedError

    def _write(self, number: int, end: End | None) -> None:
        pieces = self._out.pop(number, None)
        if pieces is None or end is None:
            return
        data = b"".join(pieces)
        self.world.observer.answered(self.world.now, self.machine.name, number, data)
        end.write(data)
        if end.throttled and number not in self._slow:
            self._slow.add(number)
            self.world.after(0, self, self._blocked, (end, True))

    def start_serving(self, epoch: int) -> None:
        """Clients are answered from now on."""
        self.serving = True
        self.world.observer.serving(self.world.now, self.machine.name, epoch, True)

    def stop_serving(self) -> None:
        """No longer."""
        if self.serving:
            self.serving = False
            self.world.observer.serving(self.world.now, self.machine.name, self.epoch, False)

    @property
    def epoch(self) -> int:
        """In which it serves or follows."""
        raise NotImplementedError

    @property
    def whole(self) -> bool:
        """Whether nobody is missing."""
        return True

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
            self.perform(node.disk_failed(self.now(), "Input/output error"))
            return
        self._job = None
        try:
            data = self.machine.disk.perform(job)
        except DiskFull:
            self.perform(node.disk_full(self.now(), job.ticket))
        else:
            self.perform(node.disk_done(self.now(), job.ticket, data))

    @property
    def writing(self) -> bool:
        """Whether a job is on the disk."""
        return self._job is not None

    def leave_disk(self, rng: Random) -> None:
        """The process is gone in the midst of a job: some of it was done."""
        job, self._job = self._job, None
        if job is not None:
            done = job.actions[: rng.randrange(len(job.actions) + 1)]
            if done:
                self.machine.disk.perform(DiskJob(job.ticket, done))

    # -- time

    def _set_timer(self) -> None:
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
        due, now = self.node.next_timeout(), self.now()
        if due is not None and due <= now:
            self.perform(self.node.wake(now))
        elif due is not None:
            self._timer_at = max(self._clock.when(due), self.world.now)
            self.world.at(self._timer_at, self, self._rang, self._timer_at)


class SingleProcess(NodeProcess[Node]):
    """A process of a node without a peer."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self._epoch = 0
        self._last_link = 0
        self._stopping = 0

    def _begin(self, recovered: Recovered, cores: WatchedCores) -> list[Order]:
        rng = self.machine.rng
        seed = recovered.seed or self.machine.config.node_seed
        self._epoch = 1 if recovered.mark is None else recovered.mark.epoch + 1
        self._last_link = self._epoch << 32
        mark = Mark(Standing.ALONE, self._epoch, 0)
        writer = Writer(
            recovered, self.machine.journal, salt=rng.getrandbits(32), seed=seed, folder=rng.randbytes(16), mark=mark
        )
        self.node = Node(cores.make(seed), writer)
        return self.node.begin(self.now(), recovered)

    @property
    def epoch(self) -> int:
        return self._epoch

    def accepted(self, end: End) -> None:
        self._last_link += 1
        self.open_link(self._last_link, end)

    def offer(self, item: Input) -> None:
        if not self.ended:
            self.perform(self.node.step(self.now(), item))

    def stop_in_order(self) -> None:
        if not self._stopping:
            self._stopping = 1
            self.machine.network.shut((self.machine.name, CLIENT_PORT))
            self.offer(Stopping())

    def follow(self) -> None:
        """It serves when its epoch is on disk; its orderly stop goes on when all is."""
        if not self.node.idle:
            return
        if self._stopping == 1:
            self._stopping = 2
            self.drop_links()
            self.perform(self.node.end(self.now()))
        elif self._stopping == 2:
            self.machine.exited("stopped in order")
        elif not self.serving and not self._stopping:
            self.machine.network.listen((self.machine.name, CLIENT_PORT), self)
            self.start_serving(self.epoch)
