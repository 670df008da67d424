"""Messages of all kinds, for whoever sends one somewhere and wants to know whether it came as it was."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from corewire import Byte, Char, Float, Headers, Json, Long, MessageType, Object, Short

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    """A value with the types of all that is in it, because 7 equals Long(7). The order of a mapping is not kept by Java."""
    if isinstance(value, str | bytes) or not hasattr(value, "__iter__"):
        return type(value), value
    if isinstance(value, Mapping):
        return {name: _typed(item) for name, item in value.items()}
    return [_typed(item) for item in value]


def same_message(one: Message, other: Message) -> bool:
    """Whether type, body, and properties are equal, Java types included."""
    kinds = one.type is other.type and one.content_type == other.content_type
    bodies = _typed(one.body) == _typed(other.body)
    return kinds and bodies and _typed(dict(one.properties)) == _typed(dict(other.properties))


# -- what Java says of them (java/Echo.java) ---------------------------------------------------------------------------------

_JAVA: dict[type, str] = {
    bool: "Boolean",
    Byte: "Byte",
    Short: "Short",
    int: "Integer",
    Long: "Long",
    Float: "Float",
    float: "Double",
    str: "String",
    bytes: "byte[]",
    Char: "Character",
}


def _plain(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case Float():
            return format(int.from_bytes(struct.pack(">f", value)), "x")
        case float():
            return format(int.from_bytes(struct.pack(">d", value)), "x")
        case bytes():
            return value.hex()
        case str():
            units = value.encode("utf-16-be", "surrogatepass")
            codes = [int.from_bytes(units[at : at + 2]) for at in range(0, len(units), 2)]
            return "".join(chr(code) if 32 <= code <= 126 else f"\\u{code:04x}" for code in codes)
        case _:
            return str(value)


def seen_by_java(message: Message) -> str:
    """How ``java/Echo.java`` describes a message that it took for what we meant."""
    seen: dict[str, object] = {f"property {name}": value for name, value in message.properties.items()}
    seen |= {
        "priority": message.priority,
        "mode": 2 if message.durable else 1,
        "correlation": message.correlation_id,
        "type": message.jms_type,
    }
    if message.content_type is not None:
        seen["property _AMQ_CONTENT_TYPE"] = message.content_type
    body = message.body
    match message.type:
        case MessageType.TEXT:
            seen["text"] = body
        case MessageType.BYTES:
            seen["bytes"] = body
        case MessageType.MAP:
            seen |= {f"map {name}": value for name, value in dict(cast("Mapping[str, object]", body)).items()}
        case MessageType.STREAM:
            seen |= {f"stream {index}": value for index, value in enumerate(cast("Sequence[object]", body))}
        case MessageType.OBJECT:
            seen["object"] = "hi"
        case _:
            pass
    lines = [
        f"{name}={'null' if value is None else f'{_JAVA[type(value)]}:{_plain(value)}'}\n"
        for name, value in sorted(seen.items())
    ]
    return "".join(lines)
