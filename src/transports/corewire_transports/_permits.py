"""Permits for a number of things that many share: who takes one waits for it, first come first served. No I/O, no world."""

from __future__ import annotations

from collections import deque

from corewire import Operation

__all__ = ["Permits"]


class Permits:
    """``count`` of them. Called by the drivers' ``begin``, so that one thread at a time is in here; ``now`` is theirs."""

    def __init__(self, count: int) -> None:
        self._left = count
        self._waiting: deque[Operation[None]] = deque()

    def take(self, now: float) -> Operation[None]:
        """One permit, as soon as there is one."""
        taking = Operation[None]()
        if self._left:
            self._left -= 1
            taking.succeed(None)
        else:
            self._waiting.append(taking)
        return taking

    def give(self, now: float) -> Operation[None] | None:
        """A permit is given back. Returns whom to wake: it has it now."""
        if not self._waiting:
            self._left += 1
            return None
        taking = self._waiting.popleft()
        taking.succeed(None)
        return taking

    def leave(self, now: float, taking: Operation[None]) -> Operation[None] | None:
        """Nobody waits for this one any more. Returns whom to wake, if it was given a permit already."""
        if not taking.done:
            self._waiting.remove(taking)
        elif taking.error is None:
            return self.give(now)
        return None

    def end(self, now: float, error: Exception) -> list[Operation[None]]:
        """Nobody will be given one. Returns whom to wake: they are told why."""
        waiting, self._waiting = list(self._waiting), deque()
        for taking in waiting:
            taking.fail(error)
        return waiting
