"""Two nodes of a pair joined in memory: a network that tells "refused" from "no answer", invented disks, and one clock."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any, assert_never

from tests.server.fakes import EchoCore

from corewire_server.core.effects import CloseLink, Log, SendBytes
from corewire_server.core.effects_digest import EffectsDigest
from corewire_server.core.inputs import BytesReceived, LinkOpened
from corewire_server.journal.actions import DiskJob
from corewire_server.journal.recovery import Recovered, recover
from corewire_server.journal.writer import JournalSettings
from corewire_server.node.orders import (
    ClosePeer,
    DialPeer,
    Door,
    DropLinks,
    Halt,
    SendPeer,
    SetDoor,
)
from corewire_server.node.pair import PairNode
from corewire_server.node.settings import GateMode, PairSettings
from corewire_server.records import Op, Record
from corewire_server.replication.link import Command
from corewire_server.simulator.disk import Disk, DiskFailure, DiskFull

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from corewire_server.core.effects import Effect
    from corewire_server.core.inputs import Input
    from corewire_server.node.cores import Core
    from corewire_server.node.orders import Order

START = 1_700_000_000_000
SMALL = JournalSettings(segment_bytes=64 * 1024, compact_min_segments=3, compact_percent=60)


class PairCore(EchoCore):
    """The echoing core, and what a pair needs beside: its state is all that it was told to keep, in order."""

    def __init__(self, seed: bytes) -> None:
        super().__init__()
        self.seed = seed
        self.digest = EffectsDigest()

    @property
    def node_id(self) -> str:  # type: ignore[override]
        return self.seed.hex()

    @property
    def effects_digest(self) -> bytes:
        return bytes(self.digest)

    @property
    def words(self) -> list[bytes]:
        """What it was told to keep."""
        return [record.body for record in self.kept]

    def step(self, now: int, item: Input) -> list[Effect]:
        effects = super().step(now, item)
        for effect in effects:
            if hasattr(effect, "records"):
                self.kept += effect.records
        self.digest.add(effects)
        return effects

    def snapshot(self) -> Iterator[bytes]:
        head = bytes(self.digest) + self.next_id.to_bytes(8) + len(self.links).to_bytes(4)
        parts = [head, *(link.to_bytes(8) for link in self.links)]
        parts += [record.id.to_bytes(8) + record.body + b"\n" for record in self.kept]
        return iter(parts)

    def records(self) -> Iterator[Record]:
        return iter(list(self.kept))


class PairRestorer:
    """Takes the slices of a `PairCore`'s snapshot."""

    def __init__(self, seed: bytes) -> None:
        self.core = PairCore(seed)
        self.links = -1

    def feed(self, data: bytes) -> None:
        core = self.core
        if self.links < 0:
            steps, checksum = int.from_bytes(data[:8]), int.from_bytes(data[8:12])
            core.digest = EffectsDigest(steps, checksum)
            core.next_id, self.links = int.from_bytes(data[12:20]), int.from_bytes(data[20:])
        elif self.links:
            self.links -= 1
            core.links.append(int.from_bytes(data))
        else:
            core.kept.append(Record(Op.ADD, int.from_bytes(data[:8]), 1, data[8:-1]))

    def finish(self) -> PairCore:
        return self.core


class PairCores:
    """Makes them, and remembers the last one."""

    def make(self, seed: bytes) -> Core:
        return PairCore(seed)

    def restorer(self, seed: bytes) -> PairRestorer:
        return PairRestorer(seed)


@dataclass(slots=True)
class Wire:
    """One connection between the nodes: what is on its way to each end, and which ends are open."""

    ends: dict[str, int]
    queues: dict[str, deque[bytes | None]] = field(default_factory=dict[str, "deque[bytes | None]"])  # None: the end

    def towards_other(self, name: str) -> deque[bytes | None]:
        """What is on its way from a node."""
        (other,) = (each for each in self.queues if each != name)
        return self.queues[other]


