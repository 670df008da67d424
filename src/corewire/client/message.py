"""
Messages as applications see them: immutable, of a body and headers, decoded when somebody looks.

A message holds either the draft of one to be sent or the bytes of one that came; both have the same fields, so every attribute
is read the same way. Wall-clock time and message ids come in from outside, when it is sent: ``encode``.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Unpack, cast

from corewire.client import _headers
from corewire.client._bodies import JSON_TYPE, Content, decode_body, encode_as, encode_body
from corewire.client._headers import Draft, instant, message_id_text, milliseconds
from corewire.errors import BodyTypeMismatch
from corewire.values import Address, Byte, Json, Long, MessageType, Object, RoutingType, destination
from corewire.wire import conversions
from corewire.wire import properties as typed
from corewire.wire.message import CoreMessage, encode_message
from corewire.wire.properties import Properties

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from types import EllipsisType

    from corewire.values import Body, Destination, Headers, PropertyValue

_KEEP: Final = cast("Body", object())  # what `replace` takes for "no other body"
_TEXT: Final = int(MessageType.TEXT)
_ROUTING: Final = (Byte(RoutingType.MULTICAST), Byte(RoutingType.ANYCAST))


class Message:
    """An immutable message. Body and properties are decoded when first read, and raise RemoteProtocolError if they are malformed.

    Making one raises TypeError or ValueError, which name the header or ``body``, for values that no message can have.
    """

    __slots__ = ("_content", "_of", "_shown")

    _of: Draft | CoreMessage
    _content: Content | EllipsisType  # of the body, once somebody looked
    _shown: Properties | None

    def __init__(self, body: Body = None, /, **headers: Unpack[Headers]) -> None:
        kind, encoded = encode_body(body)
        draft = Draft(kind, encoded, {})
        if isinstance(body, Json):
            draft.properties[_headers.CONTENT_TYPE] = JSON_TYPE
        if headers:
            _headers.apply(draft, headers)
        self._of = draft  # as `_hold` does, without a call
        self._content = ...
        self._shown = None

    @classmethod
    def _of_type(
        cls, kind: MessageType, content: Content, /, *, expiration: datetime | None = None, **headers: Unpack[Headers]
    ) -> Message:
        """Make a message as another one was: of its type, even where the body alone says less, and with its expiration.

        Raises as making one does.
        """
        draft = Draft(kind, encode_as(kind, content), {}, expiration=milliseconds("expiration", expiration))
        _headers.apply(draft, headers)
        return cls._from_draft(draft)

    def _hold(self, of: Draft | CoreMessage) -> None:
        self._of = of
        self._content = ...
        self._shown = None

    @classmethod
    def _from_draft(cls, draft: Draft) -> Message:
        message = object.__new__(Message)
        message._hold(draft)
        return message

    def _around(self, body: Body) -> Message:
        """Another message to be sent, with the headers of this one. Raises TypeError or ValueError, which name ``body``."""
        like = self._draft()
        kind, encoded = encode_body(body)
        draft = Draft(
            kind,
            encoded,
            like.properties,  # the same: nobody changes them
            like.durable,
            like.priority,
            like.ttl,
            like.delay,
            like.expiration,
            0,
            like.user_id,
        )
        if isinstance(body, Json):
            draft.properties = {_headers.CONTENT_TYPE: JSON_TYPE, **like.properties}
        message = object.__new__(Message)
        message._of = draft  # as `_hold` does, without a call
        message._content = ...
        message._shown = None
        return message

    def _draft(self) -> Draft:
        """What is sent when this is."""
        of = self._of
        if isinstance(of, Draft):
            return of
        return Draft(
            of.type,
            self._encoded_body,
            durable=of.durable,
            priority=of.priority,
            expiration=of.expiration,
            properties=_headers.kept_when_forwarded(of.properties),
        )

    def replace(self, body: Body = _KEEP, /, **headers: Unpack[Headers]) -> Message:
        """Make another message that differs in what is given. ``properties`` replaces them all.

        Of a received message it keeps what it keeps when it is sent on: body, properties and their Java types, but neither its
        message id nor what belongs to its journey (duplicate id, origin, schedule, group sequence). Raises as making one does.
        """
        draft = self._draft()
        draft = replace(draft, properties=dict(draft.properties))
        if body is not _KEEP:
            draft.type, draft.body = encode_body(body)
            draft.properties.pop(_headers.CONTENT_TYPE, None)
            if isinstance(body, Json):
                draft.properties[_headers.CONTENT_TYPE] = JSON_TYPE
        _headers.apply(draft, headers)
        return self._from_draft(draft)

    # -- body --------------------------------------------------------------------------------------------------------------

    @property
    def type(self) -> MessageType:
        """What the body holds. A type that is not known counts as DEFAULT."""
        try:
            return MessageType(self._of.type)
        except ValueError:
            return MessageType.DEFAULT

    @property
    def _encoded_body(self) -> bytes:
        """The bytes of the body, as its type has them."""
        return self._of.body

    @property
    def body(self) -> str | bytes | Object | Mapping[str, PropertyValue] | Sequence[PropertyValue] | None:
        """The body as a value of its type: str, bytes, mapping, sequence, Object; None if there is none, or a null."""
        content = self._content
        if content is ...:
            content = self._content = decode_body(self._of.type, self._encoded_body)
        return content

    def _expect(self, *kinds: MessageType) -> None:
        if self.type not in kinds:
            wanted = " or ".join(kind.name for kind in kinds)
            raise BodyTypeMismatch(f"a {self.type.name} message, not {wanted}")

    @property
    def text(self) -> str:
        """The text of a TEXT message; of a null, "". Raises BodyTypeMismatch for another type."""
        if self._of.type != _TEXT:
            self._expect(MessageType.TEXT)
        body = self.body
        return body if isinstance(body, str) else ""

    @property
    def data(self) -> bytes:
        """The bytes of a BYTES, DEFAULT or OBJECT message. Raises BodyTypeMismatch for another type."""
        kind = self.type
        if kind in (MessageType.TEXT, MessageType.MAP, MessageType.STREAM):
            self._expect(MessageType.BYTES, MessageType.DEFAULT, MessageType.OBJECT)
        body = self.body
        return body.data if isinstance(body, Object) else cast("bytes | None", body) or b""

    @property
    def map(self) -> Mapping[str, PropertyValue]:
        """The mapping of a MAP message, with Java's conversions (``Properties``). Raises BodyTypeMismatch for another type."""
        self._expect(MessageType.MAP)
        return cast("Properties", self.body)

    @property
    def stream(self) -> Sequence[PropertyValue]:
        """The values of a STREAM message. Raises BodyTypeMismatch for another type."""
        self._expect(MessageType.STREAM)
        return cast("tuple[PropertyValue, ...]", self.body)

    def json(self) -> Any:
        """
        The JSON in a TEXT or BYTES message. Raises BodyTypeMismatch for another type, ValueError if it is no JSON, or nested deeper than
        Python's limit of recursion.
        """
        self._expect(MessageType.TEXT, MessageType.BYTES)
        try:
            return json.loads(self.text if self.type is MessageType.TEXT else self.data)
        except RecursionError as error:
            raise ValueError("the JSON is nested too deeply") from error

    # -- headers -----------------------------------------------------------------------------------------------------------

    @property
    def properties(self) -> Properties:
        """What the application set and what brokers added; not what has an attribute of its own."""
        shown = self._shown
        if shown is None:
            shown = self._shown = Properties(
                {name: value for name, value in self._of.properties.items() if name not in _headers.KEYWORDS}
            )
        return shown

    def _text(self, name: str) -> str | None:
        value = self._of.properties.get(name)
        return None if isinstance(value, bytes) else conversions.to_string(value, name)

    def _text_or_bytes(self, name: str) -> str | bytes | None:
        value = self._of.properties.get(name)
        return value if isinstance(value, bytes) else conversions.to_string(value, name)

    def _number(self, name: str) -> int | None:
        value = self._of.properties.get(name)
        return int(value) if isinstance(value, int) else None

    @property
    def durable(self) -> bool:
        """Whether it survives a restart of the broker."""
        return self._of.durable

    @property
    def priority(self) -> int:
        """0 to 9; 4 is normal."""
        return self._of.priority

    @property
    def timestamp(self) -> datetime | None:
        """When it was sent, by its sender's clock; None before."""
        return instant(self._of.timestamp)

    @property
    def expiration(self) -> datetime | None:
        """When it expires; None: never, or ``ttl`` after it is sent."""
        return instant(self._of.expiration)

    @property
    def deliver_at(self) -> datetime | None:
        """Before when it is not delivered; None: at once, or ``delivery_delay`` after it is sent."""
        return instant(self._number(_headers.DELIVER_AT) or 0)

    @property
    def message_id(self) -> str | None:
        """``ID:`` and a UUID; None if it has none, or gets one when it is sent."""
        user_id = self._of.user_id
        return None if user_id is None else message_id_text(user_id)

    @property
    def correlation_id(self) -> str | bytes | None:
        """What joins an answer to its question."""
        return self._text_or_bytes(_headers.CORRELATION_ID)

    @property
    def reply_to(self) -> Destination | None:
        """Where an answer is to go. A name without a prefix is a bare core address."""
        text = self._text(_headers.REPLY_TO)
        if not text:
            return None
        try:
            return destination(text) if "://" in text else Address(text)
        except ValueError:  # a prefix of somebody else's
            return Address(text)

    @property
    def jms_type(self) -> str | None:
        """The JMS type, a word of the application's."""
        return self._text(_headers.JMS_TYPE)

    @property
    def group_id(self) -> str | None:
        """The group, whose messages all go to one consumer."""
        return self._text(_headers.GROUP_ID)

    @property
    def group_sequence(self) -> int | None:
        """The number within the group; -1 closes it."""
        return self._number(_headers.GROUP_SEQUENCE)

    @property
    def duplicate_id(self) -> str | bytes | None:
        """What the broker takes only once."""
        return self._text_or_bytes(_headers.DUPLICATE_ID)

    @property
    def last_value(self) -> str | None:
        """Key of a last-value queue."""
        return self._text(_headers.LAST_VALUE)

    @property
    def content_type(self) -> str | None:
        """The MIME type of the body."""
        return self._text(_headers.CONTENT_TYPE)

    @property
    def routing_type(self) -> RoutingType | None:
        """To which kind of queue it was sent; None: to either, or not sent yet."""
        number = self._number(_headers.ROUTING_TYPE)
        return RoutingType(number) if number in (0, 1) else None

    @property
    def _size(self) -> int:
        """What is told of the body where it is not shown."""
        return len(self._of.body)

    def __repr__(self) -> str:
        of = self._of
        parts = [self.type.name, f"{self._size} bytes"]
        parts += [] if of.durable else ["not durable"]
        parts += [] if of.user_id is None else [message_id_text(of.user_id)]
        return f"<{type(self).__name__} {', '.join(parts)}>"


