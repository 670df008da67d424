"""
What a primary sends to its backup: the snapshot in slices, then every input by number.

Inputs are kept until they are acknowledged, so that a link that broke goes on from the last one that the backup has. What is
under way is bounded, by acknowledgement: heart-beats share the connection, and one that waits behind megabytes is a lease that
ends. All numbers count inputs; those of a joiner are numbered behind the input of its snapshot.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from corewire_server.replication.link import Inputs, LinkProtocolError, SnapshotEnd, SnapshotSlice

if TYPE_CHECKING:
    from collections.abc import Iterator

    from corewire_server.replication.link import Frame

WINDOW_BYTES: Final = 1 << 20  # sent and not acknowledged
FRAME_BYTES: Final = 1 << 18  # an Inputs frame is closed here
SLICES_AT_ONCE: Final = 2  # made in one call: making them takes time

BEHIND_BYTES_MAX: Final = 16 << 20  # kept for a backup that is waited for: then nobody should be read
JOINING_BYTES_MAX: Final = 64 << 20  # and for one that joins, which nobody waits for


class Feed:
    """Inputs on their way to one backup. Without one nothing is kept."""

    __slots__ = (
        *("_digest", "_kept", "_kept_end", "_kept_start", "_sizes", "_slices", "_unacknowledged_end"),
        *("acknowledged", "executed", "keeping", "last", "sent", "slices_sent", "slices_taken", "snapshot_step"),
    )

    def __init__(self, last: int) -> None:
        self.last = last  # input that was numbered
        self.keeping = False
        self.acknowledged = last
        self.executed = 0  # by the backup
        self.sent = last
        self._kept: deque[tuple[int, bytes]] = (
            deque()
        )  # from acknowledged + 1 on: end, counted in bytes from the start; input
        self._kept_start = self._kept_end = 0  # bytes: of what was acknowledged, of all
        self._unacknowledged_end = 0  # bytes: of what was sent
        self._slices: Iterator[bytes] | None = None
        self._digest = b""
        self._sizes: deque[int] = deque()  # of slices under way
        self.snapshot_step = 0
        self.slices_sent = self.slices_taken = 0

    @property
    def kept_bytes(self) -> int:
        """What the backup has not acknowledged."""
        return self._kept_end - self._kept_start

    @property
    def unsent_bytes(self) -> int:
        """What was not sent yet."""
        return self._kept_end - self._unacknowledged_end

    @property
    def behind(self) -> int:
        """Inputs that the backup has not acknowledged."""
        return self.last - self.acknowledged

    @property
    def snapshot_taken(self) -> bool:
        """Whether the backup has a core that executes: it said that it was at the snapshot's input, or behind it."""
        return self._slices is None and self.slices_taken == self.slices_sent and self.executed >= self.snapshot_step

    @property
    def hungry(self) -> bool:
        """Whether ``take`` has slices to give now."""
        return self._slices is not None and sum(self._sizes) < WINDOW_BYTES

    # -- links

    def begin(self, slices: Iterator[bytes], effects_digest: bytes) -> None:
        """A joiner's link: it gets the state as it is now, at input ``last``, and what comes from now on."""
        self.drop()
        self.keeping = True
        self._slices, self._digest = slices, effects_digest
        self.snapshot_step = self.acknowledged = self.sent = self.last
        self.executed = self.slices_sent = self.slices_taken = 0
        self._sizes.clear()

    def can_resume(self, have: int) -> bool:
        """Whether a backup that has all inputs up to ``have`` can be given what it lacks."""
        return self.keeping and self.acknowledged <= have <= self.last

    def resume(self, have: int) -> None:
        """A new link of the same backup, which has all inputs up to ``have``."""
        self.acknowledge(have)
        self.sent = have
        self._unacknowledged_end = self._kept_start

    def drop(self) -> None:
        """Nobody is fed any more."""
        self.keeping = False
        self._slices = None
        self._kept.clear()
        self._kept_start = self._kept_end = self._unacknowledged_end = 0

    # -- inputs

    def add(self, data: bytes | None) -> int:
        """Number one input. ``data``: encoded; None if it is not kept (``keeping``). Returns its number."""
        self.last += 1
        if data is not None:
            self._kept_end += len(data)
            self._kept.append((self._kept_end, data))
        return self.last

    def acknowledge(self, received: int) -> None:
        """The backup has all inputs up to ``received``. Raises LinkProtocolError for what it was not sent."""
        if received <= self.acknowledged:
            return
        if received > self.last:
            raise LinkProtocolError(f"input {received} was acknowledged, the last one is {self.last}")
        for _ in range(received - self.acknowledged):
            self._kept_start, _ = self._kept.popleft()
        self.acknowledged = received
        if self.sent < received:
            self.sent = received
            self._unacknowledged_end = self._kept_start

    def take_slices(self, taken: int) -> None:
        """The backup has taken so many slices of the snapshot. Raises LinkProtocolError for more than it was sent."""
        if taken > self.slices_sent:
            raise LinkProtocolError(f"{taken} slices were acknowledged of {self.slices_sent}")
        while self.slices_taken < taken:
            self.slices_taken += 1
            self._sizes.popleft()

    # -- what goes out

    def take(self) -> list[Frame]:
        """What may be sent now."""
        frames: list[Frame] = []
        if self._slices is not None:
            self._take_slices(frames)
        if self._slices is None and self.keeping:
            while self.sent < self.last and self._unacknowledged_end - self._kept_start < WINDOW_BYTES:
                frames.append(self._next_inputs())
        return frames

    def _take_slices(self, frames: list[Frame]) -> None:
        assert self._slices is not None
        for _ in range(SLICES_AT_ONCE):
            if not self.hungry:
                return
            data = next(self._slices, None)
            if data is None:
                self._slices = None
                frames.append(SnapshotEnd(self._digest))
                return
            self.slices_sent += 1
            self._sizes.append(len(data))
            frames.append(SnapshotSlice(data))

    def _next_inputs(self) -> Inputs:
        first, size, items = self.sent + 1, 0, list[bytes]()
        at = self.sent - self.acknowledged
        while at < len(self._kept):
            end, data = self._kept[at]
            if items and size + len(data) > FRAME_BYTES:
                break
            items.append(data)
            size += len(data)
            self._unacknowledged_end = end
            at += 1
        self.sent += len(items)
        return Inputs(first, items)
