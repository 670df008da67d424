"""
The invented time in which everything happens.

A history is a loop over a heap of ``(time, sequence, actor, call, argument)``: nothing else moves the clock, and what is due at
the same time comes in the order in which it was asked for. So a history is a function of its seed. Everything random is drawn
from generators that stem from that one seed; one for each part of the world, so that a part that draws once more does not
change what the others draw.

Times are whole microseconds since the history began. Clocks of machines and clients, which run wrong, are in ``clock.py``.
"""

from __future__ import annotations

from heapq import heappop, heappush
from random import Random
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from corewire_server.simulator.observer import Observer

EVENTS_MAX: Final = 30_000  # of one history: a small one has a few hundred
MS: Final = 1_000
SECOND: Final = 1_000_000

Plot: TypeAlias = "Generator[int, None, None]"
"""
Something that happens in steps: it yields the microseconds until it wants to go on; or, as a negative number, how many events
of the world it wants to wait for, which is a way to hit those times in which much happens.
"""


class Actor:
    """A process: it can be stopped, as by SIGSTOP, go on, and end. What comes meanwhile waits for it."""

    __slots__ = ("ended", "stopped", "waiting")

    def __init__(self) -> None:
        self.ended = False
        self.stopped = False
        self.waiting: list[tuple[Callable[[Any], object], Any]] = []

    def stop(self) -> None:
        """Stand still from now on."""
        self.stopped = True

    def go_on(self) -> None:
        """Take what came meanwhile, in the order in which it came."""
        self.stopped = False
        waiting, self.waiting = self.waiting, []
        for position, (call, argument) in enumerate(waiting):
            if self.ended:
                return
            if self.stopped:  # stopped again by what it took
                self.waiting[:0] = waiting[position:]
                return
            call(argument)


class Endless(Exception):
    """A history goes round in circles."""


class World:
    """Time, chance, and who is told what happens."""

    def __init__(self, seed: int, observer: Observer) -> None:
        self.now = 0
        self.observer = observer
        self.events = 0
        self.lineages = 0  # that were begun (``watch.py``)
        self.snapshots: dict[bytes, str] = {}  # the lineage of each that was taken, by the effects that it has in it
        self._rng = Random(seed)  # noqa: S311 - chance from a seed is what this is for
        self._heap: list[tuple[int, int, Actor | None, Callable[[Any], object], Any]] = []
        self._sequence = 0
        self._calls = 0
        self._plots: list[tuple[int, int, Plot]] = []  # that wait for events, by the number of the last one

    def draw_rng(self) -> Random:
        """A generator for one part of the world. Parts ask in a fixed order."""
        return Random(self._rng.getrandbits(64))  # noqa: S311

    def next_call(self) -> int:
        """A number for a call of an application."""
        self._calls += 1
        return self._calls

    def at(self, time: int, actor: Actor | None, call: Callable[[Any], object], argument: Any = None) -> None:
        """At ``time`` (now, if that is past) call ``call(argument)``; for an actor: if it has not ended, and when it does not stand still."""
        self._sequence += 1
        heappush(self._heap, (max(time, self.now), self._sequence, actor, call, argument))

    def after(self, delay: int, actor: Actor | None, call: Callable[[Any], object], argument: Any = None) -> None:
        """The same, ``delay`` microseconds from now."""
        self._sequence += 1
        heappush(self._heap, (self.now + delay, self._sequence, actor, call, argument))

    def play(self, plot: Plot) -> None:
        """Let something happen in steps, from now on."""
        delay = next(plot, None)
        if delay is None:
            return
        if delay >= 0:
            self.after(delay, None, self.play, plot)
        else:
            self._sequence += 1
            heappush(self._plots, (self.events - delay, self._sequence, plot))

    def run(self, over: Callable[[], bool], until: int) -> None:
        """Let time pass until ``over()`` or ``until``."""
        heap = self._heap
        while heap and not over():
            time, _, actor, call, argument = heap[0]
            if time > until:
                break
            heappop(heap)
            self.now = time
            self.events += 1
            if self.events > EVENTS_MAX:
                raise Endless(f"{EVENTS_MAX} events, and no end")
            if self._plots and self._plots[0][0] <= self.events:
                self.after(0, None, self.play, heappop(self._plots)[2])
            if actor is None:
                call(argument)
            elif actor.stopped:
                if not actor.ended:
                    actor.waiting.append((call, argument))
            elif not actor.ended:
                call(argument)
