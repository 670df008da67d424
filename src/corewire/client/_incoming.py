"""What a broker tells a session: deliveries, credits, confirmations; whatever else it says answers a command."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

from corewire.client._commands import NULL_RESPONSE, Commands
from corewire.client._large_receive import Readers
from corewire.wire import packets
from corewire.wire.hot import parse_receive
from corewire.wire.registry import decode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from corewire.client._calls import Packet
    from corewire.client._consumer import Consumer
    from corewire.client._context import Context
    from corewire.client._outlets import Outlets

_CORRELATION = Struct(">q")
_COMMAND_ID = Struct(">i")
_RECEIVE = packets.SessionReceiveMessage.TYPE
_NULL = packets.NullResponse.TYPE
_CONFIRMED = packets.PacketsConfirmed.TYPE
_CONFIRMED_BYTES = 17  # of a whole one; the decoder says what is wrong with others


class Incoming(Commands):
    """The frames of one session's channel, each to whom it concerns."""

    outlets: Outlets
    started: bool  #: the broker may deliver

    def __init__(self, context: Context, *, transacted: bool) -> None:
        super().__init__(context, transacted=transacted)
        self.consumers: dict[int, Consumer] = {}
        self.readers = Readers(context)

    def receive_run(self, now: float, kind: int, frames: Iterable[bytes]) -> None:
        """Whole frames of this session's channel, all of one type. Raises RemoteProtocolError."""
        if kind == _RECEIVE:
            self._receive_messages(frames)
        elif kind == _NULL:
            self._receive_answers(now, frames)
        else:
            for frame in frames:
                self._receive_frame(now, kind, frame)
                if self.error is not None:
                    return
        if self.outlets.waiting:
            self.outlets.pump(now)

    def _receive_messages(self, frames: Iterable[bytes]) -> None:
        channel, consumers = self.channel, self.consumers
        counted = channel.window_bytes is not None
        for frame in frames:
            if counted:
                channel.processed(len(frame))
            message, number, delivery_count = parse_receive(frame)
            if (consumer := consumers.get(number)) is not None:
                consumer.deliver(message, delivery_count, len(frame))

    def _receive_answers(self, now: float, frames: Iterable[bytes]) -> None:
        """Nearly all are those of sends: each carries the number of its own."""
        channel, sends = self.channel, self.answers.sends
        counted = channel.window_bytes is not None
        for frame in frames:
            if counted:
                channel.processed(len(frame))
            correlation = _CORRELATION.unpack_from(frame, 13)[0] if len(frame) >= 21 else None
            if correlation in sends:
                self.answer(now, sends.pop(correlation), NULL_RESPONSE)
            else:
                self.answered(now, NULL_RESPONSE, correlation)
            if self.error is not None:
                return

    def _receive_frame(self, now: float, kind: int, frame: bytes) -> None:
        if kind == _CONFIRMED and len(frame) >= _CONFIRMED_BYTES:
            self.channel.confirmed(_COMMAND_ID.unpack_from(frame, 13)[0])
        else:
            packet = decode(frame, self.channel.version)
            self.channel.processed(len(frame))
            self._receive(now, packet, len(frame))

    def _receive(self, now: float, packet: Packet, size: int) -> None:
        match packet:
            case packets.SessionProducerCredits(credits=credits, address=address):
                self.outlets.granted(now, address, credits, failed=False)
            case packets.SessionProducerFailCredits(credits=credits, address=address):
                self.outlets.granted(now, address, credits, failed=True)
            case packets.DisconnectConsumer(consumer_id=number):
                if (consumer := self.consumers.get(number)) is not None:
                    consumer.closed_by_broker(now)
            case packets.SessionReceiveLargeMessage(consumer_id=number):
                if (consumer := self.consumers.get(number)) is not None:
                    consumer.deliver_large(packet, size)
            case packets.SessionReceiveContinuation(consumer_id=number):
                if (consumer := self.consumers.get(number)) is not None:
                    consumer.deliver_chunk(packet, size)
            case _:
                self.answered(now, packet, getattr(packet, "correlation_id", None))

    def go_on_delivering(self, now: float) -> None:
        """The session is on a link again."""
        self.readers.postpone(now)
        for consumer in [each for each in self.consumers.values() if each.spoiled]:
            consumer.renew(now)

    @property
    def _delivering(self) -> bool:
        return self.started and not self.locked

    def next_timeout(self) -> float | None:
        """When a command, or a message that waits for room, or a reader, will have waited too long."""
        reading_until = self.readers.next_timeout() if self._delivering else None
        deadlines = (super().next_timeout(), self.outlets.next_timeout(), reading_until)
        return min((at for at in deadlines if at is not None), default=None)

    def expire(self, now: float) -> bool:
        """Tell callers that have waited too long. Returns whether the link is to blame: an answer did not come."""
        self.outlets.tell(now)
        self.outlets.expire(now)
        if self._delivering:
            self.readers.expire(now)
        blamed = super().expire(now)
        self.outlets.give_up_look_ups(now)
        return blamed
