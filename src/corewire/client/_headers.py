"""Headers of a message: the keywords that callers use, the fields and properties that travel, and which of them a forwarded message keeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from corewire.values import Address, Destination, Long, Queue, Topic, destination
from corewire.wire.conversions import Tag, tag_of
from corewire.wire.message import PRIORITY_DEFAULT, java_uuid

if TYPE_CHECKING:
    from corewire.values import PropertyValue

CORRELATION_ID: Final = "JMSCorrelationID"
REPLY_TO: Final = "JMSReplyTo"
JMS_TYPE: Final = "JMSType"
GROUP_ID: Final = "_AMQ_GROUP_ID"
GROUP_SEQUENCE: Final = "_AMQ_GROUP_SEQUENCE"
DELIVER_AT: Final = "_AMQ_SCHED_DELIVERY"
DUPLICATE_ID: Final = "_AMQ_DUPL_ID"
LAST_VALUE: Final = "_AMQ_LVQ_NAME"
CONTENT_TYPE: Final = "_AMQ_CONTENT_TYPE"
ROUTING_TYPE: Final = "_AMQ_ROUTING_TYPE"
CLIENT_ID: Final = "__AMQ_CID"
LARGE_COMPRESSED: Final = "_AMQ_LARGE_COMPRESSED"
LARGE_SIZE: Final = "_AMQ_LARGE_SIZE"

#: Properties that have an attribute or keyword of their own, and it; None where the client makes them.
KEYWORDS: Final[dict[str, str | None]] = {
    CORRELATION_ID: "correlation_id",
    REPLY_TO: "reply_to",
    JMS_TYPE: "jms_type",
    GROUP_ID: "group_id",
    GROUP_SEQUENCE: "group_sequence",
    DELIVER_AT: "deliver_at",
    DUPLICATE_ID: "duplicate_id",
    LAST_VALUE: "last_value",
    CONTENT_TYPE: "content_type",
    ROUTING_TYPE: None,
    CLIENT_ID: None,
    LARGE_COMPRESSED: None,
    LARGE_SIZE: None,
}
_JMS_ALIASES: Final = {"JMSXGroupID": "group_id", "JMSXGroupSeq": "group_sequence"}
# What a message that is sent on loses: it belongs to the journey that is over. A kept duplicate id would lose the message.
_JOURNEY: Final = frozenset({DUPLICATE_ID, DELIVER_AT, GROUP_SEQUENCE, ROUTING_TYPE, CLIENT_ID})
_JOURNEY_PREFIXES: Final = ("_AMQ_ROUTE_TO", "_AMQ_ORIG_", "_AMQ_LARGE_")

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_MILLISECONDS_MAX: Final = 1 << 62


@dataclass(slots=True)
class Draft:
    """What is to be sent, as far as it is known before it is. Times are milliseconds, points in time since the epoch."""

    type: int
    body: bytes
    properties: dict[str, PropertyValue]
    durable: bool = True
    priority: int = PRIORITY_DEFAULT
    ttl: int = 0  #: from the sending on; 0: ``expiration`` holds
    delay: int = 0  #: from the sending on
    expiration: int = 0
    timestamp: int = 0  #: of a received message; a new one when it is sent
    user_id: bytes | None = None


def kept_when_forwarded(properties: Mapping[str, PropertyValue]) -> dict[str, PropertyValue]:
    """Take from the properties of a received message those that it keeps when it is sent on."""
    return {
        name: value
        for name, value in properties.items()
        if name not in _JOURNEY and not name.startswith(_JOURNEY_PREFIXES)
    }


def apply(draft: Draft, headers: Mapping[str, Any]) -> None:
    """Put headers into a draft. Raises TypeError or ValueError, which name the header."""
    if "deliver_at" in headers and "delivery_delay" in headers:
        raise ValueError("deliver_at: excludes delivery_delay")
    for name, value in headers.items():
        setter = _SETTERS.get(name)
        if setter is None:
            raise TypeError(f"{name!r} is no header of a message; there are {', '.join(_SETTERS)}")
        setter(draft, name, value)


# -- values ------------------------------------------------------------------------------------------------------------------


def _expect(name: str, value: object, *kinds: type) -> None:
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        wanted = " or ".join(kind.__name__ for kind in kinds)
        raise TypeError(f"{name}: {wanted}, not {type(value).__name__}")


def _expect_range(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name}: {low} to {high}, not {value}")


def _duration(name: str, value: object) -> int:
    """Give milliseconds, rounded up to one."""
    _expect(name, value, int, float, timedelta)
    if isinstance(value, timedelta):
        value = value.total_seconds()
    seconds = float(value)  # type: ignore[arg-type]  # as checked
    if not isfinite(seconds) or not 0 <= seconds * 1000 < _MILLISECONDS_MAX:
        raise ValueError(f"{name}: seconds from 0 on, not {value}")
    return max(round(seconds * 1000), 1) if seconds else 0


def instant(since: int) -> datetime | None:
    """Give the point in time of milliseconds since the epoch; None for 0 and for what no calendar reaches."""
    try:
        return _EPOCH + since * _MILLISECOND if since > 0 else None
    except OverflowError:
        return None


def milliseconds(name: str, value: datetime | None) -> int:
    """Give the milliseconds since the epoch of a point in time, 0 for None: the opposite of ``instant``. Raises ValueError."""
    if value is None:
        return 0
    if value.utcoffset() is None:
        raise ValueError(f"{name}: a datetime with a time zone")
    since = (value - _EPOCH) // _MILLISECOND
    if since <= 0:
        raise ValueError(f"{name}: after 1970")
    return since


# -- setters, by keyword --------------------------------------------------------------------------------------------------------


def _set_durable(draft: Draft, name: str, value: Any) -> None:
    if value is not True and value is not False:  # else nothing is called: nearly all producers set it
        _expect(name, value, bool)
    draft.durable = value


def _set_priority(draft: Draft, name: str, value: Any) -> None:
    _expect(name, value, int)
    _expect_range(name, value, 0, 9)
    draft.priority = value


def _set_ttl(draft: Draft, name: str, value: Any) -> None:
    draft.ttl = _duration(name, value)
    if not draft.ttl:
        raise ValueError("ttl: more than 0 seconds; leave it out for a message that does not expire")
    draft.expiration = 0


def _set_delivery_delay(draft: Draft, name: str, value: Any) -> None:
    draft.delay = _duration(name, value)
    draft.properties.pop(DELIVER_AT, None)


def _set_deliver_at(draft: Draft, name: str, value: Any) -> None:
    _expect(name, value, datetime)
    draft.properties[DELIVER_AT] = Long(milliseconds(name, value))
    draft.delay = 0


def _set_properties(draft: Draft, name: str, value: Any) -> None:
    _expect(name, value, Mapping)
    kept = {key: old for key, old in draft.properties.items() if key in KEYWORDS}
    for key, item in value.items():
        if not isinstance(key, str) or not key:
            raise TypeError(f"{name}: {key!r} is no name of a property")
        if key in KEYWORDS or key in _JMS_ALIASES:
            keyword = KEYWORDS.get(key) or _JMS_ALIASES.get(key)
            raise ValueError(f"{name}: {key!r} is set by {f'{keyword}=' if keyword else 'the client itself'}")
        try:
            tag = tag_of(item)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{name}: {key!r}: {error}") from None
        kept[key] = bytes(item) if tag is Tag.BYTES else item
    draft.properties = kept


def _set_reply_to(draft: Draft, name: str, value: Any) -> None:
    _expect(name, value, str, Queue, Topic, Address)
    try:
        place: Destination = destination(value) if isinstance(value, str) else value
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    # JMS knows no prefix for a bare address, and takes a bare name for one.
    draft.properties[REPLY_TO] = place.name if isinstance(place, Address) else str(place)


def _set_group_sequence(draft: Draft, name: str, value: Any) -> None:
    _expect(name, value, int)
    _expect_range(name, value, -(1 << 31), (1 << 31) - 1)
    draft.properties[GROUP_SEQUENCE] = int(value)


def _set_message_id(draft: Draft, name: str, value: Any) -> None:
    _expect(name, value, str)
    digits = value.removeprefix("ID:").replace("-", "").lower()
    try:
        raw = bytes.fromhex(digits)
    except ValueError:
        raw = b""
    if len(raw) != 16 or value != message_id_text(raw):
        raise ValueError(f"{name}: ID: and a UUID of version 1, as uuid.uuid1() makes them (Java changes others)")
    draft.user_id = raw


def message_id_text(user_id: bytes) -> str:
    """Write a user id as JMS does; Java reads every id as one of version 1."""
    digits = java_uuid(user_id).hex()
    return f"ID:{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _property_setter(key: str, *kinds: type) -> Callable[[Draft, str, Any], None]:
    def set_property(draft: Draft, name: str, value: Any) -> None:
        _expect(name, value, *kinds)
        draft.properties[key] = value

    return set_property


_SETTERS: Final[dict[str, Callable[[Draft, str, Any], None]]] = {
    "durable": _set_durable,
    "priority": _set_priority,
    "ttl": _set_ttl,
    "delivery_delay": _set_delivery_delay,
    "deliver_at": _set_deliver_at,
    "properties": _set_properties,
    "correlation_id": _property_setter(CORRELATION_ID, str, bytes),
    "reply_to": _set_reply_to,
    "jms_type": _property_setter(JMS_TYPE, str),
    "group_id": _property_setter(GROUP_ID, str),
    "group_sequence": _set_group_sequence,
    "duplicate_id": _property_setter(DUPLICATE_ID, str, bytes),
    "last_value": _property_setter(LAST_VALUE, str),
    "content_type": _property_setter(CONTENT_TYPE, str),
    "message_id": _set_message_id,
}
