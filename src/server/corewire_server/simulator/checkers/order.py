"""Order is kept per producer."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

from corewire.wire import hot
from corewire.wire.framing import LENGTH_SIZE, channel_id
from corewire.wire.message import CoreMessage
from corewire_server.simulator.checkers.checker import Checker

if TYPE_CHECKING:
    from corewire_server.core.broker import Broker
    from corewire_server.core.consumers import Consumer

_TEXT_AT: Final = 5  # in the body: whether there is one, and its length
_ZLIB: Final = b"\x78"  # a compressed body begins with it


class OrderKept(Checker):
    """
    A consumer gets the messages of a producer of one priority in the order in which they were sent. (A consumer of the world has
    one queue.) What another consumer was given before came back from it, and may be late; so may what is redelivered.
    """

    rule = "order"

    def __init__(self) -> None:
        super().__init__()
        self._priority: dict[tuple[str, int], int] = {}
        self._newest: dict[tuple[str, str, int], int] = {}  # by consumer, producer and priority
        self._cores: dict[str, Broker] = {}
        #: message -> consumers that were given it, as the broker knows them: queue, session, number
        self._given: dict[tuple[str, int], set[tuple[str, str, int]]] = {}

    def sent(
        self, now: int, client: str, producer: str, number: int, queue: str, *, durable: bool, priority: int
    ) -> None:
        self._priority[producer, number] = priority

    def core_made(self, now: int, node: str, core: Broker) -> None:
        self._cores[node] = core

    def answered(self, now: int, node: str, link: int, data: bytes) -> None:
        at = 0
        while at < len(data):
            end = at + LENGTH_SIZE + int.from_bytes(data[at : at + LENGTH_SIZE], "big")
            if data[at + LENGTH_SIZE] == hot.RECEIVE:
                self._left(node, link, data[at:end])
            at = end

    def _left(self, node: str, link: int, frame: bytes) -> None:
        known = self._cores[node].state.links.get(link)
        session = None if known is None else known.sessions.get(channel_id(frame))
        raw, number, _ = hot.parse_receive(frame)
        consumer = None if session is None else session.consumers.get(number)
        if consumer is not None:
            self._note(raw, consumer)
        elif (message := _read(raw)) is not None:  # consumer, session or link were closed before this left
            holder = "", f"link {link}" if session is None else session.name, number
            self._given.setdefault(message, set()).add(holder)

    def ended(self, now: int, node: str, reason: str) -> None:
        core = self._cores.get(node)
        for session in () if core is None else core.state.sessions.values():
            for consumer in session.consumers.values():
                for ref in consumer.unacked.values():  # of a client without a link: it never left
                    self._note(ref.message, consumer)

    def _note(self, raw: bytes, consumer: Consumer) -> None:
        if not consumer.browses and (message := _read(raw)) is not None:
            holder = consumer.queue.config.name, consumer.session.name, consumer.id
            self._given.setdefault(message, set()).add(holder)

    def delivered(
        self, now: int, client: str, consumer: str, producer: str, number: int, queue: str, *, redelivered: bool
    ) -> None:
        rank = consumer, producer, self._priority.get((producer, number), -1)
        newest = self._newest.get(rank, -1)
        if number > newest:
            self._newest[rank] = number
        elif not redelivered:
            given = self._given.get((producer, number), ())
            if sum(holder[0] in (queue, "") for holder in given) < 2:
                self.broken(now, f"{consumer} got {producer}#{number} after #{newest}")


def _read(raw: bytes) -> tuple[str, int] | None:
    """Producer and number of a message of the world (``workloads.py``); None: it is another."""
    body = CoreMessage(raw).body
    if body[:1] == _ZLIB:  # a text begins with a 1
        body = zlib.decompress(body)
    words = body[_TEXT_AT:].decode("utf-16-le", "replace").split(" ", 2)
    return (words[0], int(words[1])) if len(words) == 3 and words[1].isdigit() else None
