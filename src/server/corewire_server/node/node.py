"""
All that a broker decides around its core, without I/O: it numbers inputs, steps the core, says what to write, and lets out
what others can see when the disk has caught up with its cause. The runtime drives it with sockets and files, the simulator
with invented ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from corewire_server.core.effects import Append, Log
from corewire_server.core.inputs import RoomChanged, Timeout
from corewire_server.journal.format import JournalDamaged
from corewire_server.node.gate import OPEN, Gate
from corewire_server.node.orders import Halt

if TYPE_CHECKING:
    from collections.abc import Iterable

    from corewire_server.core.effects import Effect
    from corewire_server.core.inputs import Input
    from corewire_server.journal.recovery import Recovered
    from corewire_server.journal.writer import Writer
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


class Core(Protocol):
    """The broker core, as the node sees it (``core/broker.py``)."""

    @property
    def node_id(self) -> str:
        """The UUID of this broker, as clients see it."""
        ...

    def step(self, now: int, item: Input, /) -> list[Effect]:
        """One input in, its effects out."""
        ...

    def next_timeout(self) -> int | None:
        """Milliseconds since the epoch at which the core wants the Timeout input."""
        ...

    def recover(self, records: Iterable[Record], /) -> object:
        """Take the live records of the journal, in order, before the first step."""
        ...


class Node:
    """
    One node. Each call returns orders; the driver performs them in order and answers each DiskJob.

    Without a ``writer`` nothing is kept and nothing waits.
    """

    def __init__(self, core: Core, writer: Writer | None = None) -> None:
        self._core = core
        self._writer = writer
        self._gate = Gate()
        self._steps = 0
        self._job_out = False
        self._full = False
        self._halted = False
        self._leisure_until: int | None = None  # records wait that nobody waits for
        self.congested = False  # too much waits for the disk: read nobody

    # -- what the driver asks

    @property
    def idle(self) -> bool:
        """Whether nothing is held back and nothing waits for the disk."""
        return self._gate.empty and (
            self._writer is None or (not self._job_out and self._writer.first_waiting() is None)
        )

    def next_timeout(self) -> int | None:
        """Milliseconds since the epoch at which ``wake`` wants to be called."""
        due = self._core.next_timeout()
        if self._writer is None or self._job_out:
            return due
        times = (due, self._writer.full_until, self._leisure_until)
        return min((time for time in times if time is not None), default=None)

    # -- inputs

    def begin(self, now: int, recovered: Recovered) -> list[Order]:
        """Give the core what the journal kept, and begin the epoch. Before the first step; ``idle`` says when it is on disk."""
        assert self._writer is not None
        self._core.recover(recovered.records)
        self._steps = recovered.step
        self._gate.shut(self._steps)
        self._writer.begin(now, self._steps, recovered.dangling)
        return [*(Log("warning", text) for text in recovered.warnings), *self._next_job(now)]

    def step(self, now: int, item: Input) -> list[Order]:
        """Hand an input of the broker to the core. ``now``: milliseconds since the epoch, never less than before."""
        self._steps += 1
        orders: list[Order] = []
        visible: list[Order] = []
        kept = False
        for effect in self._core.step(now, item):
            if isinstance(effect, Append):
                if self._writer is not None:
                    self._writer.append(self._steps, effect.records, now)
                    kept = True
            elif isinstance(effect, Log):
                orders.append(effect)
            else:
                visible.append(effect)
        if kept:
            self._gate.shut(self._steps)
            if self._leisure_until is None:
                self._leisure_until = now + LEISURE_MS
        orders += self._gate.hold(self._steps, visible)
        if (kept or not self._gate.empty) and not self._at_leisure(now):
            orders += self._next_job(now)
        return orders

    def wake(self, now: int) -> list[Order]:
        """The time that ``next_timeout`` named has come: the core's Timeout, and a full disk is looked at again."""
        return [*self.step(now, Timeout()), *self._next_job(now)]

    def end(self, now: int) -> list[Order]:
        """After the last step of an orderly stop: have that written down. ``idle`` says when it is."""
        if self._writer is None:
            return []
        self._steps += 1
        self._gate.shut(self._steps)
        self._leisure_until = None
        self._writer.end(self._steps, now)
        return self._next_job(now)

    # -- what the disk answers

    def disk_done(self, now: int, ticket: int, data: bytes = b"") -> list[Order]:
        """All of a DiskJob was done; ``data`` is what it read."""
        assert self._writer is not None
        if self._halted:
            return []
        self._job_out = False
        try:
            self._writer.done(ticket, data)
        except JournalDamaged as damage:
            return self._halt(f"the journal is damaged: {damage}")
        waiting = self._writer.first_waiting()
        self._gate.open(OPEN if waiting is None else waiting)
        orders = self._gate.release()
        orders += self._next_job(now)
        orders += self._room_changed(now)
        return orders

    def disk_full(self, now: int, ticket: int) -> list[Order]:
        """The Fill of a DiskJob found no room. What was promised is safe; there is no room for more."""
        assert self._writer is not None
        if self._halted:
            return []
        self._job_out = False
        self._writer.no_room(ticket, now)
        return [*self._next_job(now), *self._room_changed(now)]

    def disk_failed(self, now: int, reason: str) -> list[Order]:
        """A DiskJob failed. Nothing that waits for it was shown to anybody, and nothing more will be."""
        return self._halt(f"the disk failed: {reason}")

    # -- inside

    def _halt(self, reason: str) -> list[Order]:
        if self._halted:
            return []
        self._halted = True
        return [Halt(reason)]

    def _next_job(self, now: int) -> list[Order]:
        if self._writer is None or self._halted:
            return []
        job = None
        if not self._job_out:
            write = not self._at_leisure(now)
            job = self._writer.next_job(now, write=write)
            self._job_out = job is not None
            if write:
                self._leisure_until = None
        limit = BACKLOG_BYTES_MAX // 2 if self.congested else BACKLOG_BYTES_MAX
        self.congested = self._writer.backlog_bytes > limit
        return [] if job is None else [job]

    def _at_leisure(self, now: int) -> bool:
        """Whether what waits for the disk may wait a little longer."""
        assert self._writer is not None
        until = self._leisure_until
        few = self._writer.backlog_bytes <= LEISURE_BYTES_MAX
        return until is not None and now < until and self._gate.empty and few

    def _room_changed(self, now: int) -> list[Order]:
        assert self._writer is not None
        full = self._writer.full_until is not None
        if full is self._full:
            return []
        self._full = full
        text = (
            "no room for the journal: sends are refused until there is"
            if full
            else "there is room for the journal again"
        )
        return [Log("error" if full else "info", text), *self.step(now, RoomChanged(room=not full))]
