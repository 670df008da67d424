"""Packets that carry messages.

``message`` is the message's own bytes in today's layout (``wire/message.py``), or its headers alone where the body
follows in chunks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

if TYPE_CHECKING:
    from corewire.wire.types import Bool, Data, IfEqual, Int, Long, Message, Remainder, Remaining, Since


@dataclass(slots=True)
class SessionSend:
    TYPE: ClassVar[int] = 71
    NAME: ClassVar[str] = "SESS_SEND"

    message: Message
    requires_response: Bool = False
    correlation_id: Annotated[Long, Since("correlation_ids")] = 0
    sender_id: Annotated[Int, Since("producer_ids")] = -1


@dataclass(slots=True)
class SessionSendLarge:
    TYPE: ClassVar[int] = 72
    NAME: ClassVar[str] = "SESS_SEND_LARGE"

    message: Remainder


@dataclass(slots=True)
class SessionSendContinuation:
    """A chunk; the last one says how large the whole body is."""

    TYPE: ClassVar[int] = 73
    NAME: ClassVar[str] = "SESS_SEND_CONTINUATION"

    data: Data
    continues: Bool
    message_body_size: Annotated[Long | None, IfEqual("continues", False)] = None
    requires_response: Bool = False
    correlation_id: Annotated[Long | None, Since("correlation_ids"), Remaining(8)] = 0
    sender_id: Annotated[Int, Since("producer_ids")] = -1


@dataclass(slots=True)
class SessionReceiveMessage:
    TYPE: ClassVar[int] = 75
    NAME: ClassVar[str] = "SESS_RECEIVE_MSG"

    message: Message
    consumer_id: Long
    delivery_count: Int


@dataclass(slots=True)
class SessionReceiveLargeMessage:
    TYPE: ClassVar[int] = 76
    NAME: ClassVar[str] = "SESS_RECEIVE_LARGE_MSG"

    consumer_id: Long
    delivery_count: Int
    large_message_size: Long
    message: Remainder


@dataclass(slots=True)
class SessionReceiveContinuation:
    TYPE: ClassVar[int] = 77
    NAME: ClassVar[str] = "SESS_RECEIVE_CONTINUATION"

    data: Data
    continues: Bool
    consumer_id: Long