def encode(
    message: Message,
    to: Destination,
    /,
    *,
    now_ms: int,
    user_id: bytes | None,
    client_id: str | None = None,
    group_id: str | None = None,
    duplicate_id: str | None = None,
) -> bytes:
    """Make the bytes that are sent: the message, addressed.

    ``now_ms`` is the wall clock in milliseconds since the epoch. ``user_id`` is the message id, 16 bytes shaped as a UUID of
    version 1, ``group_id`` the group (of ``auto_group``), ``duplicate_id`` an id of which brokers take only one message, all
    unless the message has its own. ``client_id`` names the client to
    consumers that want no messages of their own.
    """
    of = message._of
    draft = of if isinstance(of, Draft) else message._draft()
    if draft.properties or draft.delay or group_id is not None or duplicate_id is not None:
        properties = dict(draft.properties)
        properties.update(_of_the_journey(to.routing_type, client_id))
        if draft.delay:
            properties[_headers.DELIVER_AT] = Long(now_ms + draft.delay)
        if group_id is not None:
            properties.setdefault(_headers.GROUP_ID, group_id)
        if duplicate_id is not None:
            properties.setdefault(_headers.DUPLICATE_ID, duplicate_id)
        encoded = typed.encode(properties)
    else:
        encoded = _encoded_journey(to.routing_type, client_id)
    return encode_message(
        draft.body,
        address=to.name,
        user_id=user_id if draft.user_id is None else draft.user_id,
        type=draft.type,
        durable=draft.durable,
        expiration=now_ms + draft.ttl if draft.ttl else draft.expiration,
        timestamp=now_ms,
        priority=draft.priority,
        encoded_properties=encoded,
    )


def _of_the_journey(routing_type: RoutingType | None, client_id: str | None) -> dict[str, PropertyValue]:
    """What every message of a client to such a destination has."""
    properties: dict[str, PropertyValue] = {}
    if routing_type is not None:
        properties[_headers.ROUTING_TYPE] = _ROUTING[routing_type]
    if client_id is not None:
        properties[_headers.CLIENT_ID] = client_id
    return properties


@lru_cache(maxsize=64)
def _encoded_journey(routing_type: RoutingType | None, client_id: str | None) -> bytes:
    return typed.encode(_of_the_journey(routing_type, client_id))
