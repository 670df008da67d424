"""So many messages a second and no more (``consumerMaxRate``, ``producerMaxRate``; Artemis: ``TokenBucketLimiterImpl``)."""

from __future__ import annotations

BURST_S = 1.0  # what was not used of so much time may be made up for


class Rate:
    """A bucket that fills with ``per_second`` tokens a second and holds as many: a message takes one.

    Raises ValueError for less than one a second.
    """

    def __init__(self, per_second: int) -> None:
        if per_second < 1:
            raise ValueError(f"a rate is 1 message a second or more, not {per_second}")
        self._interval_s = 1.0 / per_second
        self._full_at = float("-inf")  # on the monotonic clock

    def take(self, now: float) -> float:
        """Take a token. Returns after how many seconds it is there."""
        self._full_at = max(self._full_at, now) + self._interval_s
        return max(0.0, self._full_at - now - BURST_S)

    def give_back(self, _now: float) -> None:
        """A token that was taken was not used."""
        self._full_at -= self._interval_s