class Side:
    """One machine: a disk that outlives its processes, and one process at a time."""

    def __init__(self, pair: Pair, name: str, **settings: Any) -> None:
        self.pair = pair
        self.name = name
        self.disk = Disk(Random(1))
        self.settings = PairSettings(
            configured_primary=name == "a", client_address=f"{name}:61616", link_address=f"{name}:61716", **settings
        )
        self.node: PairNode | None = None
        self.rng = Random(name)
        self.listening = False
        self.accepted = 0
        self.arrived: deque[int] = deque()  # connections that wait to be accepted
        self.jobs: deque[DiskJob] = deque()
        self.disk_holds = False  # jobs wait
        self.shown: list[bytes] = []  # what clients saw, of all processes
        self.logs: list[str] = []
        self.door = Door.CLOSED
        self.dropped = 0
        self.halted: str | None = None
        self.reads = True  # False: suspended between two inputs

    @property
    def up(self) -> PairNode:
        assert self.node is not None
        return self.node

    @property
    def role(self) -> str:
        return "down" if self.node is None else self.node.role.value

    @property
    def core(self) -> PairCore:
        part = self.up._serving or self.up._following
        assert part is not None
        assert isinstance(part.core, PairCore)
        return part.core

    def start(self) -> None:
        """Start a process on what the disk holds."""
        journal = self.pair.journal
        recovered = Recovered()
        if journal is not None:
            recovered = recover(self.disk.files(), self.disk.read, journal.segment_bytes)
        self.node = PairNode(self.settings, PairCores(), recovered, journal, entropy=self.rng.randbytes)
        self.listening = True
        self.halted = None
        self.jobs.clear()
        self.perform(self.node.begin(self.pair.now))

    def kill(self) -> None:
        """SIGKILL: connections are reset, nothing listens."""
        self.node = None
        self.listening = False
        self.jobs.clear()
        self.arrived.clear()
        self.door = Door.CLOSED
        for wire in [each for each in self.pair.wires if self.name in each.queues]:
            self.pair.break_wire(wire, by=self.name)

    def client(self, word: bytes) -> None:
        """A client says something."""
        node = self.up
        if not node.serving:
            return
        link = node.epoch << 32 | 1
        if link not in self.core.links:
            node.new_link()
            self.perform(node.step(self.pair.now, LinkOpened(link, "client")))
        self.perform(node.step(self.pair.now, BytesReceived(link, word)))

    def perform(self, orders: Iterable[Order]) -> None:
        for order in orders:
            match order:
                case SendBytes(_, data):
                    self.shown.append(data)
                case CloseLink():
                    pass
                case Log(_, text):
                    self.logs.append(text)
                case DiskJob():
                    self.jobs.append(order)
                case Halt(reason):
                    self.halted = reason
                    self.kill()
                    return
                case DialPeer(conn):
                    self.pair.dials.append((self, conn))
                case SendPeer(conn, data):
                    self.pair.write(self.name, conn, data)
                case ClosePeer(conn):
                    self.pair.hang_up(self.name, conn)
                case SetDoor(door, _):
                    self.door = door
                case DropLinks():
                    self.dropped += 1
                case _:
                    assert_never(order)

    @staticmethod
    def said(link: int, data: bytes) -> BytesReceived:
        """An input of a client."""
        return BytesReceived(link, data)

    def order(self, name: str) -> None:
        """An operator's command."""
        self.up.command(self.pair.now, 0, Command(name, {}))
        self.perform(self.up.wake(self.pair.now))

    def has(self, text: str) -> bool:
        """Whether it was logged."""
        return any(text in line for line in self.logs)

    def do_job(self) -> None:
        job = self.jobs.popleft()
        try:
            data = self.disk.perform(job)
        except DiskFull:
            self.perform(self.up.disk_full(self.pair.now, job.ticket))
        except DiskFailure as failure:
            self.perform(self.up.disk_failed(self.pair.now, str(failure)))
        else:
            self.perform(self.up.disk_done(self.pair.now, job.ticket, data))


