"""Messages that the broker makes itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire.values import Byte, Long
from corewire.wire.message import UNTOUCHED_BODY, CoreMessage, encode_message
from corewire_server.core.intake import ROUTING_TYPE, routing_type_of

if TYPE_CHECKING:
    from corewire.values import PropertyValue


def forced_delivery_marker(message_id: int, queue: str, sequence: int) -> bytes:
    """What tells a consumer that it has all there is for now (the name of the property is all lower case)."""
    return encode_message(
        UNTOUCHED_BODY,
        address=queue,
        message_id=message_id,
        priority=0,
        properties={"_hornetq.forced.delivery.seq": Long(sequence)},
    )


def moved_copy(raw: bytes, message_id: int, target: str, queue: str, expired_at: int | None) -> CoreMessage:
    """A copy for a dead letter address, or for an expiry address, that says where it comes from."""
    message = CoreMessage(raw)
    origin: dict[str, PropertyValue] = {
        "_AMQ_ORIG_ADDRESS": message.address,
        "_AMQ_ORIG_QUEUE": queue,
        "_AMQ_ORIG_MESSAGE_ID": Long(message.id),
    }
    routing_type = routing_type_of(message.properties)
    if routing_type is not None:
        origin["_AMQ_ORIG_ROUTING_TYPE"] = Byte(routing_type)
    if expired_at is not None:
        origin["_AMQ_ACTUAL_EXPIRY"] = Long(expired_at)
    return message.rewritten(message_id=message_id, address=target, expiration=0, add=origin, drop=(ROUTING_TYPE,))
