"""Nothing is delivered twice."""

from __future__ import annotations

from typing import Final

from corewire_server.simulator.checkers.checker import DiskChecker

ANEW: Final = ("FailedOver", "FailoverFailed")
"""What a client tells when sessions of it were made anew, or never will be: what they had in hand may go to anybody."""


class NothingDoubled(DiskChecker):
    """
    What was consumed never comes again. What is in somebody's hands comes again only as redelivered; as new only if a node
    serves from its disk since, which does not know of every delivery, or if its client's sessions were made anew. What a client
    hands out of its buffer while it has no link counts only when its sessions go on; nor does what a broker that is gone had
    written, for a client that does not know yet.
    """

    rule = "doubled"

    def __init__(self) -> None:
        super().__init__()
        self._consumed: dict[tuple[str, int], str] = {}
        self._in_hand: dict[tuple[str, int], tuple[str, str]] = {}  # message -> client and consumer
        self._cut_off: dict[str, dict[tuple[str, int], tuple[str, str]]] = {}  # client without a link -> the same
        self._linked: set[str] = set()  # clients, as they know
        self._unaware: set[str] = set()  # of them, those whose broker is gone, with all that it knew

    def delivered(
        self, now: int, client: str, consumer: str, producer: str, number: int, queue: str, *, redelivered: bool
    ) -> None:
        if client in self._unaware:
            return
        message = (producer, number)
        if message in self._consumed:
            self.broken(now, f"{consumer} got {producer}#{number}, which {self._consumed[message]} has consumed")
        elif message in self._in_hand and not redelivered:
            self.broken(now, f"{consumer} got {producer}#{number} as new; {self._in_hand[message][1]} has it")
        self._cut_off.get(client, self._in_hand)[message] = client, consumer

    def consumed(self, now: int, client: str, consumer: str, producer: str, number: int) -> None:
        self._consumed[producer, number] = consumer

    def event(self, now: int, client: str, text: str) -> None:
        if text == "FailureDetected":
            self._cut_off[client] = {}
            self._linked.discard(client)
            self._unaware.discard(client)
        elif text == "Connected":
            self._linked.add(client)
        elif text == "Reattached":
            self._in_hand |= self._cut_off.pop(client, {})
            self._linked.add(client)
        elif text in ANEW:
            self._forget(client)
            self._linked.add(client)

    def client_killed(self, now: int, client: str) -> None:
        self._forget(client)

    def memory_lost(self) -> None:
        self._in_hand.clear()
        self._unaware = set(self._linked)

    def _forget(self, client: str) -> None:
        self._cut_off.pop(client, None)
        self._in_hand = {message: holder for message, holder in self._in_hand.items() if holder[0] != client}
