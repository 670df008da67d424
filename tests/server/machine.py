"""A node on the simulator's disk, without asyncio; and a core that appends what a script says."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from corewire_server.core.effects import Append, SendBytes
from corewire_server.core.inputs import BytesReceived, RoomChanged, Stopping
from corewire_server.journal.actions import DiskJob
from corewire_server.journal.recovery import recover
from corewire_server.journal.writer import JournalSettings, Writer
from corewire_server.node.node import Node
from corewire_server.node.orders import Halt
from corewire_server.records import Mark, Op, Record, Standing
from corewire_server.simulator.disk import Disk, DiskFailure, DiskFull

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from random import Random

    from corewire_server.core.effects import Effect
    from corewire_server.core.inputs import Input
    from corewire_server.node.orders import Order

LINK = 1 << 32 | 1
SEED = b"0123456789abcdef"
FOLDER = b"the data folder."
Script = list[tuple[Record, ...]]


class ScriptCore:
    """Step n appends the n-th entry of the script and answers n."""

    node_id = "a node"
    pledged_bytes = 0

    def __init__(self, script: Sequence[tuple[Record, ...]]) -> None:
        self.script = script
        self.kept: list[Record] = []
        self.number = 0
        self.room: list[bool] = []
        self.quiet = False  # steps append and show nothing, as an acknowledgement that asks no answer

    def next_timeout(self) -> int | None:
        return None

    def recover(self, records: Iterable[Record]) -> None:
        self.kept = list(records)

    def step(self, now: int, item: Input) -> list[Effect]:
        match item:
            case BytesReceived(link, _):
                records = self.script[self.number]
                self.number += 1
                answer = SendBytes(link, b"%d" % self.number)
                if self.quiet:
                    return [Append(records)]
                return [Append(records), answer] if records else [answer]
            case RoomChanged(room):
                self.room.append(room)
            case Stopping():
                return [SendBytes(LINK, b"bye")]
            case _:
                pass
        return []


class Machine:
    """Drives one node. Jobs are done at once, or, while ``slow``, when ``disk_turn`` is called."""

    def __init__(
        self, disk: Disk, script: Sequence[tuple[Record, ...]], settings: JournalSettings, *, salt: int = 7
    ) -> None:
        self.disk = disk
        self.core = ScriptCore(script)
        self.sent: list[int] = []
        self.other: list[bytes] = []
        self.logs: list[str] = []
        self.halted: str | None = None
        self.now = 1_000
        self.slow = False
        self.turning = False
        self.jobs: deque[DiskJob] = deque()
        self.recovered = recover(disk.files(), disk.read, settings.segment_bytes)
        epoch = 1 if self.recovered.mark is None else self.recovered.mark.epoch + 1
        mark = Mark(Standing.ALONE, epoch, 0)
        self.writer = Writer(self.recovered, settings, salt=salt, seed=SEED, folder=FOLDER, mark=mark)
        self.node = Node(self.core, self.writer)
        self.perform(self.node.begin(self.now, self.recovered))

    def perform(self, orders: Iterable[Order]) -> None:
        for order in orders:
            match order:
                case DiskJob():
                    self.jobs.append(order)
                    assert len(self.jobs) == 1, "one job at a time"
                case SendBytes(_, data):
                    (self.sent.append(int(data)) if data.isdigit() else self.other.append(data))
                case Halt(reason):
                    self.halted = reason
                case _:
                    self.logs.append(str(order))
        if self.turning:
            return
        self.turning = True
        try:
            while self.jobs and not self.slow:
                self.disk_turn()
        finally:
            self.turning = False

    def disk_turn(self) -> None:
        job = self.jobs.popleft()
        try:
            data = self.disk.perform(job)
        except DiskFull:
            orders = self.node.disk_full(self.now, job.ticket)
        except DiskFailure as failure:
            orders = self.node.disk_failed(self.now, str(failure))
        else:
            orders = self.node.disk_done(self.now, job.ticket, data)
        self.perform(orders)

    def feed(self) -> None:
        self.now += 1
        self.perform(self.node.step(self.now, BytesReceived(LINK, b"next")))

    def run(self, steps: int) -> None:
        for _ in range(steps):
            if self.halted is None:
                self.feed()


def small(
    segment_bytes: int = 4096, *, compact: int = 3, percent: int = 60, slice_bytes: int | None = None
) -> JournalSettings:
    """A journal so small that everything happens often."""
    return JournalSettings(
        segment_bytes=segment_bytes,
        compact_min_segments=compact,
        compact_percent=percent,
        compact_slice_bytes=slice_bytes or segment_bytes // 8,
    )


# -- what a journal must give back, said in another way


def live_after(script: Iterable[tuple[Record, ...]], *, restarted: bool = True) -> list[Record]:
    """The live records after a script, in order. A restart drops transactions that are not prepared."""
    order: dict[int, Record] = {}  # by ordinal
    of_id: dict[int, list[int]] = {}
    of_tx: dict[int, list[int]] = {}
    raw: dict[int, Record] = {}

    def apply(ordinal: int, record: Record) -> None:
        if record.op == Op.DELETE:
            for gone in of_id.pop(record.id, []):
                del order[gone]
        elif record.op == Op.ADD or record.id in of_id:
            order[ordinal] = record._replace(tx=0)
            of_id.setdefault(record.id, []).append(ordinal)

    for ordinal, record in enumerate(record for step in script for record in step):
        if record.tx or record.op == Op.PREPARE:
            raw[ordinal] = record
            of_tx.setdefault(record.tx or record.id, []).append(ordinal)
        elif record.op in (Op.COMMIT, Op.ROLLBACK):
            for held in of_tx.pop(record.id, []):
                if record.op == Op.COMMIT and raw[held].op != Op.PREPARE:
                    apply(held, raw[held])
        else:
            apply(ordinal, record)
    for ordinals in of_tx.values():
        if not restarted or any(raw[one].op == Op.PREPARE for one in ordinals):
            order.update({one: raw[one] for one in ordinals})
    return [order[ordinal] for ordinal in sorted(order)]


def random_script(rng: Random, steps: int, *, body_bytes: int = 60, keep: float = 0.35) -> Script:
    """A history as a broker makes it: things come and go, some in transactions, a few stay for long."""
    script: Script = []
    ids, txs = iter(range(1, 1 << 30)), iter(range(1 << 40, 1 << 41))
    live: list[int] = []
    doing: dict[int, list[int]] = {}  # open transaction -> ids it would delete
    prepared: set[int] = set()

    def body() -> bytes:
        return rng.randbytes(rng.randrange(body_bytes))

    for _ in range(steps):
        records: list[Record] = []
        for _ in range(rng.choice((0, 1, 1, 1, 2, 5))):
            choice = rng.random()
            tx = rng.choice([0, 0, *(tx for tx in doing if tx not in prepared)])
            if choice < 0.45 or not live:
                record_id = next(ids)
                records.append(Record(Op.ADD, record_id, rng.randrange(9), body(), tx))
                if not tx:
                    live.append(record_id)
                else:
                    doing[tx].append(-record_id)
            elif choice < 0.55:
                records.append(Record(Op.UPDATE, rng.choice(live), 9, body(), tx))
            elif choice < 0.85:
                if rng.random() < keep and len(live) < 40:
                    continue
                record_id = live.pop(rng.randrange(len(live)))
                records.append(Record(Op.DELETE, record_id, tx=tx))
                if tx:
                    doing[tx].append(record_id)
            elif choice < 0.92 or not doing:
                doing[next(txs)] = []
            else:
                done = rng.choice(list(doing))
                fate = rng.random()
                if fate < 0.3 and done not in prepared:
                    prepared.add(done)
                    records.append(Record(Op.PREPARE, done, 0, body()))
                    continue
                committed = fate < 0.8
                records.append(Record(Op.COMMIT if committed else Op.ROLLBACK, done))
                live += [abs(one) for one in doing.pop(done) if (one > 0) != committed]
                prepared.discard(done)
        script.append(tuple(records))
    return script