class Pair:
    """Both, and what is between them."""

    def __init__(self, journal: JournalSettings | None = SMALL, **settings: Any) -> None:
        self.now = START
        self.journal = journal
        self.wires: list[Wire] = []
        self.dials: deque[tuple[Side, int]] = deque()
        self.silent: set[str] = set()  # nothing reaches these
        self.a = Side(self, "a", **settings)
        self.b = Side(self, "b", **settings)
        self.sides = [self.a, self.b]
        self.dialled = {"a": "b", "b": "a", "c": "a"}  # where each node takes its peer to be

    @classmethod
    def in_step(cls, **settings: Any) -> Pair:
        """A healthy pair: a serves, b has its place."""
        pair = cls(**settings)
        pair.a.start()
        pair.b.start()
        pair.sleep(3000)
        assert (pair.a.role, pair.b.role) == ("primary", "backup"), (pair.a.logs, pair.b.logs)
        return pair

    def third(self) -> Side:
        """Another node, which takes the primary for its peer."""
        side = Side(self, "c")
        self.sides.append(side)
        side.start()
        return side

    def other(self, name: str) -> Side:
        return self.side(self.dialled[name])

    def side(self, name: str) -> Side:
        (one,) = (side for side in self.sides if side.name == name)
        return one

    @property
    def primary(self) -> Side:
        (one,) = (side for side in (self.a, self.b) if side.role == "primary")
        return one

    @property
    def confirmed(self) -> list[bytes]:
        """What clients were told is kept."""
        return [
            data[5:] for data in (*self.a.shown, *self.b.shown) if data.startswith(b"kept ")
        ]  # of one word each, so in any order

    def say(self, *words: bytes) -> None:
        """A client of the primary has words kept."""
        for word in words:
            self.primary.client(b"keep " + word)
        self.pump()

    def heal(self, patience: int = 30_000) -> None:
        """
        All faults end. One serves, the other is in step, both have what was ever confirmed, each once, and their cores asked for
        the same.
        """
        self.silent.clear()
        for side in (self.a, self.b):
            side.reads, side.disk_holds = True, False
            if side.node is None:
                side.start()
        self.until(lambda: sorted((self.a.role, self.b.role)) == ["backup", "primary"], patience)
        self.sleep(300)
        words = self.a.core.words
        assert words == self.b.core.words
        assert self.a.core.effects_digest == self.b.core.effects_digest
        assert sorted(set(self.confirmed) & set(words)) == sorted(self.confirmed), (self.confirmed, words)
        assert len(set(words)) == len(words)

    # -- the network

    def write(self, name: str, conn: int, data: bytes) -> None:
        for wire in self.wires:
            if wire.ends.get(name) == conn:
                wire.towards_other(name).append(data)

    def hang_up(self, name: str, conn: int) -> None:
        for wire in self.wires:
            if wire.ends.get(name) == conn:
                del wire.ends[name]
                wire.towards_other(name).append(None)

    def break_wire(self, wire: Wire, by: str | None = None) -> None:
        """A reset: what was on its way from who died still arrives, else nothing; both ends notice."""
        for name in wire.queues:
            if name == by:
                wire.ends.pop(name, None)
            else:
                if by is None:
                    wire.queues[name].clear()
                wire.queues[name].append(None)

    def reset(self) -> None:
        """All connections between the nodes break."""
        for wire in list(self.wires):
            self.break_wire(wire)

    def _dial(self, side: Side, conn: int) -> None:
        target = self.other(side.name)
        if side.node is None or target.name in self.silent or side.name in self.silent:
            return  # a dial into the void
        if not target.listening:
            side.perform(side.node.peer_refused(self.now, conn))
            return
        target.accepted += 2
        names = sorted((side.name, target.name))
        wire = Wire({side.name: conn, target.name: target.accepted}, {name: deque() for name in names})
        self.wires.append(wire)
        side.perform(side.node.peer_connected(self.now, conn, loopback=True))
        target.arrived.append(target.accepted)

    # -- time

    def pump(self, limit: int = 100_000) -> None:
        """Let everything happen that can happen now."""
        for _ in range(limit):
            if not self._one():
                return
        raise AssertionError("this never ends")

    def unread(self, name: str) -> int:
        """Bytes on their way to a node."""
        queues = [wire.queues[name] for wire in self.wires if name in wire.queues]
        return sum(len(data) for queue in queues for data in queue if data is not None)

    def _one(self, only: Side | None = None) -> bool:
        if self.dials:
            self._dial(*self.dials.popleft())
            return True
        for side in self.sides if only is None else (only,):
            if side.node is None or not side.reads:
                continue
            if side.jobs and not side.disk_holds:
                side.do_job()
                return True
            if side.arrived:
                side.perform(side.node.peer_accepted(self.now, side.arrived.popleft(), True))
                return True
            if side.name not in self.silent and self._deliver(side):
                return True
            if side.node.pending:
                side.perform(side.node.run(self.now, 10))
                return True
            due = side.node.next_timeout()
            if due is not None and due <= self.now:
                side.perform(side.node.wake(self.now))
                return True
        return False

    def _deliver(self, side: Side) -> bool:
        for wire in self.wires:
            queue = wire.queues.get(side.name)
            if not queue:
                continue
            data = queue.popleft()
            conn = wire.ends.get(side.name)
            if data is None:
                wire.ends.pop(side.name, None)
                if not wire.ends:
                    self.wires.remove(wire)
                if conn is not None:
                    side.perform(side.up.peer_closed(self.now, conn))
            elif conn is not None:
                side.perform(side.up.peer_data(self.now, conn, data))
            return True
        return False

    def sleep(self, milliseconds: int) -> None:
        """Let time pass; each node is woken when it wants to be."""
        end = self.now + milliseconds
        self.pump()
        while True:
            times = [s.node.next_timeout() for s in self.sides if s.node is not None]
            due = min((time for time in times if time is not None), default=end)
            self.now = min(end, max(due, self.now + 1))
            self.pump()
            if self.now >= end:
                return

    def halt_at(self, condition: Callable[[], bool], patience: int = 60_000) -> None:
        """Let things happen one by one until something is so, and stop in the middle of it."""
        end = self.now + patience
        while not condition():
            if not self._one():
                self.now += 1
                assert self.now < end, (self.a.role, self.b.role, self.a.logs, self.b.logs)

    def until(self, condition: Callable[[], bool], patience: int = 60_000) -> int:
        """Sleep until something is so. Returns how long it took."""
        begun = self.now
        while not condition():
            assert self.now - begun < patience, (self.a.role, self.b.role, self.a.logs, self.b.logs)
            self.sleep(1)
        return self.now - begun


MODES = list(GateMode)
