"""A message as it came, with what an acknowledgement of it must know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from corewire.client.message import Message
from corewire.errors import RemoteProtocolError
from corewire.values import Queue, RoutingType, Topic
from corewire.wire.hot import parse_receive
from corewire.wire.message import CoreMessage

if TYPE_CHECKING:
    from corewire.client._consumer import Consumer
    from corewire.client._ids import ConsumerId
    from corewire.values import Destination

T = TypeVar("T", bound="Delivery")

_MARKER: Final = "_hornetq.forced.delivery.seq"


class Delivery(Message):
    """A message as it came. Acknowledge it with ``ClientEngine.acknowledge``, as the session's mode wants it."""

    __slots__ = ("_consumer", "_message", "acknowledged", "delivery_count", "frame_bytes", "generation", "number")

    def __init__(self, frame: bytes, consumer: Consumer) -> None:
        raw, _, self.delivery_count = parse_receive(frame)
        self._message = CoreMessage(raw)
        self._consumer = consumer
        self._hold(self._message)
        self.frame_bytes = len(frame)  #: what it costs in credits
        self.acknowledged = False  #: by the application
        self.number = 0  #: among what the session handed out, in order
        self.generation = consumer.generation  #: of the consumer; later ones get the message again

    def copy_as(self, kind: type[T]) -> T:
        """The same as an instance of a subclass, which adds what its world can do with it."""
        copy = object.__new__(kind)
        copy._message = self._message
        copy._consumer = self._consumer
        copy._hold(self._message)
        copy.frame_bytes = self.frame_bytes
        copy.delivery_count = self.delivery_count
        copy.acknowledged = self.acknowledged
        copy.number = self.number
        copy.generation = self.generation
        return copy

    @property
    def consumer(self) -> ConsumerId:
        """The consumer that it came for."""
        return self._consumer.id

    @property
    def source(self) -> Consumer:
        """For the engine: the consumer itself, which may be closed meanwhile."""
        return self._consumer

    @property
    def destination(self) -> Destination:
        """Where it was sent to."""
        address = self._message.address or self._consumer.address
        kind = self.routing_type
        if kind is None:
            kind = self._consumer.routing_type
        return Topic(address) if kind is RoutingType.MULTICAST else Queue(address)

    @property
    def broker_id(self) -> int:
        """The number that the broker gave it."""
        return self._message.id

    @property
    def redelivered(self) -> bool:
        """Whether it was delivered before."""
        return self.delivery_count > 1

    @property
    def is_large(self) -> bool:
        """Whether the body is not in memory: never, in this version."""
        return False

    @property
    def body_bytes(self) -> int:
        """Size of the body."""
        return len(self._encoded_body)

    @property
    def marker(self) -> int | None:
        """The number of a forced delivery, if this is the broker's answer to one and no message."""
        message = self._message
        if message.durable or message.priority:  # nearly all messages: their properties need not be looked at
            return None
        try:
            sequence = message.properties.get(_MARKER)
        except RemoteProtocolError:  # then it is a message, and told to whoever reads it
            return None
        return sequence if isinstance(sequence, int) else None
