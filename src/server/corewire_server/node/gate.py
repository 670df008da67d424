"""
The gate: durable before visible.

Steps of the core are numbered. What step *k* shows to others is held until every record appended by steps up to *k* is on disk.
So an answer never promises what a crash can take back. Order is kept: what needs no record waits behind what does.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from corewire_server.node.orders import Order

OPEN: Final = 1 << 62
"""No step has records that are not on disk."""


class Gate:
    """Holds effects by step until the disk has caught up with their cause."""

    __slots__ = ("_held", "_shut_from")

    def __init__(self) -> None:
        self._held: deque[tuple[int, list[Order]]] = deque()
        self._shut_from = OPEN

    @property
    def empty(self) -> bool:
        """Whether nothing is held."""
        return not self._held

    def shut(self, step: int) -> None:
        """Step ``step`` has records that are not on disk: nothing from it on may leave."""
        if step < self._shut_from:
            self._shut_from = step

    def open(self, below: int) -> None:
        """Let out steps below ``below``, the first with records not on disk (OPEN: there is none)."""
        self._shut_from = below

    def hold(self, step: int, effects: list[Order]) -> list[Order]:
        """Take what step ``step`` shows. Returns what may leave at once: all of it or nothing."""
        if step < self._shut_from:  # and then nothing older is held either: release() follows every open()
            return effects
        if effects:
            self._held.append((step, effects))
        return []

    def release(self) -> list[Order]:
        """Give what may leave by now, in order."""
        free: list[Order] = []
        while self._held and self._held[0][0] < self._shut_from:
            free += self._held.popleft()[1]
        return free
