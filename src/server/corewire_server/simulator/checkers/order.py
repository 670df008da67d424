"""Order is kept per producer."""

from __future__ import annotations

from corewire_server.simulator.checkers.checker import Checker


class OrderKept(Checker):
    """
    A consumer gets the messages of a producer in the order in which they were sent. (Producers of the world use one queue and
    one priority each.) What was delivered before, to whomever, may come later: it was taken back.
    """

    rule = "order"

    def __init__(self) -> None:
        super().__init__()
        self._newest: dict[tuple[str, str], int] = {}  # by consumer and producer
        self._seen: set[tuple[str, int]] = set()

    def delivered(
        self, now: int, client: str, consumer: str, producer: str, number: int, queue: str, *, redelivered: bool
    ) -> None:
        newest = self._newest.get((consumer, producer), -1)
        if number > newest:
            self._newest[consumer, producer] = number
        elif not redelivered and (producer, number) not in self._seen:
            self.broken(now, f"{consumer} got {producer}#{number} after #{newest}")
        self._seen.add((producer, number))
