"""The broker's time: wall clock at the start plus steady progress, so it never runs backwards."""

from __future__ import annotations

import time
from functools import partial
from typing import Final

_BOOTTIME: Final[int | None] = getattr(time, "CLOCK_BOOTTIME", None)  # there are systems without it

steady: Final = time.monotonic if _BOOTTIME is None else partial(time.clock_gettime, _BOOTTIME)
"""Seconds that only grow, also while the machine sleeps where the system can tell. Asked at every input: no function of ours."""


class Clock:
    """Milliseconds since the epoch. ``not_before``: the last time that an earlier run of this node has seen."""

    def __init__(self, not_before: int = 0) -> None:
        self._offset = max(int(time.time() * 1000), not_before) - int(steady() * 1000)

    def now(self) -> int:
        """Milliseconds since the epoch, never less than before."""
        return self._offset + int(steady() * 1000)
