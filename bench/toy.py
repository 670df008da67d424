"""
The least that a broker core can do for a message: the floor that ours is measured against.

It cuts frames, finds the address and stamps an id into a SESS_SEND, looks the queue up, gives the message to the consumer as
credits allow, keeps what is not acknowledged, counts and confirms both directions and keeps what the peer has not confirmed.
It checks nothing: no versions, users, limits, expiry, priorities, filters, transactions, selectors, several consumers.
"""

from __future__ import annotations

from collections import deque
from struct import Struct
from typing import Final

_LENGTH: Final = Struct(">i").unpack_from
_LONG: Final = Struct(">q")
_INT: Final = Struct(">i")
_ID: Final = Struct(">Bi")
_FIXED: Final = Struct(">bBqqb")
_ANSWER: Final = Struct(">Bq")
_TWO: Final = Struct(">qq")
_TOKEN: Final = Struct(">qi")
_HEAD: Final = Struct(">ibq")
_CONFIRMED: Final = Struct(">ibqi")
_RESPONSE: Final = Struct(">ibqq")
_SEND, _ACKNOWLEDGE, _FLOW_TOKEN, _PACKETS_CONFIRMED = 71, 41, 70, 22


class Message:
    """What waits."""

    __slots__ = ("count", "durable", "id", "priority", "raw")

    def __init__(self, message_id: int, raw: bytes, priority: int, durable: int) -> None:
        self.id = message_id
        self.raw = raw
        self.priority = priority
        self.durable = durable
        self.count = 0


class Queue:
    """Messages in order, and the one who takes them."""

    def __init__(self) -> None:
        self.waiting: deque[Message] = deque()
        self.consumer: Session | None = None
        self.dirty = False


class Session:
    """A channel of a link, with at most one consumer."""

    def __init__(self, toy: Toy, channel: int, window: int) -> None:
        self.toy = toy
        self.channel = channel
        self.window = window  # 0: nothing is counted
        self.rest = b""
        self.out: list[bytes] = []
        self.kept: list[bytes] = []
        self.first_kept = 0
        self.received = -1
        self.unconfirmed = 0
        self.queue: Queue | None = None
        self.credits = 0
        self.unacked: deque[Message] = deque()

    def write(self, frame: bytes) -> None:
        """Send, and keep until it is confirmed."""
        if self.window:
            self.kept.append(frame)
        self.out.append(frame)

    def count(self, size: int) -> None:
        """A command is done."""
        self.received += 1
        self.unconfirmed += size
        if self.unconfirmed >= self.window:
            self.unconfirmed = 0
            self.out.append(_CONFIRMED.pack(13, _PACKETS_CONFIRMED, self.channel, self.received))

    def frames(self, data: bytes) -> list[bytes]:
        """Cut what came."""
        if self.rest:
            data = self.rest + data
        frames: list[bytes] = []
        at, end = 0, len(data)
        while end - at >= 4:
            behind = at + 4 + _LENGTH(data, at)[0]
            if behind > end:
                break
            frames.append(data[at:behind])
            at = behind
        self.rest = data[at:]
        return frames


class Toy:
    """One address, one queue; ``feed`` takes a read of a session."""

    def __init__(self, address: str, *, window: int, keep: bool) -> None:
        self.queues: dict[bytes, Queue] = {address.encode("utf-16-le"): Queue()}
        self.last_id = 0
        self.keep = keep  # durable messages and their ends become records
        self.records: list[tuple[int, int, int, bytes, int]] = []
        self.dirty: list[Queue] = []
        self.producer = Session(self, 10, window)
        self.consumer = Session(self, 10, window)
        queue = self.consumer.queue = next(iter(self.queues.values()))
        queue.consumer = self.consumer

    def feed(self, session: Session, data: bytes) -> list[tuple[Session, bytes]]:
        """One read: what is written to whom because of it."""
        for frame in session.frames(data):
            kind = frame[4]
            if kind == _SEND:
                self._send(session, frame)
            elif kind == _ACKNOWLEDGE:
                self._acknowledge(session, _TWO.unpack_from(frame, 13)[1])
            elif kind == _FLOW_TOKEN:
                session.credits += _TOKEN.unpack_from(frame, 13)[1]
                assert session.queue is not None
                self._touch(session.queue)
            elif kind == _PACKETS_CONFIRMED:
                last = _INT.unpack_from(frame, 13)[0]
                del session.kept[: last + 1 - session.first_kept]
                session.first_kept = last + 1
                continue
            if session.window:
                session.count(len(frame))
        for queue in self.dirty:
            queue.dirty = False
            self._deliver(queue)
        self.dirty.clear()
        written: list[tuple[Session, bytes]] = []
        for one in (self.producer, self.consumer):
            if one.out:
                written.append((one, b"".join(one.out)))
                one.out = []
        return written

    def take_records(self) -> tuple[tuple[int, int, int, bytes, int], ...]:
        """What is to be kept, since the last call."""
        records = tuple(self.records)
        self.records.clear()
        return records

    def _touch(self, queue: Queue) -> None:
        if not queue.dirty:
            queue.dirty = True
            self.dirty.append(queue)

    def _send(self, session: Session, frame: bytes) -> None:
        end = len(frame) - 13
        at = _INT.unpack_from(frame, 13)[0] + 4
        _, length = _ID.unpack_from(frame, at + 8)
        behind = at + 13 + length
        queue = self.queues[frame[at + 13 : behind]]
        behind += 17 if frame[behind] else 1
        _, durable, _, _, priority = _FIXED.unpack_from(frame, behind)
        self.last_id = message_id = self.last_id + 1
        raw = b"".join((frame[13:at], _LONG.pack(message_id), frame[at + 8 : end]))
        if durable and self.keep:
            self.records.append((1, message_id, 4, raw, 0))
        queue.waiting.append(Message(message_id, raw, priority, durable))
        self._touch(queue)
        wanted, correlation = _ANSWER.unpack_from(frame, end)
        if wanted:
            session.write(_RESPONSE.pack(17, 21, session.channel, correlation))

    def _acknowledge(self, session: Session, message_id: int) -> None:
        unacked = session.unacked
        while unacked and unacked[0].id <= message_id:
            message = unacked.popleft()
            if message.durable and self.keep:
                self.records.append((3, message.id, 0, b"", 0))

    def _deliver(self, queue: Queue) -> None:
        waiting, session = queue.waiting, queue.consumer
        assert session is not None
        while waiting and session.credits > 0:
            message = waiting.popleft()
            message.count += 1
            raw = message.raw
            frame = b"".join((_HEAD.pack(len(raw) + 21, 75, session.channel), raw, _TOKEN.pack(0, message.count)))
            session.credits -= len(frame)
            session.unacked.append(message)
            session.write(frame)
