"""A real broker core behind node and gate, on the simulator's disk; its client is that of ``helpers``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.server.helpers import World

from corewire_server.core import Broker
from corewire_server.core.effects import CloseLink, Log, SendBytes
from corewire_server.core.inputs import Timeout
from corewire_server.journal.actions import DiskJob
from corewire_server.journal.recovery import recover
from corewire_server.journal.writer import JournalSettings, Writer
from corewire_server.node.node import Node
from corewire_server.node.orders import Halt
from corewire_server.records import Mark, Standing
from corewire_server.simulator.disk import DiskFull

if TYPE_CHECKING:
    from collections.abc import Iterable

    from corewire_server.core import CoreConfig
    from corewire_server.core.effects import Effect
    from corewire_server.core.inputs import Input
    from corewire_server.node.orders import Order
    from corewire_server.simulator.disk import Disk


class DiskWorld(World):
    """Time moves with each step, so that nothing waits for a share of somebody else's sync."""

    def __init__(self, disk: Disk, settings: JournalSettings, config: CoreConfig | None = None) -> None:
        super().__init__(config)
        self.disk = disk
        self.halted: str | None = None
        self.jobs: list[DiskJob] = []
        self.turning = False
        self.broker = Broker(self.config)
        recovered = recover(disk.files(), disk.read, settings.segment_bytes)
        mark = Mark(Standing.ALONE, 1, 0)
        writer = Writer(recovered, settings, salt=7, seed=bytes(16), folder=bytes(16), mark=mark)
        self.node = Node(self.broker, writer)
        self.perform(self.node.begin(self.now, recovered))

    def step(self, item: Input) -> list[Effect]:
        self.now += 20
        self.perform(self.node.wake(self.now) if isinstance(item, Timeout) else self.node.step(self.now, item))
        return []

    def perform(self, orders: Iterable[Order]) -> None:
        for order in orders:
            match order:
                case SendBytes(link, data):
                    self.clients[link].take(data)
                case CloseLink(link):
                    self.closed.append(link)
                case Log():
                    self.logs.append(order)
                case Halt(reason):
                    self.halted = reason
                case DiskJob():
                    self.jobs.append(order)
                case _:
                    raise AssertionError(order)
        while self.jobs and not self.turning:
            self.turning = True
            job = self.jobs.pop()
            try:
                data = self.disk.perform(job)
            except DiskFull:
                answer = self.node.disk_full(self.now, job.ticket)
            else:
                answer = self.node.disk_done(self.now, job.ticket, data)
            finally:
                self.turning = False
            self.perform(answer)
