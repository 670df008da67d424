"""Nothing is delivered twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from corewire_server.simulator.checkers.checker import DiskChecker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from corewire_server.core.broker import Broker

ANEW: Final = ("FailedOver", "FailoverFailed")
"""What a client tells when sessions of it were made anew, or never will be: what they had in hand may go to anybody."""


_Message: TypeAlias = tuple[str, int, str]  # producer, number, queue


class _Hand(NamedTuple):
    client: str
    consumer: str
    redelivered: bool


class NothingDoubled(DiskChecker):
    """
    What was consumed never comes again, and is not consumed again. What is in somebody's hands comes again only as redelivered;
    as new only if a node serves from its disk since, which does not know of every delivery, or if its client's sessions are made
    anew, which it may hear a little later. What a client hands out of its buffer while it has no link, or has none at the broker and
    does not know it yet, counts only when its sessions go on, or at the end; nor does what a broker that is gone had written, for a
    client that does not know.
    """

    rule = "doubled"

    def __init__(self) -> None:
        super().__init__()
        self._consumed: dict[_Message, str] = {}
        self._in_hand: dict[_Message, _Hand] = {}
        self._cut_off: dict[str, dict[_Message, _Hand]] = {}  # client without a link -> the same
        self._consumed_there: dict[
            str, dict[_Message, str]
        ] = {}  # client without a link -> what the broker forgot before
        self._doubts: dict[str, list[str]] = {}  # client without a link -> what came as new that it may still have
        self._given_up: dict[str, dict[_Message, _Hand]] = {}  # client that does not know it yet -> the same
        self._cores: dict[str, Broker] = {}  # of nodes
        self._serving: set[str] = set()  # nodes
        self._linked: set[str] = set()  # clients, as they know
        self._unaware: set[str] = set()  # of them, those whose broker is gone, with all that it knew

    def delivered(
        self, now: int, client: str, consumer: str, producer: str, number: int, queue: str, *, redelivered: bool
    ) -> None:
        hand = _Hand(client, consumer, redelivered)
        if client in self._cut_off:
            self._cut_off[client][producer, number, queue] = hand
        elif client not in self._unaware:
            message = producer, number, queue
            if message in self._consumed and not self._is_known(client):
                self._given_up.setdefault(client, {})[message] = hand
            else:
                self._judge(now, message, hand)

    def _is_known(self, client: str) -> bool:
        """Whether a link of a client is at whoever serves. One who was led comes from a node: nobody can say who it is."""
        remotes = {link.remote for node in self._serving for link in self._cores[node].state.links.values()}
        return not self._serving or client in remotes

    def core_made(self, now: int, node: str, core: Broker) -> None:
        super().core_made(now, node, core)
        self._cores[node] = core

    def serving(self, now: int, node: str, epoch: int, serves: bool) -> None:
        super().serving(now, node, epoch, serves)
        (self._serving.add if serves else self._serving.discard)(node)

    def _judge(self, now: int, message: _Message, hand: _Hand) -> None:
        name = f"{hand.consumer} got {message[0]}#{message[1]}"
        if message in self._consumed:
            self.broken(now, f"{name}, which {self._consumed[message]} has consumed")
        elif message in self._in_hand and not hand.redelivered:
            holder, text = self._in_hand[message], f"{name} as new; {self._in_hand[message].consumer} has it"
            if holder.client in self._cut_off:
                self._doubts.setdefault(holder.client, []).append(text)
            else:
                self.broken(now, text)
        self._in_hand[message] = hand

    def consumed(self, now: int, client: str, consumer: str, producer: str, number: int, queue: str) -> None:
        message = producer, number, queue
        if client in self._cut_off:
            self._consumed_there.setdefault(client, {})[message] = consumer
        else:
            self._consume(now, message, consumer)

    def _consume(self, now: int, message: _Message, consumer: str) -> None:
        if (before := self._consumed.get(message)) is not None:
            self.broken(now, f"{consumer} has consumed {message[0]}#{message[1]}, as {before} had")
        self._consumed[message] = consumer

    def event(self, now: int, client: str, text: str) -> None:
        if text == "FailureDetected":
            self._cut_off[client] = self._given_up.pop(client, {})
            self._linked.discard(client)
            self._unaware.discard(client)
        elif text == "Connected":
            self._linked.add(client)
        elif text == "Reattached":
            for message, hand in self._cut_off.pop(client, {}).items():
                self._judge(now, message, hand)
            for text in self._doubts.pop(client, ()):
                self.broken(now, text)
            self._linked.add(client)
        elif text in ANEW:
            self._forget(client)
            self._linked.add(client)
        if client not in self._cut_off:
            for message, consumer in self._consumed_there.pop(client, {}).items():
                self._consume(now, message, consumer)

    def finished(self, now: int, unfinished: Sequence[str]) -> None:
        for hands in self._given_up.values():
            for message, hand in hands.items():
                self._judge(now, message, hand)

    def client_killed(self, now: int, client: str) -> None:
        self._forget(client)

    def memory_lost(self) -> None:
        self._in_hand.clear()
        self._unaware = set(self._linked)

    def _forget(self, client: str) -> None:
        self._cut_off.pop(client, None)
        self._given_up.pop(client, None)
        self._doubts.pop(client, None)
        self._in_hand = {message: hand for message, hand in self._in_hand.items() if hand.client != client}
