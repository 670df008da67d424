"""Consumers: credits, acknowledgements, cancelling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

if TYPE_CHECKING:
    from corewire.wire.types import Bool, Int, Long, NullableSimpleString, Remaining, SimpleString, Since


@dataclass(slots=True)
class SessionCreateConsumer:
    """Answered by a queue query response."""

    TYPE: ClassVar[int] = 40
    NAME: ClassVar[str] = "SESS_CREATECONSUMER"

    consumer_id: Long
    queue_name: SimpleString
    filter: NullableSimpleString = None
    browse_only: Bool = False
    requires_response: Bool = True
    priority: Annotated[Int | None, Since("consumer_priority"), Remaining()] = 0


@dataclass(slots=True)
class SessionConsumerClose:
    TYPE: ClassVar[int] = 74
    NAME: ClassVar[str] = "SESS_CONSUMER_CLOSE"

    consumer_id: Long


@dataclass(slots=True)
class SessionAcknowledge:
    """All messages of the consumer up to this one."""

    TYPE: ClassVar[int] = 41
    NAME: ClassVar[str] = "SESS_ACKNOWLEDGE"

    consumer_id: Long
    message_id: Long
    requires_response: Bool


@dataclass(slots=True)
class SessionIndividualAcknowledge:
    TYPE: ClassVar[int] = 81
    NAME: ClassVar[str] = "SESS_INDIVIDUAL_ACKNOWLEDGE"

    consumer_id: Long
    message_id: Long
    requires_response: Bool


@dataclass(slots=True)
class SessionExpired:
    TYPE: ClassVar[int] = 42
    NAME: ClassVar[str] = "SESS_EXPIRED"

    consumer_id: Long
    message_id: Long


@dataclass(slots=True)
class SessionFlowToken:
    """The consumer may be sent so many bytes more."""

    TYPE: ClassVar[int] = 70
    NAME: ClassVar[str] = "SESS_FLOWTOKEN"

    consumer_id: Long
    credits: Int


@dataclass(slots=True)
class SessionForceConsumerDelivery:
    """Answered by a marker message once all that could be delivered was."""

    TYPE: ClassVar[int] = 78
    NAME: ClassVar[str] = "SESS_FORCE_CONSUMER_DELIVERY"

    consumer_id: Long
    sequence: Long


@dataclass(slots=True)
class DisconnectConsumer:
    TYPE: ClassVar[int] = 12
    NAME: ClassVar[str] = "DISCONNECT_CONSUMER"

    consumer_id: Long
