"""
The traffic of one producer and one consumer: recorded once against a broker, fed again to fresh ones.

A core is deterministic, so the inputs of one run are right for every other: what is timed is the broker alone, no client.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from struct import Struct
from typing import TYPE_CHECKING, Final, Protocol

from bench import data
from bench.toy import Toy
from tests.server.helpers import World

from corewire.wire import hot
from corewire.wire.framing import FrameReader
from corewire_server.core import CoreConfig
from corewire_server.core.effects import Append, SendBytes
from corewire_server.core.inputs import BytesReceived

if TYPE_CHECKING:
    from collections.abc import Callable

PRODUCER, CONSUMER = 0, 1
CHANNEL: Final = 10
_LONG: Final = Struct(">q")


class Peer(Protocol):
    """A broker with a producer's and a consumer's link, ready for traffic."""

    def feed(self, link: int, chunk: bytes) -> list[tuple[int, bytes]]:
        """Take a read; return what is written to which link."""
        ...

    def replay(self, inputs: list[tuple[int, bytes]]) -> int:
        """Take recorded reads. Returns the number of bytes written, and one million for each record kept."""
        ...

    def left(self) -> int:
        """How many messages wait or are not acknowledged."""
        ...


class Ours:
    """Our core."""

    def __init__(self, *, window: int, keep: bool) -> None:
        config = CoreConfig(node_seed=b"bench")
        self.world = world = World(config)
        self.links = [world.connect().link, world.connect().link]
        self.broker = world.broker
        producer, consumer = (
            world.clients[link].session(window_size=window or -1, pre_acknowledge=False) for link in self.links
        )
        assert producer.channel == consumer.channel == CHANNEL
        producer.queue(data.ADDRESS, durable=keep)
        consumer.consume(data.ADDRESS, credit=data.WINDOW_BYTES)

    def feed(self, link: int, chunk: bytes) -> list[tuple[int, bytes]]:
        effects = self.broker.step(self.world.now, BytesReceived(self.links[link], chunk))
        return [(self.links.index(one.link), one.data) for one in effects if isinstance(one, SendBytes)]

    def replay(self, inputs: list[tuple[int, bytes]]) -> int:
        step, now, links = self.broker.step, self.world.now, self.links
        total = 0
        for link, chunk in inputs:
            for effect in step(now, BytesReceived(links[link], chunk)):
                if isinstance(effect, SendBytes):
                    total += len(effect.data)
                elif isinstance(effect, Append):
                    total += 1_000_000 * len(effect.records)
        return total

    def left(self) -> int:
        return self.broker.state.store.queues[data.ADDRESS].message_count


class Floor:
    """The toy."""

    def __init__(self, *, window: int, keep: bool) -> None:
        self.toy = Toy(data.ADDRESS, window=window, keep=keep)
        self.sessions = [self.toy.producer, self.toy.consumer]
        self.toy.consumer.credits = data.WINDOW_BYTES

    def feed(self, link: int, chunk: bytes) -> list[tuple[int, bytes]]:
        return [(self.sessions.index(session), out) for session, out in self.toy.feed(self.sessions[link], chunk)]

    def replay(self, inputs: list[tuple[int, bytes]]) -> int:
        feed, sessions, toy = self.toy.feed, self.sessions, self.toy
        total = 0
        for link, chunk in inputs:
            for _, out in feed(sessions[link], chunk):
                total += len(out)
            if toy.keep:
                total += 1_000_000 * len(toy.take_records())
        return total

    def left(self) -> int:
        queue = self.toy.consumer.queue
        assert queue is not None
        return len(queue.waiting) + len(self.toy.consumer.unacked)


@dataclass(frozen=True, slots=True)
class Recording:
    """Reads in order, and what a broker makes of them."""

    inputs: list[tuple[int, bytes]]
    checksum: int


class Clients:
    """Both clients: they take deliveries, acknowledge each, give credits back and confirm as Java clients do."""

    def __init__(self, first_unconfirmed: list[int], window: int) -> None:
        self.window = window
        self.readers = [FrameReader(), FrameReader()]
        self.received = [first - 1 for first in first_unconfirmed]  # the id of the last command, by link
        self.unconfirmed = [0, 0]
        self.delivered: list[int] = []
        self.answered = 0
        self.used = 0  # credits not given back yet

    def take(self, link: int, out: bytes) -> bytes:
        """Read what a broker wrote; returns what the client writes."""
        answer: list[bytes] = []
        for frame in self.readers[link].feed(out):
            kind = frame[4]
            if kind == hot.PACKETS_CONFIRMED:
                continue
            if kind == hot.RECEIVE:
                raw = hot.parse_receive(frame)[0]
                message_id = _LONG.unpack_from(raw, 4 + len(data.BODY))[0]
                self.delivered.append(message_id)
                answer.append(hot.acknowledge_frame(CHANNEL, 0, message_id, False))
                self.used += len(frame)
                if self.used >= data.WINDOW_BYTES // 2:
                    answer.append(hot.flow_token_frame(CHANNEL, 0, self.used))
                    self.used = 0
            else:
                assert kind == hot.NULL_RESPONSE
                self.answered += 1
            if self.window:
                self.received[link] += 1
                self.unconfirmed[link] += len(frame)
                if self.unconfirmed[link] >= self.window:
                    self.unconfirmed[link] = 0
                    answer.append(hot.packets_confirmed_frame(CHANNEL, self.received[link]))
        return b"".join(answer)


def record(make: Callable[[], Peer], messages: int, *, window: int, durable: bool, sent_before: list[int]) -> Recording:
    """
    Let both clients talk to a broker and keep what it was sent; a fresh broker must do the same with it.

    ``sent_before``: how many commands it has sent on each link. With a window every send asks for an answer.
    """
    sends = [
        data.send(CHANNEL, durable=durable, answer=window > 0, correlation_id=number + 1 if window else -1)
        for number in range(messages)
    ]
    peer, clients = make(), Clients(sent_before, window)
    inputs: list[tuple[int, bytes]] = []
    for read in data.reads(sends):
        line = [(PRODUCER, read)]
        while line:
            link, chunk = line.pop(0)
            inputs.append((link, chunk))
            for to, out in peer.feed(link, chunk):
                line += [(to, part) for part in data.reads([clients.take(to, out)])]
    assert peer.left() == 0, "delivered and acknowledged is what was sent"
    assert len(clients.delivered) == messages
    assert all(a < b for a, b in pairwise(clients.delivered)), "in order"
    assert clients.answered == (messages if window else 0)
    again = make()
    checksum = again.replay(inputs)
    assert again.left() == 0
    return Recording(inputs, checksum)
