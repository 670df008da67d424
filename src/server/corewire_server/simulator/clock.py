"""Clocks that run wrong: set wrong, and too fast or too slow."""

from __future__ import annotations

from typing import Final

from corewire_server.simulator.world import MS

EPOCH_MS: Final = 1_700_000_000_000
_MILLION: Final = 1_000_000


class Clock:
    """The clock of one machine. ``offset_ms``: how wrong it is set; ``drift_ppm``: how many millionths it runs too fast."""

    __slots__ = ("_rate", "offset_ms")

    def __init__(self, offset_ms: int = 0, drift_ppm: int = 0) -> None:
        self.offset_ms = offset_ms
        self._rate = _MILLION + drift_ppm

    def steady_us(self, now: int) -> int:
        """Microseconds that only grow, as this machine counts them. ``now``: the world's."""
        return now * self._rate // _MILLION

    def wall_ms(self, now: int) -> int:
        """Milliseconds since the epoch, as this machine believes."""
        return EPOCH_MS + self.offset_ms + self.steady_us(now) // MS

    def when(self, steady_us: int) -> int:
        """The first moment of the world at which ``steady_us`` has come."""
        return -(-steady_us * _MILLION // self._rate)


class NodeClock:
    """
    What one process of a node calls now: wall clock at its start plus steady progress.

    ``not_before``: the last time that an earlier process of it has seen, in milliseconds since the epoch.
    """

    __slots__ = ("_base_ms", "_clock")

    def __init__(self, clock: Clock, now: int, not_before: int) -> None:
        self._clock = clock
        self._base_ms = max(clock.wall_ms(now), not_before) - clock.steady_us(now) // MS

    def now_ms(self, now: int) -> int:
        """Milliseconds since the epoch, never less than before. ``now``: the world's."""
        return self._base_ms + self._clock.steady_us(now) // MS

    def when(self, time_ms: int) -> int:
        """The first moment of the world at which it is ``time_ms``."""
        return self._clock.when((time_ms - self._base_ms) * MS)
