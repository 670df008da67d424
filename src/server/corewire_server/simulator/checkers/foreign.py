"""Nothing foreign is delivered."""

from __future__ import annotations

from corewire_server.simulator.checkers.checker import Checker


class NothingForeign(Checker):
    """What comes was sent, to this queue, and the broker did not say that it has not got it."""

    rule = "foreign"

    def __init__(self) -> None:
        super().__init__()
        self._queues: dict[tuple[str, int], list[str]] = {}
        self._refused: dict[tuple[str, int], str] = {}

    def sent(
        self, now: int, client: str, producer: str, number: int, queue: str, *, durable: bool, priority: int
    ) -> None:
        self._queues.setdefault((producer, number), []).append(queue)

    def refused(self, now: int, client: str, producer: str, number: int, error: Exception) -> None:
        self._refused[producer, number] = type(error).__name__

    def delivered(
        self, now: int, client: str, consumer: str, producer: str, number: int, queue: str, *, redelivered: bool
    ) -> None:
        self._look(now, consumer, producer, number, queue)

    def browsed(self, now: int, client: str, queue: str, producer: str, number: int) -> None:
        self._look(now, client, producer, number, queue)

    def _look(self, now: int, who: str, producer: str, number: int, queue: str) -> None:
        message = (producer, number)
        if message not in self._queues:
            self.broken(now, f"{who} got {producer}#{number}, which nobody has sent")
        elif queue not in self._queues[message]:
            sent_to = ", ".join(self._queues[message])
            self.broken(now, f"{who} got {producer}#{number} from {queue}; it was sent to {sent_to}")
        elif message in self._refused:
            self.broken(now, f"{who} got {producer}#{number}; its sender was told {self._refused[message]}")
