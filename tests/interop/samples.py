"""Messages of all kinds, for whoever sends one somewhere and wants to know whether it came as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire import Byte, Char, Float, Headers, Json, Long, Object, Short

if TYPE_CHECKING:
    from collections.abc import Mapping

    from corewire import Body, Message, PropertyValue

LONE_SURROGATE = "half \ud800 pair"
PROPERTIES: Mapping[str, PropertyValue] = {
    "a_bool": True,
    "a_byte": Byte(-128),
    "a_short": Short(32767),
    "an_int": -(2**31),
    "a_long": Long(2**63 - 1),
    "a_small_long": Long(7),
    "a_float": Float(1.5),
    "a_double": 2.5e300,
    "a_string": "grüße 🦀",
    "an_empty_string": "",
    "a_surrogate": LONE_SURROGATE,
    "a_null": None,
}
BODIES: tuple[Body, ...] = (
    None,
    "",
    "text",
    "grüße 🦀 " * 50,
    LONE_SURROGATE,
    b"",
    bytes(range(256)) * 40,
    {"flag": True, "small": Byte(1), "short": Short(2), "int": 3, "long": Long(4), "float": Float(0.5), "double": 0.25},
    {"text": "t", "bytes": b"\x00\xff", "char": Char("c"), "null": None},
    [True, Byte(1), Short(2), 3, Long(4), Float(0.5), 0.25, "text", b"bytes", Char("c"), None],
    Json({"id": 7, "lines": [{"sku": "x"}]}),
    Object(b"\xac\xed\x00\x05t\x00\x02hi"),
)
HEADERS: Headers = {
    "correlation_id": "correlation",
    "reply_to": "queue://answers",
    "jms_type": "kind",
    "priority": 7,
    "content_type": "text/plain",
    "message_id": "ID:10111213-1415-1617-9819-1a1b1c1d1e1f",
    "properties": {"region": "eu"},
}


def _typed(value: object) -> object:
    """A value with the types of all that is in it, because 7 equals Long(7)."""
    match value:
        case dict() | list() | tuple():
            items = value.items() if isinstance(value, dict) else enumerate(value)
            return [(key, _typed(item)) for key, item in items]
        case _ if hasattr(value, "keys"):
            return _typed(dict(value))  # type: ignore[call-overload]
        case _:
            return type(value), value


def same_message(one: Message, other: Message) -> bool:
    """Whether type, body, and properties are equal, Java types included."""
    kinds = one.type is other.type and one.content_type == other.content_type
    bodies = _typed(one.body) == _typed(other.body)
    return kinds and bodies and _typed(dict(one.properties)) == _typed(dict(other.properties))
