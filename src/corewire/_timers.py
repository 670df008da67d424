"""Deadlines as data: one named slot each. Nothing sleeps; whoever owns the clock asks when to come back."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

SlotT = TypeVar("SlotT", bound=Hashable)


class Timers(Generic[SlotT]):
    """
    A few deadlines by name, usually members of an enum: ``timers[Timer.PING] = now + period``.

    Meant for a handful of slots: looking for the nearest walks over all of them. Times are whatever the owner counts in.
    """

    __slots__ = ("_deadlines",)

    def __init__(self) -> None:
        self._deadlines: dict[SlotT, float] = {}

    def __setitem__(self, slot: SlotT, deadline: float) -> None:
        """Arm a slot, or move its deadline."""
        self._deadlines[slot] = deadline

    def __contains__(self, slot: SlotT) -> bool:
        return slot in self._deadlines

    def stop(self, slot: SlotT) -> None:
        """Disarm a slot; harmless where it is not armed."""
        self._deadlines.pop(slot, None)

    def clear(self) -> None:
        """Disarm all slots."""
        self._deadlines.clear()

    def next(self) -> float | None:
        """Return the nearest deadline, None where no slot is armed."""
        return min(self._deadlines.values(), default=None)

    def expire(self, now: float) -> list[tuple[SlotT, float]]:
        """
        Disarm what is due and return it, each slot once with the deadline it had, nearest first (then as armed).

        However long the owner stood still, a slot comes out once: periodic work is armed again by its handler, from
        ``now``, so a pause is no burst. Calling early or twice does no harm.
        """
        due = sorted(
            ((slot, deadline) for slot, deadline in self._deadlines.items() if deadline <= now),
            key=lambda item: item[1],
        )
        for slot, _ in due:
            del self._deadlines[slot]
        return due

    def export(self) -> tuple[tuple[SlotT, float], ...]:
        """Return slots and deadlines as armed, for a snapshot; ``timers[slot] = deadline`` for each restores it."""
        return tuple(self._deadlines.items())
