"""
A data folder as a node with a peer uses it: the mark, which is on disk before it is said, and journals set aside for new ones.

Without a journal (``settings`` is None) nothing is kept, and all that would be written counts as written at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire_server.journal.actions import ASIDE_PREFIX, DropAside, SetAside
from corewire_server.journal.format import FOLDER_BYTES, SEED_BYTES
from corewire_server.journal.recovery import Recovered
from corewire_server.journal.writer import Writer
from corewire_server.node.desk import Desk
from corewire_server.node.gate import OPEN

if TYPE_CHECKING:
    from collections.abc import Callable

    from corewire_server.journal.writer import JournalSettings
    from corewire_server.node.gate import Gate
    from corewire_server.records import Mark


class Keeper(Desk):
    """One data folder while its node runs."""

    def __init__(
        self, recovered: Recovered, settings: JournalSettings | None, gate: Gate, entropy: Callable[[int], bytes]
    ) -> None:
        super().__init__(gate)
        self.folder = recovered.folder or entropy(FOLDER_BYTES)
        self.seed = recovered.seed or entropy(SEED_BYTES)
        self.mark_on_disk = recovered.mark
        self.mark_wanted = recovered.mark
        self._recovered = recovered
        self._settings = settings
        self._entropy = entropy
        self._untidy = False  # what was read may not be on the medium yet

    @property
    def settled(self) -> bool:
        """Whether the newest mark is on disk, and what was read is as well."""
        return self.mark_on_disk == self.mark_wanted and not self._untidy

    @property
    def began(self) -> bool:
        """Whether this node has begun to write."""
        return self.writer is not None

    def tidy(self) -> None:
        """Have what was read after a crash put on the medium, while nothing is written yet."""
        cleanup = self._recovered.cleanup
        if cleanup and self._settings is not None:
            self._chores.append(tuple(cleanup))
            self._untidy = True
        cleanup.clear()

    def begin(self, time: int, step: int, mark: Mark, *, roll_back: bool) -> None:
        """Begin to write behind what was recovered. ``time``: of the inputs; ``roll_back``: transactions that nobody will commit."""
        if self._make_writer(mark) is not None:
            self._begin(time, step, self._recovered.dangling if roll_back else [])

    def begin_anew(self, time: int, step: int, mark: Mark, seed: bytes, aside: str) -> None:
        """Set all that is there aside, under a new name, and begin to write in the empty folder. ``aside``: "": it is empty."""
        self.seed = seed
        if aside and self._settings is not None:
            self._recovered = Recovered()
            self._chores.append((SetAside(aside),))
            self.mark_on_disk = None
        if self._make_writer(mark) is not None:
            self._gate.open(OPEN)
            self._below = step
            self._begin(time, step, [])

    def _make_writer(self, mark: Mark) -> Writer | None:
        self.mark_wanted = mark
        if self._settings is None:
            self.mark_on_disk = mark
            return None
        salt, names = int.from_bytes(self._entropy(4)), {"seed": self.seed, "folder": self.folder}
        self.writer = Writer(self._recovered, self._settings, salt=salt, mark=mark, **names)
        return self.writer

    def _begin(self, time: int, step: int, dangling: list[int]) -> None:
        assert self.writer is not None
        self.writer.begin(time, step, dangling)
        self.hurry(step)

    def mark(self, step: int, mark: Mark, time: int) -> None:
        """Write a new mark behind all that was appended."""
        self.mark_wanted = mark
        if self.writer is None:
            self.mark_on_disk = mark
            return
        self.writer.mark(step, mark, time)
        self.hurry(step)

    def name_aside(self, now: int) -> str:
        """A name that is free, sorted by time. A node may join more than once in a millisecond."""
        return f"{ASIDE_PREFIX}{now}-{self._entropy(4).hex()}"

    def drop_aside(self, name: str) -> None:
        """Remove what was set aside under ``name``."""
        if self._settings is not None:
            self._chores.append((DropAside(name),))

    def done(self, ticket: int, data: bytes) -> None:
        """All of a job was done. Raises JournalDamaged if what was read again is not what was written."""
        writer = self.writer
        self._untidy = self._untidy and self._out != 0  # the first chore of all has done that
        own = writer is not None and writer is self._out_of and bool(self._out)
        super().done(ticket, data)
        if own and writer is not None and writer.mark_on_disk is not None:
            self.mark_on_disk = writer.mark_on_disk
