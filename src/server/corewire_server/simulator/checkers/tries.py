"""Whoever has something done in tries is told what became of it."""

from __future__ import annotations

from corewire.errors import AddressFull, BrokerError
from corewire_server.simulator.checkers.checker import Checker


class TriesAreKnown(Checker):
    """
    With exactly-once a try of `transact` ends with what became of it: only a refusal of the broker is an error, be it of the commit or,
    with a full disk, of the question what became of it.
    """

    rule = "tries"

    def tried(self, now: int, client: str, producer: str, outcome: str, error: Exception | None) -> None:
        refused = isinstance(error, BrokerError) or (error is not None and isinstance(error.__cause__, AddressFull))
        if error is not None and not refused:
            self.broken(now, f"{producer} of {client} was told {type(error).__name__}")
