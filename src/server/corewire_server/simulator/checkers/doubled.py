"""Nothing is delivered twice."""

from __future__ import annotations

from typing import Final, NamedTuple

from corewire_server.simulator.checkers.checker import DiskChecker

ANEW: Final = ("FailedOver", "FailoverFailed")
"""What a client tells when sessions of it were made anew, or never will be: what they had in hand may go to anybody."""


class _Hand(NamedTuple):
    client: str
    consumer: str
    redelivered: bool


class NothingDoubled(DiskChecker):
    """
    What was consumed never comes again, and is not consumed again. What is in somebody's hands comes again only as redelivered;
    as new only if a node serves from its disk since, which does not know of every delivery, or if its client's sessions were made
    anew. What a client hands out of its buffer while it has no link counts only when its sessions go on; nor does what a broker
    that is gone had written, for a client that does not know yet.
    """

    rule = "doubled"

    def __init__(self) -> None:
        super().__init__()
        self._consumed: dict[tuple[str, int], str] = {}
        self._in_hand: dict[tuple[str, int], _Hand] = {}
        self._cut_off: dict[str, dict[tuple[str, int], _Hand]] = {}  # client without a link -> the same
        self._linked: set[str] = set()  # clients, as they know
        self._unaware: set[str] = set()  # of them, those whose broker is gone, with all that it knew

    def delivered(
        self, now: int, client: str, consumer: str, producer: str, number: int, queue: str, *, redelivered: bool
    ) -> None:
        hand = _Hand(client, consumer, redelivered)
        if client in self._cut_off:
            self._cut_off[client][producer, number] = hand
        elif client not in self._unaware:
            self._judge(now, (producer, number), hand)

    def _judge(self, now: int, message: tuple[str, int], hand: _Hand) -> None:
        name = f"{hand.consumer} got {message[0]}#{message[1]}"
        if message in self._consumed:
            self.broken(now, f"{name}, which {self._consumed[message]} has consumed")
        elif message in self._in_hand and not hand.redelivered:
            self.broken(now, f"{name} as new; {self._in_hand[message].consumer} has it")
        self._in_hand[message] = hand

    def consumed(self, now: int, client: str, consumer: str, producer: str, number: int) -> None:
        if (before := self._consumed.get((producer, number))) is not None:
            self.broken(now, f"{consumer} has consumed {producer}#{number}, as {before} had")
        self._consumed[producer, number] = consumer

    def event(self, now: int, client: str, text: str) -> None:
        if text == "FailureDetected":
            self._cut_off[client] = {}
            self._linked.discard(client)
            self._unaware.discard(client)
        elif text == "Connected":
            self._linked.add(client)
        elif text == "Reattached":
            for message, hand in self._cut_off.pop(client, {}).items():
                self._judge(now, message, hand)
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
        self._in_hand = {message: hand for message, hand in self._in_hand.items() if hand.client != client}
