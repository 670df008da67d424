"""
All that a broker decides around its core, without I/O: it numbers inputs, steps the core, says what to write, and lets out
what others can see when the disk has caught up with its cause. The runtime drives it with sockets and files, the simulator
with invented ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from corewire_server.core.effects import Append, Log
from corewire_server.core.inputs import RoomChanged, Timeout
from corewire_server.journal.format import JournalDamaged
from corewire_server.node.desk import Desk, room_log, sooner
from corewire_server.node.gate import Gate
from corewire_server.node.orders import Halt

if TYPE_CHECKING:
    from collections.abc import Iterable

    from corewire_server.core.effects import Effect
    from corewire_server.core.inputs import Input
    from corewire_server.journal.recovery import Recovered
    from corewire_server.journal.writer import Writer
    from corewire_server.node.orders import Order
    from corewire_server.records import Record


class Core(Protocol):
    """The broker core, as the node sees it (``core/broker.py``)."""

    @property
    def node_id(self) -> str:
        """The UUID of this broker, as clients see it."""
        ...

    def step(self, now: int, item: Input, /) -> list[Effect]:
        """One input in, its effects out."""
        ...

    @property
    def pledged_bytes(self) -> int:
        """What the journal must have room for beyond what was appended (``Writer.pledge``)."""
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
        self._gate = Gate()
        self._desk = Desk(self._gate, writer)
        self._steps = 0
        self._full = False
        self._pledged = 0  # by the core
        self._halted = False

    # -- what the driver asks

    @property
    def congested(self) -> bool:
        """Whether too much waits for the disk or in the gate: nobody should be read, and nobody's silence is judged."""
        return self._desk.congested

    @property
    def idle(self) -> bool:
        """Whether nothing is held back and nothing waits for the disk."""
        return self._gate.empty and self._desk.idle

    def next_timeout(self) -> int | None:
        """Milliseconds since the epoch at which ``wake`` wants to be called."""
        due = self._desk.next_timeout()
        return due if self.congested else sooner(self._core.next_timeout(), due)

    # -- inputs

    def begin(self, now: int, recovered: Recovered) -> list[Order]:
        """Give the core what the journal kept, and begin the epoch. Before the first step; ``idle`` says when it is on disk."""
        assert self._desk.writer is not None
        self._core.recover(recovered.records)
        self._steps = recovered.step
        self._desk.writer.begin(now, self._steps, recovered.dangling)
        self._desk.hurry(self._steps)
        return [*(Log("warning", text) for text in recovered.warnings), *self._desk.next_job(now)]

    def step(self, now: int, item: Input) -> list[Order]:
        """Hand an input of the broker to the core. ``now``: milliseconds since the epoch, never less than before."""
        self._steps += 1
        orders: list[Order] = []
        visible: list[Order] = []
        kept = False
        for effect in self._core.step(now, item):
            if isinstance(effect, Append):
                self._desk.append(self._steps, effect.records, now, now)
                kept = True
            elif isinstance(effect, Log):
                orders.append(effect)
            else:
                visible.append(effect)
        orders += self._gate.hold(self._steps, visible)
        pledged = self._core.pledged_bytes
        news = pledged != self._pledged
        if news:
            self._pledged = pledged
            self._desk.pledge(pledged)
        if (kept or news or not self._gate.empty) and not self._desk.at_leisure(now):
            orders += self._desk.next_job(now)
        if news:
            orders += self._room_changed(now)
        return orders

    def wake(self, now: int) -> list[Order]:
        """
        The time that ``next_timeout`` named has come: the core's Timeout, and a full disk is looked at again.

        A congested node has no time for its core, which would judge the silence of links that are not read.
        """
        orders = [] if self.congested else self.step(now, Timeout())
        return [*orders, *self._next_job(now), *self._room_changed(now)]

    def end(self, now: int) -> list[Order]:
        """After the last step of an orderly stop: have that written down. ``idle`` says when it is."""
        self._steps += 1
        self._desk.end(self._steps, now)
        return self._next_job(now)

    # -- what the disk answers

    def disk_done(self, now: int, ticket: int, data: bytes = b"") -> list[Order]:
        """All of a DiskJob was done; ``data`` is what it read."""
        if self._halted:
            return []
        try:
            self._desk.done(ticket, data)
        except JournalDamaged as damage:
            return self._halt(f"the journal is damaged: {damage}")
        orders = self._gate.release()
        orders += self._next_job(now)
        orders += self._room_changed(now)
        return orders

    def disk_full(self, now: int, ticket: int) -> list[Order]:
        """The Fill of a DiskJob found no room. What was promised is safe; there is no room for more."""
        if self._halted:
            return []
        self._desk.no_room(ticket, now)
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
        return [] if self._halted else self._desk.next_job(now)

    def _room_changed(self, now: int) -> list[Order]:
        full = self._desk.full
        if full is self._full:
            return []
        self._full = full
        return [room_log(full=full), *self.step(now, RoomChanged(room=not full))]
