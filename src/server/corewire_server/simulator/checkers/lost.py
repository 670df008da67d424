"""Nothing confirmed is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire_server.simulator.checkers.checker import DiskChecker

if TYPE_CHECKING:
    from collections.abc import Sequence


class NothingLost(DiskChecker):
    """
    What the broker has confirmed comes out again before the history ends, at least once, of each queue that was to have it.

    Of messages that are not durable this holds as long as no node serves from what it found on its disk: then those that were
    sent before are excused.
    """

    rule = "lost"

    def __init__(self) -> None:
        super().__init__()
        self._volatile: set[tuple[str, int]] = set()  # sent as not durable
        self._excused: set[tuple[str, int]] = set()  # of them: their confirmation may come late
        self._queues: dict[tuple[str, int], list[str]] = {}  # that are to have it
        self._owed: dict[tuple[str, int, str], int] = {}  # confirmed, and never seen in a queue: since when
        self._seen: set[tuple[str, int, str]] = set()

    def sent(
        self, now: int, client: str, producer: str, number: int, queue: str, *, durable: bool, priority: int
    ) -> None:
        self._queues.setdefault((producer, number), []).append(queue)
        if not durable:
            self._volatile.add((producer, number))

    def confirmed(self, now: int, client: str, producer: str, number: int) -> None:
        if (producer, number) in self._excused:
            return
        for queue in self._queues[producer, number]:
            if (producer, number, queue) not in self._seen:
                self._owed[producer, number, queue] = now

    def delivered(
        self, now: int, client: str, consumer: str, producer: str, number: int, queue: str, *, redelivered: bool
    ) -> None:
        self._seen.add((producer, number, queue))
        self._owed.pop((producer, number, queue), None)

    def memory_lost(self) -> None:
        self._excused |= self._volatile
        self._owed = {owed: since for owed, since in self._owed.items() if owed[:2] not in self._volatile}

    def finished(self, now: int, unfinished: Sequence[str]) -> None:
        for (producer, number, queue), since in self._owed.items():
            self.broken(now, f"{producer}#{number} was confirmed at {since / 1e6:.6f} s and never came from {queue}")
