"""
The gate: durable and replicated before visible.

Steps of the core are numbered. What step *k* shows to others is held until every record appended by steps up to *k* is on disk,
and, with a backup, until the backup has every input up to *k*. So an answer never promises what a crash, or a promotion, can
take back. Order is kept: what needs no record waits behind what does.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from corewire_server.core.effects import SendBytes
from corewire_server.node.settings import GateMode

if TYPE_CHECKING:
    from corewire_server.node.orders import Order

OPEN: Final = 1 << 62
"""No step is waited for."""

HELD_BYTES_MAX: Final = 16 * 1024 * 1024
"""Bytes that are held: beyond it, and until half of it, nobody should be read. One step more may come on top."""


class Gate:
    """Holds effects by step until disk and backup, as far as they are waited for, have caught up with their cause."""

    __slots__ = ("_backup", "_bar", "_bytes", "_disk", "_held", "_mode", "crowded")

    def __init__(self) -> None:
        self._held: deque[tuple[int, list[Order]]] = deque()
        self._disk = OPEN  # the first step with records that are not on disk
        self._backup = OPEN  # the first step whose input the backup has not acknowledged
        self._mode = GateMode.DISK
        self._bar = OPEN
        self._bytes = 0  # for links, of what is held
        self.crowded = False  # too much is held

    @property
    def empty(self) -> bool:
        """Whether nothing is held."""
        return not self._held

    def wait_for(self, mode: GateMode) -> None:
        """What is waited for from now on. ``release`` is to follow."""
        self._mode = mode
        self._aim()

    def shut(self, step: int) -> None:
        """Step ``step`` has records that are not on disk: nothing from it on may leave."""
        if step < self._disk:
            self._disk = step
            self._aim()

    def open(self, below: int) -> None:
        """Steps below ``below`` have all on disk (OPEN: all have). ``release`` is to follow."""
        self._disk = below
        self._aim()

    def acknowledged(self, step: int) -> None:
        """The backup has all inputs up to that of ``step``. ``release`` is to follow."""
        self._backup = step + 1
        self._aim()

    def hold(self, step: int, effects: list[Order]) -> list[Order]:
        """Take what step ``step`` shows. Returns what may leave at once: all of it or nothing."""
        if step < self._bar:  # and then nothing older is held either: release() follows whatever moves the bar
            return effects
        if effects:
            self._held.append((step, effects))
            self._bytes += _size(effects)
            if self._bytes > HELD_BYTES_MAX:
                self.crowded = True
        return []

    def release(self) -> list[Order]:
        """Give what may leave by now, in order."""
        free: list[Order] = []
        while self._held and self._held[0][0] < self._bar:
            free += self._held.popleft()[1]
        if free:
            self._bytes = self._bytes - _size(free) if self._held else 0
            if self._bytes <= HELD_BYTES_MAX // 2:
                self.crowded = False
        return free

    def drop(self) -> None:
        """Nothing that is held will ever leave."""
        self._held.clear()
        self._bytes = 0
        self.crowded = False

    def _aim(self) -> None:
        match self._mode:
            case GateMode.DISK:
                self._bar = self._disk
            case GateMode.BACKUP:
                self._bar = self._backup
            case GateMode.DISK_AND_BACKUP:
                self._bar = min(self._disk, self._backup)


def _size(effects: list[Order]) -> int:
    return sum(len(effect.data) for effect in effects if isinstance(effect, SendBytes))
