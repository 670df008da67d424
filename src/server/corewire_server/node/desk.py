"""
The jobs of one journal: one at a time, and the gate told how far the disk is.

What nothing held depends on may wait a little; a mark and the orderly end may not. Without a writer nothing is kept, and nothing
is to be done.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from corewire_server.core.effects import Log
from corewire_server.journal.actions import Action, DiskJob
from corewire_server.node.gate import OPEN

if TYPE_CHECKING:
    from corewire_server.journal.writer import Writer
    from corewire_server.node.gate import Gate
    from corewire_server.node.orders import Order
    from corewire_server.records import Record

BACKLOG_BYTES_MAX: Final = 16 * 1024 * 1024
"""Records that wait for the disk: beyond it, and until half of it, nobody should be read."""

LEISURE_MS: Final = 10
LEISURE_BYTES_MAX: Final = 64 * 1024
"""
Records that nothing held depends on, as those of acknowledgements that ask no answer, may wait so long, and may be so many:
what comes meanwhile shares their sync, and does not have to wait for it first.
"""

FOLLOWER_LEISURE_MS: Final = 20
FOLLOWER_LEISURE_BYTES_MAX: Final = 256 * 1024
"""The same for a node that follows: nobody ever waits for its disk, only for what it has received. Marks wait nowhere."""


def sooner(one: int | None, other: int | None) -> int | None:
    """The earlier one of two deadlines; None: never."""
    return other if one is None or (other is not None and other < one) else one


def room_log(*, full: bool) -> Log:
    """For people: what the disk has come to."""
    if full:
        return Log("error", "no room for the journal: sends are refused until there is")
    return Log("info", "there is room for the journal again")


class Desk:
    """Between a node and its journal."""

    def __init__(self, gate: Gate, writer: Writer | None = None) -> None:
        self.writer: Writer | None = writer
        self._behind = False  # too much waits for the disk
        self.follows = False  # whether this is the journal of a node that shows nothing
        self._gate = gate
        self._chores: deque[tuple[Action, ...]] = deque()  # before anything of the writer
        self._ticket = 0
        self._out: int | None = None  # the job that is out: the writer's ticket; 0: a chore
        self._out_of: Writer | None = None  # whose job that is
        self._below = OPEN  # records of steps below are on disk
        self._leisure_until: int | None = None  # records wait that nobody waits for
        self._urgent = False

    # -- what a node asks

    @property
    def idle(self) -> bool:
        """Whether nothing waits for the disk."""
        waits = self.writer is not None and self.writer.first_waiting() is not None
        return self._out is None and not self._chores and not waits

    @property
    def congested(self) -> bool:
        """Whether so much waits for the disk, or for the gate, that nobody should be read."""
        return self._behind or self._gate.crowded

    @property
    def full(self) -> bool:
        """Whether the disk has no room for another segment."""
        return self.writer is not None and self.writer.full_until is not None

    @property
    def backlog_bytes(self) -> int:
        """Records that wait for the disk."""
        return 0 if self.writer is None else self.writer.backlog_bytes

    def has(self, step: int) -> bool:
        """Whether all records of steps up to ``step`` are on disk."""
        return step < self._below

    def next_timeout(self) -> int | None:
        """When ``next_job`` should be asked again, on the node's own clock."""
        if self.writer is None or self._out is not None:
            return None
        return sooner(self.writer.retry_at, self._leisure_until)

    # -- what is to be written

    def append(self, step: int, records: tuple[Record, ...], time: int, now: int) -> None:
        """Keep records of a step. ``time``: of its input; ``now``: the node's own."""
        if self.writer is not None:
            self.writer.append(step, records, time)
            self._gate.shut(step)
            if step < self._below:
                self._below = step
            if self._leisure_until is None:
                self._leisure_until = now + (FOLLOWER_LEISURE_MS if self.follows else LEISURE_MS)
            if self.writer.backlog_bytes > BACKLOG_BYTES_MAX or self._short(self.writer):
                self._behind = True

    def pledge(self, size: int) -> None:
        """
        The core has promised to keep so much more (``Broker.pledged_bytes``), and can refuse none of it.

        To be said at each change: reading stops as long as the journal has not as much room.
        """
        writer = self.writer
        if writer is None or writer.pledged_bytes == size:
            return
        writer.pledge(size)
        self._urgent = self._urgent or writer.lacks_spares
        self._weigh(writer)

    def hurry(self, step: int) -> None:
        """Something was given to the writer that must not wait: nothing from ``step`` on leaves before it is on disk."""
        self._gate.shut(step)
        self._urgent = True

    def end(self, step: int, time: int) -> None:
        """Have the orderly stop written down."""
        if self.writer is not None:
            self.writer.end(step, time)
            self.hurry(step)

    # -- jobs

    def due(self, now: int) -> bool:
        """Whether there is more to be done than what an answer of the disk starts anyway."""
        if self._out is not None:
            return False
        if self._chores or self._urgent:
            return True
        retry_at = None if self.writer is None else self.writer.retry_at
        if retry_at is not None and now >= retry_at:
            return True
        return self._leisure_until is not None and not self.at_leisure(now)

    def next_job(self, now: int) -> list[Order]:
        """The next job, if none is out and something is to be done."""
        writer, job = self.writer, None
        if self._out is None and self._chores:
            return [self._job(None, 0, self._chores.popleft())]
        if writer is None:
            return []
        if self._out is None:
            write = not self.at_leisure(now)
            job = writer.next_job(now, write=write)
            if write:
                self._leisure_until = None
                self._urgent = False
        self._weigh(writer)
        return [] if job is None else [self._job(writer, job.ticket, job.actions)]

    def _weigh(self, writer: Writer) -> None:
        limit = BACKLOG_BYTES_MAX // 2 if self._behind else BACKLOG_BYTES_MAX
        self._behind = writer.backlog_bytes > limit or self._short(writer)

    def _short(self, writer: Writer) -> bool:
        return writer.short and not self.follows  # who follows accepts nothing

    def _job(self, writer: Writer | None, out: int, actions: tuple[Action, ...]) -> DiskJob:
        self._out, self._out_of = out, writer
        self._ticket += 1
        return DiskJob(self._ticket, actions)

    def at_leisure(self, now: int) -> bool:
        """Whether what waits for the disk may wait a little longer, so that ``next_job`` need not be asked."""
        writer, until = self.writer, self._leisure_until
        if writer is None:
            return not self._chores
        few = writer.backlog_bytes <= (FOLLOWER_LEISURE_BYTES_MAX if self.follows else LEISURE_BYTES_MAX)
        return until is not None and now < until and few and self._gate.empty and not self._urgent

    def done(self, ticket: int, data: bytes) -> None:
        """All of a job was done; the gate knows. Raises JournalDamaged if what was read again is not what was written."""
        assert ticket == self._ticket
        out, self._out = self._out, None
        writer = self.writer
        if not out or writer is None or writer is not self._out_of:  # a chore, or of a journal that was given up since
            return
        writer.done(out, data)
        waiting = writer.first_waiting()
        self._below = OPEN if waiting is None else waiting
        self._gate.open(self._below)

    def no_room(self, ticket: int, now: int) -> None:
        """The Fill of a job found no room."""
        assert ticket == self._ticket
        out, self._out = self._out, None
        if out and self.writer is not None and self.writer is self._out_of:
            self.writer.no_room(out, now)
