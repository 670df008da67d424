"""A message as one JSON object and back, without loss: what ``consume --json`` writes, ``produce --from-json`` reads.

Values that JSON cannot carry are objects of one key: ``{"$long": 7}``, ``{"$short": 7}``, ``{"$byte": 7}``, ``{"$float": 1.5}``,
``{"$char": "x"}``, ``{"$bytes": "base64"}``, and ``{"$double": "NaN"}`` for what is no number. Times are ISO 8601.
"""

from __future__ import annotations

import base64
import json
import math
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, cast

from corewire import Message, MessageType, Object
from corewire.values import Byte, Char, Float, Long, Short

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from corewire import Delivery
    from corewire.values import Headers

#: Attributes that are written if they are set, and read again.
_HEADERS: Final = (
    "correlation_id",
    "reply_to",
    "jms_type",
    "group_id",
    "group_sequence",
    "duplicate_id",
    "last_value",
    "content_type",
    "message_id",
)
_TIMES: Final = ("deliver_at", "expiration", "timestamp")
#: What the broker adds; a message that is sent has it from its new journey.
_OF_THE_JOURNEY: Final = frozenset({"address", "routing_type", "broker_id", "delivery_count", "timestamp"})
_TYPES: Final[dict[object, str]] = {Long: "$long", Short: "$short", Byte: "$byte", Float: "$float", Char: "$char"}
_SHAPES: Final[dict[object, str]] = {str: "text", list: "stream", dict: "map", type(None): "default"}
_READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "$long": Long,
    "$short": Short,
    "$byte": Byte,
    "$float": Float,
    "$double": float,
    "$char": Char,
    "$bytes": lambda text: base64.b64decode(text, validate=True),
}


# -- to JSON -------------------------------------------------------------------------------------------------------------


def to_json(message: Message) -> str:
    """Write a message, received or not, in one line of ASCII."""
    return json.dumps(as_object(message), separators=(", ", ": "))


def as_object(message: Message) -> dict[str, Any]:
    """Make the JSON object of a message, as Python values."""
    shown: dict[str, Any] = {
        "body": _body(message),
        "type": message.type.name.lower(),
        "durable": message.durable,
        "priority": message.priority,
        "properties": {name: _typed(value) for name, value in message.properties.items()},
    }
    for name in _HEADERS:
        if (value := getattr(message, name)) is not None:
            shown[name] = _typed(value) if isinstance(value, str | bytes | int) else str(value)
    for name in _TIMES:
        if (time := getattr(message, name)) is not None:
            shown[name] = time.isoformat(timespec="milliseconds")
    if hasattr(message, "broker_id"):
        received = cast("Delivery", message)
        kind = received.routing_type
        shown |= {"address": received.destination.name, "routing_type": None if kind is None else kind.name.lower()}
        shown |= {"broker_id": received.broker_id, "delivery_count": received.delivery_count}
    return shown


def _body(message: Message) -> Any:
    match message.type:
        case MessageType.TEXT:
            return message.body
        case MessageType.MAP:
            return {name: _typed(value) for name, value in message.map.items()}
        case MessageType.STREAM:
            return [_typed(value) for value in message.stream]
        case _:
            return _typed(message.data) if message.data else None


def _typed(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    plain = value
    name = _TYPES.get(_type(value))
    if isinstance(value, float):
        plain = float(value) if math.isfinite(value) else repr(float(value))
        name = name or ("$double" if isinstance(plain, str) else None)
    elif isinstance(value, int) and not isinstance(value, bool):
        plain = int(value)
    elif name is not None:
        plain = str(value)
    return plain if name is None else {name: plain}


# -- from JSON -----------------------------------------------------------------------------------------------------------


def from_json(text: str) -> Message:
    """Read a message. Names of the journey (address, broker_id, ...) are ignored. Raises ValueError that says what is wrong."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from None
    if not isinstance(found, dict):
        raise ValueError("a message is a JSON object")
    given = cast("dict[str, Any]", found)
    try:
        kind, body = _content(given.pop("type", None), given.pop("body", None))
        ends = given.pop("expiration", None)
        expiration = None if ends is None else _instant("expiration", ends)
        return Message._of_type(kind, body, expiration=expiration, **_headers(given))
    except (TypeError, OverflowError) as error:
        raise ValueError(str(error)) from None


def _headers(given: dict[str, Any]) -> Headers:
    headers: dict[str, Any] = {}
    for name, value in given.items():
        if name in _OF_THE_JOURNEY:
            continue
        if name == "properties":
            headers[name] = {key: _untyped(item) for key, item in _mapping(name, value).items()}
        elif name == "deliver_at":
            headers[name] = _instant(name, value)
        else:
            headers[name] = _untyped(value)
    return cast("Headers", headers)


def _content(named: object, body: Any) -> tuple[MessageType, Any]:
    """Find type and value of a body; without a type it is what the JSON value looks like."""
    shape = _type(body)
    if named is None:
        named = "bytes" if shape is dict and set(body) == {"$bytes"} else _SHAPES.get(shape)
    kind = next((kind for kind in MessageType if kind.name.lower() == named), None)
    match kind:
        case MessageType.TEXT if shape is str or body is None:
            return kind, body
        case MessageType.MAP if shape is dict:
            return kind, {name: _untyped(value) for name, value in _mapping("body", body).items()}
        case MessageType.STREAM if shape is list:
            return kind, [_untyped(value) for value in body]
        case _ if kind is not None and kind not in (MessageType.TEXT, MessageType.MAP, MessageType.STREAM):
            data = None if body is None else _untyped(body)
            if data is None or isinstance(data, bytes):
                return kind, Object(data) if data is not None and kind is MessageType.OBJECT else data
        case _:
            pass
    raise ValueError(f"no message has type {named!r} and the body {json.dumps(body)[:60]}")


def _type(value: object) -> type:
    return type(value)


def _mapping(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{name}: a JSON object")
    return cast("dict[str, Any]", value)


def _untyped(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    item = cast("dict[str, Any]", value)
    if len(item) == 1:
        ((name, plain),) = item.items()
        if reader := _READERS.get(name):
            return reader(plain)
    raise ValueError(f"{json.dumps(item)[:60]} is no value of a property")


def _instant(name: str, value: Any) -> datetime:
    try:
        time = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: {value!r} is no ISO 8601 time") from None
    if time.tzinfo is None:
        raise ValueError(f"{name}: {value!r} has no offset from UTC")
    return time
