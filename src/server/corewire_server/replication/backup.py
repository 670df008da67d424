"""
What a backup makes of what the primary sends: inputs in the order of their numbers, each once, however often they come.

It acknowledges on receipt, before it executes: what it holds cannot get lost any more. How much it holds is bounded: beyond
that it acknowledges no more than it has executed room for, and the primary's clients wait for it.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from corewire_server.replication.link import LinkProtocolError

if TYPE_CHECKING:
    from corewire_server.replication.link import Inputs

PENDING_BYTES_MAX: Final = 16 << 20


class Intake:
    """Inputs that a backup has received, and of them those that wait to be executed."""

    __slots__ = ("_ends", "_executed_end", "_pending", "_received_end", "executed", "received")

    def __init__(self, step: int) -> None:
        self.received = step
        self.executed = step
        self._pending: deque[tuple[int, bytes]] = deque()  # end, counted in bytes from the start; input
        self._received_end = self._executed_end = 0

    def __len__(self) -> int:
        """How many wait to be executed."""
        return len(self._pending)

    @property
    def pending_bytes(self) -> int:
        """Inputs that wait to be executed."""
        return self._received_end - self._executed_end

    @property
    def acknowledged(self) -> int:
        """The last input to be acknowledged: the last one received, while there is room for more."""
        if self.pending_bytes <= PENDING_BYTES_MAX:
            return self.received
        fits = self._executed_end + PENDING_BYTES_MAX
        low, high = 0, len(self._pending)  # so many of those that wait do fit
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self._pending[middle - 1][0] <= fits else (low, middle - 1)
        return self.executed + low

    def take(self, frame: Inputs) -> None:
        """Inputs came. Those that came before are dropped; raises LinkProtocolError if some are missing in between."""
        if frame.first > self.received + 1:
            raise LinkProtocolError(f"inputs {self.received + 1} to {frame.first - 1} are missing")
        for data in frame.items[self.received + 1 - frame.first :]:
            self._received_end += len(data)
            self._pending.append((self._received_end, data))
            self.received += 1

    def next(self) -> bytes:
        """The next input, which is to be executed now, as ``executed`` counts."""
        self._executed_end, data = self._pending.popleft()
        self.executed += 1
        return data
