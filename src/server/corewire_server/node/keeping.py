"""
The journal as a node uses it: jobs one at a time, the gate told how far the disk is, the mark, and folders set aside.

Without a journal (``settings`` is None) nothing is kept, and all that would be written counts as written at once.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from corewire_server.journal.actions import Action, DiskJob, DropAside, SetAside
from corewire_server.journal.format import FOLDER_BYTES, SEED_BYTES
from corewire_server.journal.recovery import Recovered
from corewire_server.journal.writer import Writer
from corewire_server.node.gate import OPEN

if TYPE_CHECKING:
    from collections.abc import Callable

    from corewire_server.journal.writer import JournalSettings
    from corewire_server.node.gate import Gate
    from corewire_server.records import Mark, Record

BACKLOG_BYTES_MAX: Final = 16 * 1024 * 1024
"""Records that wait for the disk: beyond it, and until half of it, nobody should be read."""

LEISURE_MS: Final = 10
LEISURE_BYTES_MAX: Final = 64 * 1024
"""
Records that nothing held depends on, as those of acknowledgements that ask no answer, may wait so long, and may be so many:
what comes meanwhile shares their sync, and does not have to wait for it first.
"""


class Keeper:
    """One data folder while its node runs."""

    def __init__(
        self,
        recovered: Recovered,
        settings: JournalSettings | None,
        gate: Gate,
        entropy: Callable[[int], bytes],
    ) -> None:
        self.folder = recovered.folder or entropy(FOLDER_BYTES)
        self.seed = recovered.seed or entropy(SEED_BYTES)
        self.mark_on_disk = recovered.mark
        self.mark_wanted = recovered.mark
        self.congested = False  # too much waits for the disk
        self._recovered = recovered
        self._settings = settings
        self._gate = gate
        self._entropy = entropy
        self._writer: Writer | None = None
        self._chores: deque[tuple[Action, ...]] = deque()  # before anything of the writer
        self._ticket = 0
        self._out: int | None = None  # the job that is out: the writer's ticket; 0: a chore
        self._out_of: Writer | None = None  # whose job that is
        self._leisure_until: int | None = None  # records wait that nobody waits for
        self._urgent = False
        self._untidy = False  # what was read may not be on the medium yet
        self._below = OPEN  # records of steps below are on disk

    # -- what a node asks

    @property
    def settled(self) -> bool:
        """Whether the newest mark is on disk, and what was read is as well."""
        return self.mark_on_disk == self.mark_wanted and not self._untidy

    @property
    def began(self) -> bool:
        """Whether this node has begun to write."""
        return self._writer is not None

    @property
    def idle(self) -> bool:
        """Whether nothing waits for the disk."""
        waits = self._writer is not None and self._writer.first_waiting() is not None
        return self._out is None and not self._chores and not waits

    @property
    def full(self) -> bool:
        """Whether the disk has no room for another segment."""
        return self._writer is not None and self._writer.full_until is not None

    @property
    def backlog_bytes(self) -> int:
        """Records that wait for the disk."""
        return 0 if self._writer is None else self._writer.backlog_bytes

    def has(self, step: int) -> bool:
        """Whether all records of steps up to ``step`` are on disk."""
        return step < self._below

    def next_timeout(self) -> int | None:
        """When ``next_job`` should be asked again, on the node's own clock."""
        if self._writer is None or self._out is not None:
            return None
        times = (self._writer.full_until, self._leisure_until)
        return min((time for time in times if time is not None), default=None)

    # -- what is to be written

    def tidy(self) -> None:
        """Have what was read after a crash put on the medium, while nothing is written yet."""
        cleanup = self._recovered.cleanup
        if cleanup and self._settings is not None:
            self._chores.append(tuple(cleanup))
            self._untidy = True
        cleanup.clear()

    def begin(self, now: int, step: int, mark: Mark, *, roll_back: bool) -> None:
        """Begin to write behind what was recovered. ``now``: of the inputs; ``roll_back``: transactions that nobody will commit."""
        self.mark_wanted = mark
        if self._settings is None:
            self.mark_on_disk = mark
            return
        self._make_writer(self._recovered, mark)
        assert self._writer is not None
        self._writer.begin(now, step, self._recovered.dangling if roll_back else [])
        self._gate.shut(step)
        self._urgent = True

    def begin_anew(self, now: int, step: int, mark: Mark, seed: bytes, aside: str) -> None:
        """Set all that is there aside, under a new name, and begin to write in the empty folder. ``aside``: "": it is empty."""
        self.seed = seed
        self.mark_wanted = mark
        if self._settings is None:
            self.mark_on_disk = mark
            return
        if aside:
            self._recovered = Recovered()
            self._chores.append((SetAside(aside),))
            self.mark_on_disk = None
        self._make_writer(self._recovered, mark)
        assert self._writer is not None
        self._gate.open(OPEN)
        self._below = step
        self._writer.begin(now, step, [])
        self._urgent = True

    def _make_writer(self, recovered: Recovered, mark: Mark) -> None:
        assert self._settings is not None
        salt = int.from_bytes(self._entropy(4))
        self._writer = Writer(recovered, self._settings, salt=salt, seed=self.seed, folder=self.folder, mark=mark)

    def append(self, step: int, records: tuple[Record, ...], time: int, now: int) -> None:
        """Keep records of a step. ``time``: of its input; ``now``: the node's own."""
        if self._writer is not None:
            self._writer.append(step, records, time)
            self._gate.shut(step)
            self._below = min(self._below, step)
            if self._leisure_until is None:
                self._leisure_until = now + LEISURE_MS

    def mark(self, step: int, mark: Mark, time: int) -> None:
        """Write a new mark behind all that was appended."""
        self.mark_wanted = mark
        if self._writer is None:
            self.mark_on_disk = mark
            return
        self._writer.mark(step, mark, time)
        self._gate.shut(step)
        self._urgent = True

    def end(self, step: int, time: int) -> None:
        """Have the orderly stop written down."""
        if self._writer is not None:
            self._writer.end(step, time)
            self._gate.shut(step)
            self._urgent = True

    def drop_aside(self, name: str) -> None:
        """Remove what was set aside under ``name``."""
        if self._settings is not None:
            self._chores.append((DropAside(name),))

    # -- jobs

    def next_job(self, now: int) -> list[DiskJob]:
        """The next job, if none is out and something is to be done."""
        if self._out is not None or self._settings is None:
            return []
        if self._chores:
            return [self._job(None, 0, self._chores.popleft())]
        writer = self._writer
        if writer is None:
            return []
        write = not self._at_leisure(now, writer)
        job = writer.next_job(now, write=write)
        if write:
            self._leisure_until = None
            self._urgent = False
        limit = BACKLOG_BYTES_MAX // 2 if self.congested else BACKLOG_BYTES_MAX
        self.congested = writer.backlog_bytes > limit
        return [] if job is None else [self._job(writer, job.ticket, job.actions)]

    def _job(self, writer: Writer | None, out: int, actions: tuple[Action, ...]) -> DiskJob:
        self._out, self._out_of = out, writer
        self._ticket += 1
        return DiskJob(self._ticket, actions)

    def _at_leisure(self, now: int, writer: Writer) -> bool:
        """Whether what waits for the disk may wait a little longer."""
        until = self._leisure_until
        few = writer.backlog_bytes <= LEISURE_BYTES_MAX
        return until is not None and now < until and few and self._gate.empty and not self._urgent

    def at_leisure(self, now: int) -> bool:
        """Whether what waits for the disk may wait a little longer, so that ``next_job`` need not be asked."""
        return self._writer is None or self._at_leisure(now, self._writer)

    def done(self, ticket: int, data: bytes) -> None:
        """All of a job was done; the gate knows. Raises JournalDamaged if what was read again is not what was written."""
        assert ticket == self._ticket
        out, self._out = self._out, None
        writer = self._writer
        if out == 0:
            self._untidy = False  # the first chore of all
        if not out or writer is None or writer is not self._out_of:  # a chore, or of a journal that was given up since
            return
        writer.done(out, data)
        if writer.mark_on_disk is not None:
            self.mark_on_disk = writer.mark_on_disk
        waiting = writer.first_waiting()
        self._below = OPEN if waiting is None else waiting
        self._gate.open(self._below)

    def no_room(self, ticket: int, now: int) -> None:
        """The Fill of a job found no room."""
        assert ticket == self._ticket
        out, self._out = self._out, None
        if out and self._writer is not None and self._writer is self._out_of:
            self._writer.no_room(out, now)
