"""Clients that want it get exactly-once: no call fails, and nothing comes to a client a second time."""

from __future__ import annotations

from corewire.errors import BrokerError
from corewire_server.simulator.checkers.checker import Checker


class ExactlyOnce(Checker):
    """
    For histories of ``Options.exactly_once`` without transactions (``checkers_of``): no others promise so much.

    What a broker refuses it may refuse, and who has not connected yet may be told that nobody answers. A client that was killed
    is a new one, and may get again what the old one had.
    """

    rule = "exactly-once"

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[str, set[tuple[str, int, str]]] = {}
        self._names: dict[int, str] = {}  # of open calls

    def unknown(self, now: int, client: str, producer: str, number: int, error: Exception) -> None:
        self.broken(now, f"the sender of {producer}#{number} was told {type(error).__name__}")

    def call_began(self, now: int, client: str, call: int, name: str, deadline: int | None) -> None:
        self._names[call] = name

    def call_ended(self, now: int, client: str, call: int, error: Exception | None) -> None:
        name = self._names.pop(call, "a call")
        if error is not None and not isinstance(error, BrokerError) and name != "connect":
            self.broken(now, f"{name} of {client} raised {type(error).__name__}")

    def delivered(
        self, now: int, client: str, consumer: str, producer: str, number: int, queue: str, *, redelivered: bool
    ) -> None:
        seen = self._seen.setdefault(client, set())
        if (producer, number, queue) in seen:
            self.broken(now, f"{consumer} got {producer}#{number}, which its client had already")
        seen.add((producer, number, queue))

    def client_killed(self, now: int, client: str) -> None:
        self._seen.pop(client, None)
