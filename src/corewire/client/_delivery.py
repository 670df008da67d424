"""A message as it came, with what an acknowledgement of it must know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from corewire.client import _headers
from corewire.client._compression import inflate
from corewire.client._large_receive import Body
from corewire.client.message import Message
from corewire.errors import BodyNotRead, RemoteProtocolError
from corewire.values import Queue, RoutingType, Topic
from corewire.wire.message import BODY_AT, CoreMessage, encode_message, with_body
from corewire.wire.properties import encode_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from corewire.client._consumer import Consumer
    from corewire.client._ids import ConsumerId
    from corewire.values import Destination

_MARKER: Final = "_hornetq.forced.delivery.seq"
_COMPRESSED: Final = encode_name(_headers.LARGE_COMPRESSED)


def marker(message: CoreMessage) -> int | None:
    """The number of a forced delivery, if this is the broker's answer to one and no message. Not durable, of priority 0: else
    it is a message, and its properties need not be looked at."""
    try:
        sequence = message.properties.get(_MARKER)
    except RemoteProtocolError:  # then it is a message, and told to whoever reads it
        return None
    return sequence if isinstance(sequence, int) else None


class Delivery(Message):
    """A message as it came. Acknowledge it with ``ClientEngine.acknowledge``, as the session's mode wants it."""

    __slots__ = (
        *("_message", "acknowledged", "delivery_count", "frame_bytes", "generation", "large", "number", "source"),
    )

    def __init__(self, message: CoreMessage, delivery_count: int, frame_bytes: int, consumer: Consumer) -> None:
        self._of = self._message = message
        self._content = ...
        self._shown = None
        self.source = consumer  #: for the engine: the consumer itself, which may be closed meanwhile
        self.delivery_count = delivery_count
        self.large: Body | None = None  #: the body, where it is not in memory
        self.frame_bytes = frame_bytes  #: what it costs in credits
        self.acknowledged = False  #: by the application
        self.number = 0  #: among what the session handed out, in order
        self.generation = consumer.generation  #: of the consumer; later ones get the message again

    def hold_later(self, stored_bytes: int) -> None:
        """The body follows in chunks: so many bytes, compressed if it is."""
        size = self._claimed_bytes
        self.large = Body(stored_bytes, stored_bytes if size is None else size, compressed=size is not None)

    def show(self, message: Message) -> None:
        """Show body, properties and headers of another message in place of its own; what belongs to its journey stays."""
        mine, draft = self._message, message._draft()
        kept = _headers.kept_when_forwarded(mine.properties)
        sealed = (_headers.LARGE_COMPRESSED, _headers.LARGE_SIZE)  # the new body is as it is
        journey = {name: value for name, value in mine.properties.items() if name not in kept and name not in sealed}
        raw = encode_message(
            draft.body,
            address=mine.address,
            message_id=mine.id,
            user_id=mine.user_id,
            type=draft.type,
            durable=draft.durable,
            expiration=draft.expiration,
            timestamp=mine.timestamp,
            priority=draft.priority,
            properties={**journey, **draft.properties},
        )
        self._message = CoreMessage(raw)
        self._hold(self._message)

    @property
    def consumer(self) -> ConsumerId:
        """The consumer that it came for."""
        return self.source.id

    @property
    def destination(self) -> Destination:
        """Where it was sent to."""
        address = self._message.address or self.source.address
        kind = self.routing_type
        if kind is None:
            kind = self.source.routing_type
        return Topic(address) if kind is RoutingType.MULTICAST else Queue(address)

    @property
    def broker_id(self) -> int:
        """The number that the broker gave it."""
        return self._message.id

    @property
    def redelivered(self) -> bool:
        """Whether it was delivered before."""
        return self.delivery_count > 1

    # -- the body ----------------------------------------------------------------------------------------------------------

    @property
    def is_large(self) -> bool:
        """Whether the body is not in memory: read it by ``read_chunk``."""
        self._look_inside()
        return self.large is not None

    @property
    def body_bytes(self) -> int:
        """Size of the body, inflated; of one that is not in memory as its sender claims it."""
        self._look_inside()
        return len(self._encoded_body) if self.large is None else self.large.body_bytes

    @property
    def _size(self) -> int:
        return len(self._message.body) if self.large is None else self.large.body_bytes

    def hold(self, body: Iterable[bytes]) -> None:
        """Take a body into memory; compressed, if that is how it came."""
        self._message = CoreMessage(with_body(self._message.header, b"".join(body)))
        self._hold(self._message)
        self.large = None

    def hold_inflated(self, body: Iterable[bytes]) -> None:
        """Take a body into memory that ``read_chunk`` gave."""
        bare = CoreMessage(with_body(self._message.header))
        self._message = bare.rewritten(drop=(_headers.LARGE_COMPRESSED,)) if self._claimed_bytes is not None else bare
        self.hold(body)

    @property
    def _claimed_bytes(self) -> int | None:
        """What a compressed body says that it has; None if it is not compressed."""
        if not self._message.may_hold(_COMPRESSED):
            return None
        try:
            properties = self._message.properties
        except RemoteProtocolError:  # whoever reads them is told
            return None
        if properties.get(_headers.LARGE_COMPRESSED) is not True:
            return None
        size = properties.get(_headers.LARGE_SIZE)
        return size if isinstance(size, int) and size >= 0 else self.source.collect_bytes_max

    def _look_inside(self) -> None:
        """A small body may have been a large one: then it is read like one."""
        size = None if self.large is not None else self._claimed_bytes
        if size is not None and size > self.source.collect_bytes_max:
            stored = self._message.body
            self.large = Body(len(stored), size, compressed=True)
            self.large.add(stored, 0, last=True)

    @property
    def _encoded_body(self) -> bytes:
        message = self._message
        if (
            self.large is None and message.raw.find(_COMPRESSED, message.properties_at) < 0
        ):  # nearly all: without a call
            return message.raw[BODY_AT : message.id_at]
        size = self._claimed_bytes
        if size is None and self.large is None:
            return message.body
        self._look_inside()
        if self.large is not None:
            if self.large.error is not None:
                raise self.large.error
            raise BodyNotRead(
                f"the body of {self.large.body_bytes} bytes is not in memory",
                subject=repr(self),
                hint="Call read() before, or take it in pieces: chunks(), save().",
            )
        assert size is not None
        return inflate(self._message.body, size)
