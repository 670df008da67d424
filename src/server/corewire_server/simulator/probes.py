"""
Rare places that a batch of seeds must have reached, or it proves less than it seems to.

Here are the names of all, and the eyes that see some of them from outside; ``eyes.py`` looks inside, the world tells its own.
"""

from __future__ import annotations

from typing import Final

from corewire.errors import AddressFull, TransactionOutcomeUnknown, TransactionRolledBack
from corewire_server.simulator.observer import Observer

SINGLE: Final = frozenset(
    {
        "a broker wrote again",  # after a re-attachment: the replay of what the client had not
        "a client wrote again",
        "a refused command was counted",  # and its session re-attached later
        "a doubled write was dropped",
        "a session was made anew",
        "a torn last write was dropped",
        "a commit was on its way at a kill",
        "the outcome of a commit was unknown",
        "a transaction was rollback-only",
        "a node stopped itself",
        "a client fell silent",
        "a disk was full",
        "a send was refused, for the disk was full",
        "a client gave up, and its application connected anew",
        "a try ran again",
        "a try whose answer was lost had committed",
        "a large message was refused",
        "a message of a group was refused",
        "a distributed transaction was refused",
    }
)
"""For a broker alone."""

PAIR: Final = frozenset(
    {
        "an empty node was compared",
        "two restarted nodes were compared",
        "the gate waited for the backup",
        "answers waited for a backup without a link",
        "the replication link was resumed",
        "inputs were sent again",
        "a hello ended the link of an older incarnation",
        "a join was cut",
        "the critical moment was cut",
        "promoted by a refused dial",
        "promoted by the answer of another incarnation",
        "promoted when the old primary came back",
        "promoted by the primary's record",
        "promoted with inputs to execute",
        "refused after the lease had lapsed",
        "restarted, alone, refused: serves",
        "went alone: silence",
        "went alone: the link was gone",
        "went alone: a dial was refused",
        "went alone: another incarnation asked",
        "went alone: another incarnation answered",
        "a backup learnt that its place had ended",
        "a primary met a later epoch",
        "data was set aside",
        "a node serves by order",
        "an order was refused",
        "client led",
        "a try ran again",
        "a try whose answer was lost had committed",
        "a large message was refused",
        "a message of a group was refused",
    }
)
"""For a pair, beside those; some for both."""

_KILLS: Final = ("kill", "power")


class Probes(Observer):
    """Collects the names of the places that were reached."""

    def __init__(self) -> None:
        self.reached: set[str] = set()
        self._commits: set[int] = set()  # calls

    def probe(self, name: str) -> None:
        self.reached.add(name)

    def call_began(self, now: int, client: str, call: int, name: str, deadline: int | None) -> None:
        if name == "commit":
            self._commits.add(call)

    def call_ended(self, now: int, client: str, call: int, error: Exception | None) -> None:
        if call in self._commits:
            self._commits.discard(call)
            if isinstance(error, TransactionOutcomeUnknown):
                self.reached.add("the outcome of a commit was unknown")
            elif isinstance(error, TransactionRolledBack):
                self.reached.add("a transaction was rollback-only")

    def refused(self, now: int, client: str, producer: str, number: int, error: Exception) -> None:
        if isinstance(error, AddressFull):
            self.reached.add("a send was refused, for the disk was full")

    def fault(self, now: int, kind: str, detail: str) -> None:
        if kind in _KILLS and self._commits:
            self.reached.add("a commit was on its way at a kill")

    def event(self, now: int, client: str, text: str) -> None:
        if text == "FailedOver":
            self.reached.add("a session was made anew")

    def ended(self, now: int, node: str, reason: str) -> None:
        if reason.startswith("stopped itself"):
            self.reached.add("a node stopped itself")

    def log(self, now: int, node: str, level: str, text: str) -> None:
        if text.endswith("is torn and dropped"):
            self.reached.add("a torn last write was dropped")
        elif text.startswith("no room for the journal"):
            self.reached.add("a disk was full")
        elif text.endswith("nothing came for its time to live"):
            self.reached.add("a client fell silent")
