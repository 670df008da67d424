"""A world whose broker takes large messages: it throws them away. What a broker says of them itself, tests let it say."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from tests.engine.client_world import ClientWorld, fragile

from corewire.client.message import Message
from corewire.values import AckMode, Long
from corewire.wire import packets
from corewire.wire.framing import FrameReader, channel_id
from corewire.wire.message import CoreMessage, encode_message, with_body
from corewire.wire.registry import decode, encode

if TYPE_CHECKING:
    from corewire.client._delivery import Delivery
    from corewire.client._ids import ConsumerId, SessionId
    from corewire.client.config import ClientConfig

CHUNK = 1_000
NOISE = random.Random(7).randbytes(10_000)
COLLECT = 3_000


class LargeWorld(ClientWorld):
    """Its broker says yes where ours says that it has no large messages yet; ``mute``: it says nothing about them."""

    def __init__(self, config: ClientConfig, *, foreign: bool = False) -> None:
        self.mute = False
        super().__init__(config, foreign=foreign, pump=False)
        receive = self.engine.receive_data

        def tolerant(now: float, link: int, data: bytes) -> None:
            receive(now, link, b"".join(map(self._tolerate, FrameReader().feed(data))))

        self.engine.receive_data = tolerant  # type: ignore[method-assign]
        self.pump()

    def _tolerate(self, frame: bytes) -> bytes:
        packet = decode(frame, 136)
        if not isinstance(packet, packets.ExceptionResponse) or packet.code != 213:
            return frame
        return b"" if self.mute else encode(packets.NullResponse(packet.correlation_id), channel_id(frame), 136)

    # -- what was sent

    def packets_of(self, *kinds: type[Any]) -> list[Any]:
        """What the client wrote of these kinds."""
        return [packet for frame in self.frames if isinstance(packet := decode(frame, 136), kinds)]

    @property
    def chunks(self) -> list[packets.SessionSendContinuation]:
        return self.packets_of(packets.SessionSendContinuation)

    @property
    def headers(self) -> list[CoreMessage]:
        return [CoreMessage(with_body(packet.message)) for packet in self.packets_of(packets.SessionSendLarge)]

    # -- what is delivered

    def say(self, session: SessionId, packet: Any) -> None:
        """The broker says it on the session's channel."""
        channel = self.engine._session(session).channel
        frame = encode(packet, channel.channel, channel.version)
        self.engine.receive_data(self.now, self.link, frame)
        self.perform()

    def begin(self, consumer: ConsumerId, size: int, message_id: int = 1, **properties: Any) -> int:
        """The header of a large message comes. Returns what it costs."""
        found = self.engine._consumer(consumer)
        raw = encode_message(b"", address="q", message_id=message_id, type=4, durable=True, properties=properties)
        packet = packets.SessionReceiveLargeMessage(found.number, 1, size, CoreMessage(raw).header)
        self.say(found.session.id, packet)
        return len(encode(packet, 10, 136))

    def chunk(self, consumer: ConsumerId, data: bytes, *, last: bool = False) -> int:
        """A chunk comes. Returns what it costs."""
        found = self.engine._consumer(consumer)
        packet = packets.SessionReceiveContinuation(data, not last, found.number)
        self.say(found.session.id, packet)
        return len(encode(packet, 10, 136))

    def small(self, consumer: ConsumerId, text: str, message_id: int) -> None:
        """An ordinary message comes."""
        found = self.engine._consumer(consumer)
        body = Message(text)._of.body
        raw = encode_message(body, address="q", message_id=message_id, type=3, durable=True)
        self.say(found.session.id, packets.SessionReceiveMessage(raw, found.number, 1))

    @property
    def tokens(self) -> list[int]:
        """Credits that consumers gave, in order."""
        return [packet.credits for packet in self.packets_of(packets.SessionFlowToken)]


class Stage:
    """A consumer, and a broker that says what a test wants. Bodies up to ``COLLECT`` bytes are collected."""

    def __init__(self, *, window: int | None = 100_000, ack_mode: AckMode = AckMode.AUTO, **fields: Any) -> None:
        self.world = LargeWorld(fragile(collect_bytes_max=COLLECT, retry_interval_s=0.1, **fields))
        self.session = self.world.session(ack_mode=ack_mode)
        self.consumer: ConsumerId = self.world.consumer(self.session, window_bytes=window)

    def nowait(self) -> Delivery | None:
        return self.world.engine.receive_nowait(self.world.now, self.consumer)

    def next(self) -> Delivery:
        delivery = self.nowait()
        assert delivery is not None
        return delivery

    def read(self, delivery: Delivery) -> Any:
        operation = self.world.engine.read_chunk(self.world.now, delivery)
        self.world.perform()
        return operation

    def body(self, delivery: Delivery) -> bytes:
        """All of it; nothing is to come any more."""
        pieces: list[bytes] = []
        while piece := self.read(delivery).result():
            pieces.append(piece)
        return b"".join(pieces)

    def large(self, data: bytes, message_id: int = 1, *, size: int | None = None, chunk: int = 1_000) -> int:
        """A whole large message comes. Returns what it costs."""
        cost = self.world.begin(self.consumer, len(data) if size is None else size, message_id)
        parts = [data[at : at + chunk] for at in range(0, len(data), chunk)] or [b""]
        for number, part in enumerate(parts, 1):
            cost += self.world.chunk(self.consumer, part, last=number == len(parts))
        return cost

    def answer(self, sequence: int) -> None:
        """The broker's answer to a question whether there is more."""
        raw = encode_message(b"", address="q", priority=0, properties={"_hornetq.forced.delivery.seq": Long(sequence)})
        number = self.world.engine._consumer(self.consumer).number
        self.world.say(self.session, packets.SessionReceiveMessage(raw, number, 1))

    @property
    def given(self) -> int:
        """Credits that were given back."""
        return sum(self.world.tokens[1:])


def compressed(stage: Stage, data: bytes, claim: int, message_id: int = 1) -> None:
    marks = {"_AMQ_LARGE_COMPRESSED": True, "_AMQ_LARGE_SIZE": Long(claim)}
    stage.world.begin(stage.consumer, len(data), message_id, **marks)
    stage.world.chunk(stage.consumer, data, last=True)
