"""
What happens in a simulated history, told as it happens: to checkers, to whoever writes it down, to nobody.

All methods do nothing here; an observer overrides what it wants to know. ``now`` is the world's own time in microseconds since
the history began, never less than before; nodes and clients have clocks of their own. Nodes, clients, consumers, producers and
queues are told by names that are unique in one history. A message is known by its producer and its number, 0, 1, 2, … in the
order in which the producer sent them. An observer must neither change what it is given nor draw from any random generator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from corewire_server.core.broker import Broker
    from corewire_server.records import Record


class Observer:
    """Hears everything and does nothing."""

    # -- messages, as the applications see them -------------------------------------------------------------------------

    def sent(
        self, now: int, client: str, producer: str, number: int, queue: str, *, durable: bool, priority: int
    ) -> None:
        """
        An application hands a message to its client; told for each queue that is to have it. One of the next three follows,
        once for all of them, unless the client is killed.
        """

    def confirmed(self, now: int, client: str, producer: str, number: int) -> None:
        """The broker has it: the send returned, its receipt came, or its transaction was committed."""

    def refused(self, now: int, client: str, producer: str, number: int, error: Exception) -> None:
        """The broker does not have it: it said so, or its transaction was rolled back. It must never be delivered."""

    def unknown(self, now: int, client: str, producer: str, number: int, error: Exception) -> None:
        """It may have arrived or not, and the application was told so."""

    def delivered(
        self, now: int, client: str, consumer: str, producer: str, number: int, queue: str, *, redelivered: bool
    ) -> None:
        """An application gets a message. ``redelivered``: its delivery count says that it was delivered before."""

    def consumed(self, now: int, client: str, consumer: str, producer: str, number: int, queue: str) -> None:
        """The broker knows that it was consumed: the acknowledgement was answered, or its transaction committed."""

    def browsed(self, now: int, client: str, queue: str, producer: str, number: int) -> None:
        """An application saw a message in a queue, without taking it."""

    def tried(self, now: int, client: str, producer: str, outcome: str, error: Exception | None) -> None:
        """
        A try of ``transact`` came to its end. ``outcome``: the name of a `TryOutcome`, or "" where its commit failed with ``error``;
        with AGAIN that is why it came to no commit, unless it was rolled back. What became of its messages is told as well.
        """

    # -- calls --------------------------------------------------------------------------------------------------------------

    def call_began(self, now: int, client: str, call: int, name: str, deadline: int | None) -> None:
        """An application waits. ``call`` numbers the calls of the history. ``deadline``: when it must be over; None: it may wait."""

    def call_ended(self, now: int, client: str, call: int, error: Exception | None) -> None:
        """It returned, or raised ``error``."""

    def resumed(self, now: int, client: str, session: str, again: int, answered: int) -> None:
        """A session goes on on a new link: its client writes so many commands once more, so many of which had been answered."""

    # -- nodes -----------------------------------------------------------------------------------------------------------------

    def started(self, now: int, node: str, incarnation: int) -> None:
        """A process of a node begins."""

    def ended(self, now: int, node: str, reason: str) -> None:
        """The process of a node is over: nothing leaves it any more."""

    def lineage(self, now: int, node: str, lineage: str) -> None:
        """From its next step on a node takes the inputs of this lineage: of one number the same ones as all others in it."""

    def serving(self, now: int, node: str, epoch: int, serves: bool) -> None:
        """A node begins, or no longer is, to be one that answers clients: before that nothing of its claim can be seen."""

    def core_made(self, now: int, node: str, core: Broker) -> None:
        """A node made or restored a broker core, from here on its own. Its state may be looked at, between steps."""

    def stepped(self, now: int, node: str, step: int, core: Broker) -> None:
        """A core took an input. ``step``: its number among all that this core and those it was made from took."""

    def appended(self, now: int, node: str, step: int, records: Sequence[Record]) -> None:
        """A step asked for records to be kept, before it shows anything."""

    def answered(self, now: int, node: str, link: int, data: bytes) -> None:
        """Bytes leave a node for a client: what it shows by them it has promised."""

    def recovered(self, now: int, node: str, step: int, records: Sequence[Record], *, power_lost: bool) -> None:
        """
        A process found these live records on its disk; ``step`` is the last that they are of, counted by its predecessor. Not
        told where the disk says that the node was still joining: what is there is not whole.
        """

    def rewritten(self, now: int, node: str, step: int, records: Sequence[Record]) -> None:
        """A node that joins begins its journal anew, with these records, which are those of the primary's up to ``step``."""

    def log(self, now: int, node: str, level: str, text: str) -> None:
        """A node has a line for people."""

    # -- the world ---------------------------------------------------------------------------------------------------------------

    def fault(self, now: int, kind: str, detail: str) -> None:
        """Something goes wrong, or (``kind`` "healed") is well again."""

    def steady(self, now: int) -> None:
        """The last fault is over, and everybody is at work again: a pair is in step, clients are connected."""

    def calm(self, now: int) -> None:
        """From here on nothing goes wrong any more, and everything must come to its end."""

    def probe(self, name: str) -> None:
        """A rare place was reached. Names are in ``probes.py``."""

    def client_killed(self, now: int, client: str) -> None:
        """The process of a client is gone, with all that waited in it."""

    def event(self, now: int, client: str, text: str) -> None:
        """A client tells its application something: connected, lost, re-attached, …"""

    def finished(self, now: int, unfinished: Sequence[str]) -> None:
        """The history is over. ``unfinished``: what did not come to its end in the calm, in words; empty if all is well."""
