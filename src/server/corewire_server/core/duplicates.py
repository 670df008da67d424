"""Duplicate ids that were seen, per address: the newest ``id-cache-size`` of each."""

from __future__ import annotations

from collections import OrderedDict


class Duplicates:
    """The cache of one address: id to the record that keeps it. The oldest goes when there is no room."""

    __slots__ = ("_seen", "_size")

    def __init__(self, size: int) -> None:
        self._size = size
        self._seen: OrderedDict[bytes, int] = OrderedDict()  # its first is found without a search

    def __contains__(self, key: bytes) -> bool:
        return key in self._seen

    def add(self, key: bytes, record_id: int) -> int | None:
        """Remember an id. Returns the record of the one that had to go for it, if any."""
        gone = self._seen.pop(key, None)
        if gone is None and len(self._seen) >= self._size:
            _, gone = self._seen.popitem(last=False)
        self._seen[key] = record_id
        return gone

    def discard(self, key: bytes, record_id: int) -> None:
        """Forget an id if this record keeps it."""
        if self._seen.get(key) == record_id:
            del self._seen[key]

    def records(self) -> list[int]:
        """The records of all ids, oldest first."""
        return list(self._seen.values())

    def keys(self) -> list[bytes]:
        """All ids, oldest first."""
        return list(self._seen)
