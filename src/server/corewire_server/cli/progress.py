"""How far long work is, on stderr: a line that is overwritten on a terminal, else a new one every ten seconds."""

from __future__ import annotations

import threading
import time
from typing import TextIO

_EVERY_S = 10.0
_ON_A_TERMINAL_S = 0.2


class Progress:
    """Counts messages and tells of them now and then."""

    def __init__(self, stream: TextIO, verb: str, *, total: int | None = None, quiet: bool = False) -> None:
        """``verb``: what happens to messages, as "sent". ``quiet``: say nothing."""
        self.count = 0
        self._stream = stream
        self._verb = verb
        self._total = total
        self._quiet = quiet
        self._terminal = stream.isatty()
        self._began = self._told = time.monotonic()
        self._lock = threading.Lock()

    def step(self, count: int = 1) -> None:
        """So many more are done. Any thread may tell."""
        with self._lock:
            self.count += count
            self._tell()

    def _tell(self) -> None:
        now = time.monotonic()
        if not self._quiet and now - self._told >= (_ON_A_TERMINAL_S if self._terminal else _EVERY_S):
            self._told = now
            of = "" if self._total is None else f" of {self._total}"
            self._stream.write(
                f"\r{self.count}{of} {self._verb}" if self._terminal else f"{self.count}{of} {self._verb}\n"
            )
            self._stream.flush()

    def end(self) -> None:
        """Tell the sum and the rate."""
        if not self._quiet:
            took = max(time.monotonic() - self._began, 1e-6)
            start = "\r" if self._terminal else ""
            self._stream.write(f"{start}{self.count} {self._verb} in {took:.2f} s ({self.count / took:.0f}/s)\n")
