"""
Large messages on their way in: a header, then the body in chunks, in the consumer's window.

    header ─ chunk ─ chunk ─ last chunk
      │        └── whole (up to collect_bytes_max): kept until the last has come, then handed out like any message
      └─ handed out at once: chunks wait, in the window, for `read_chunk`; what nobody read is dropped when the consumer moves on

Chunks give their credits back when they are read. Those of a message that is collected do so when nothing waits before it: else
a body larger than the window would never be whole, and a window would not bound what waits. So a consumer holds at most its window
and one message to be collected.

Sizes are claims: nothing is made for them before the bytes are there. A body that is longer or shorter than its header said is an
error for whoever reads it; the rest of the connection has nothing to do with it.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from corewire.client._calls import Call
from corewire.client._compression import Inflater
from corewire.errors import (
    CallTimeout,
    CorewireError,
    LargeMessageInterrupted,
    LocalProtocolError,
    RemoteProtocolError,
)

if TYPE_CHECKING:
    from corewire.client._consumer import Consumer
    from corewire.client._context import Context
    from corewire.client._delivery import Delivery

PIECE_BYTES: Final = 262_144  # of an inflated body, at a time
LACKING_BYTES_MAX: Final = 1_048_576  # without a window: what a reader asks for at a time


class Body:
    """The body of a large message, as far as it came and was not read.

    ``stored_bytes`` is what the broker has of it, compressed maybe; ``body_bytes`` what it has, or claims to have, inflated.
    """

    def __init__(self, stored_bytes: int, body_bytes: int, *, compressed: bool) -> None:
        self.body_bytes = body_bytes
        self.complete = False  #: the last chunk has come
        self.error: CorewireError | None = None  #: why there will be no more of it
        self.reader: Call[bytes] | None = None  #: who waits for a chunk
        self.dropped = False  #: nobody will read it
        self.parts: list[bytes] = []  #: for whoever brings it into memory
        self.in_pieces = False  #: for whoever takes it piece by piece
        self._stored_bytes = stored_bytes
        self._came_bytes = 0
        self._chunks: deque[tuple[bytes, int]] = deque()  # with what they cost
        self._inflater = Inflater(body_bytes) if compressed else None
        self._again: deque[bytes] = deque()  # given to a reader who was gone

    @property
    def read(self) -> bool:
        """Whether all of it was taken, or will not be."""
        return self.dropped or self.error is not None or (self.complete and not self._chunks and not self._left_inside)

    @property
    def lacking_bytes(self) -> int:
        """What has not come yet. Frames have more bytes, so they never leave credits for another message."""
        return self._stored_bytes - self._came_bytes

    @property
    def _left_inside(self) -> bool:
        return bool(self._again) or (self._inflater is not None and not self._inflater.hungry)

    def add(self, chunk: bytes, cost: int, *, last: bool) -> None:
        """A chunk came; ``cost``: its frame, in bytes."""
        self._came_bytes += len(chunk)
        self.complete = last
        if self.dropped:
            return
        self._chunks.append((chunk, cost))
        more = self._came_bytes > self._stored_bytes
        if more or (last and self._came_bytes < self._stored_bytes):
            text = f"a large message of {self._stored_bytes} bytes has {'more' if more else 'less'}: {self._came_bytes}"
            self.error = RemoteProtocolError(text, packet="SESS_RECEIVE_CONTINUATION")

    def collected(self) -> list[bytes]:
        """All that came, compressed if it is. For one that is complete."""
        return [chunk for chunk, _ in self._chunks]

    def take(self) -> tuple[bytes | None, int]:
        """The next piece, and the credits that are free now. b"": the end; None: wait. Raises what is wrong with it."""
        if self.error is not None:
            raise self.error
        if self._again:
            return self._again.popleft(), 0
        free = 0
        while self._chunks or self._left_inside:
            if self._inflater is None:
                chunk, cost = self._chunks.popleft()
                if chunk:
                    return chunk, free + cost
                free += cost
                continue
            if self._inflater.hungry:
                chunk, cost = self._chunks.popleft()
                self._inflater.feed(chunk)
                free += cost
            if piece := self._inflate():
                return piece, free
        if self.complete and self._inflater is not None:
            self._inflater.finish()
        return (b"" if self.complete else None), free

    def _inflate(self) -> bytes:
        assert self._inflater is not None
        try:
            return self._inflater.take(PIECE_BYTES)
        except RemoteProtocolError as error:
            self.error = error
            raise

    def untake(self, piece: bytes) -> None:
        """Nobody took it after all."""
        if piece:
            self._again.appendleft(piece)

    def drop(self) -> int:
        """Nobody will read it: forget what came. Returns the credits that are free now."""
        self.dropped = True
        free = sum(cost for _, cost in self._chunks)
        self._chunks.clear()
        self._again.clear()
        return free


class Arrivals:
    """The large messages of one consumer. At most one is arriving: the last in line."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self._arriving: Delivery | None = None  # more of it is to come
        self.in_hand: Delivery | None = None  #: what was handed out last, if its body is not in memory
        self._collecting = False

    @property
    def arriving(self) -> bool:
        """Whether chunks are to come."""
        return self._arriving is not None

    @property
    def lacking(self) -> int:
        """Bytes that the message which is arriving lacks, as far as they are wanted at once; 1 where there is none."""
        body = None if self._arriving is None else self._arriving.large
        return 1 if body is None else min(max(1, body.lacking_bytes), LACKING_BYTES_MAX)

    # -- what comes ------------------------------------------------------------------------------------------------------------

    def begin(self, delivery: Delivery, stored_bytes: int) -> None:
        """A header came; ``stored_bytes`` are to follow."""
        assert delivery.large is not None
        self._consumer.repay(self.interrupt(LargeMessageInterrupted("another message came before the end of this one")))
        self._arriving = delivery
        limit = self._consumer.collect_bytes_max
        self._collecting = stored_bytes <= limit and delivery.large.body_bytes <= limit
        if self._collecting:
            self.release()
        else:
            self._consumer.line_up(delivery)

    def add(self, chunk: bytes, cost: int, *, last: bool) -> None:
        """A chunk came. Of a message that was taken back or given up meanwhile it only gives its credits back."""
        delivery = self._arriving
        body = None if delivery is None else delivery.large
        if last:
            self._arriving = None
        if delivery is None or body is None:
            self._consumer.repay(cost)
            return
        body.add(chunk, cost, last=last)
        if body.dropped:
            self._consumer.repay(cost)
            return
        if self._collecting:
            delivery.frame_bytes += cost
            self._collect(delivery, body, last=last)
        elif body.error is not None:
            self._consumer.repay(body.drop())
            self._end_reader(body, body.error)
        elif body.reader is not None:
            self._serve(body)

    def _collect(self, delivery: Delivery, body: Body, *, last: bool) -> None:
        if body.error is not None:
            body.drop()
        elif last:
            delivery.hold(body.collected())
        else:
            self.release()
            return
        self._collecting = False
        self._consumer.line_up(delivery)

    def release(self) -> None:
        """Nothing waits before a message that is being collected: let it have what it needs."""
        delivery = self._arriving
        if delivery is not None and self._collecting and not self._consumer.buffered:
            cost, delivery.frame_bytes = delivery.frame_bytes, 0
            self._consumer.repay(cost)

    # -- reading ---------------------------------------------------------------------------------------------------------------

    def handed_out(self, delivery: Delivery) -> None:
        """The application has it."""
        self.in_hand = delivery

    def untaken(self, delivery: Delivery) -> None:
        """The application does not have it after all."""
        if self.in_hand is delivery:
            self.in_hand = None

    def move_on(self) -> None:
        """The application wants the next message: nobody will read the rest of this one."""
        delivery, self.in_hand = self.in_hand, None
        if delivery is not None and (body := delivery.large) is not None and not body.read:
            self._end_reader(body, LocalProtocolError("the consumer has moved on: the rest of the body was dropped"))
            self._consumer.repay(body.drop())

    def read(self, now: float, delivery: Delivery) -> Call[bytes]:
        """The next piece of its body; b"" at the end. Fails with what is wrong with it."""
        body = delivery.large
        if body is None:
            raise LocalProtocolError("the body is in memory", subject=repr(delivery))
        if body.reader is not None:
            raise LocalProtocolError("somebody else is reading the body", subject=repr(delivery))
        if body.dropped and body.error is None:
            raise LocalProtocolError("the consumer has moved on: the body was dropped", subject=repr(delivery))
        call: Call[bytes] = Call()
        body.reader = call
        call.withdraw = lambda _now: self._stop_reading(body)
        self._serve(body)
        if not call.done:
            self._consumer.session.readers.add(now, body)
        return call

    @staticmethod
    def _stop_reading(body: Body) -> None:
        body.reader = None

    def _serve(self, body: Body) -> None:
        call = body.reader
        assert call is not None
        try:
            piece, free = body.take()
        except CorewireError as error:
            self._consumer.repay(body.drop())
            self._end_reader(body, error)
            return
        self._consumer.repay(free)
        if piece is None:
            self._consumer.want_more()
            return
        body.reader = None
        call.untake = lambda _now: body.untake(piece)
        self._consumer.session.context.succeed(call, piece)

    def _end_reader(self, body: Body, error: Exception) -> None:
        call, body.reader = body.reader, None
        if call is not None and not call.done:
            self._consumer.session.context.fail(call, error)

    # -- taking back -----------------------------------------------------------------------------------------------------------

    def interrupt(self, error: CorewireError) -> int:
        """What is arriving will not be complete. Returns the credits that are free now."""
        delivery, self._arriving = self._arriving, None
        collecting, self._collecting = self._collecting, False
        if delivery is None or delivery.large is None:
            return 0
        free = self._break_off(delivery.large, error)
        return delivery.frame_bytes if collecting else free

    def take_back(self, error: CorewireError) -> int:
        """What is arriving or in hand comes again. Returns the credits that are free now."""
        delivery, self.in_hand = self.in_hand, None
        unread = delivery is not None and delivery.large is not None and not delivery.large.read
        free = self.interrupt(error)
        if delivery is not None and delivery.large is not None and unread:
            free += self._break_off(delivery.large, error)
            self._consumer.was_interrupted(delivery)
        return free

    def _break_off(self, body: Body, error: CorewireError) -> int:
        body.error = body.error or error
        self._end_reader(body, body.error)
        return body.drop()


class Readers:
    """Who waits for chunks in one session: the broker has their credits, so it is late if they do not come."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._waiting: dict[Body, float] = {}  # until when; deadlines never decrease in it

    def add(self, now: float, body: Body) -> None:
        """Somebody waits from now on."""
        self._waiting.pop(body, None)
        self._waiting[body] = now + self._context.config.call_timeout_s

    def postpone(self, now: float) -> None:
        """The broker could not deliver until now."""
        for body in self._waiting:
            self._waiting[body] = now + self._context.config.call_timeout_s

    def next_timeout(self) -> float | None:
        """When the next one has waited too long."""
        return next(iter(self._waiting.values()), None)

    def expire(self, now: float) -> None:
        """Tell those who have waited too long. The rest may still come, and be read."""
        while (at := self.next_timeout()) is not None and at <= now:
            body = next(iter(self._waiting))
            del self._waiting[body]
            call, body.reader = body.reader, None
            if call is not None and not call.done:
                self._context.fail(call, CallTimeout("the rest of a large message did not come in time"))
