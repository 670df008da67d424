"""
Bodies of messages: Python values to the bytes of their type and back (docs/protocol: messages).

| Python            | type    | bytes                                                                                     |
|-------------------|---------|-------------------------------------------------------------------------------------------|
| None              | DEFAULT | none                                                                                      |
| str, Json         | TEXT    | a nullable SimpleString; never empty, since a Java consumer fails on an empty TEXT body   |
| bytes-like        | BYTES   | as they are                                                                               |
| mapping           | MAP     | a typed property map                                                                      |
| sequence          | STREAM  | tagged values; unlike properties, a true is ``ff``, text a nullable String, null a text   |
| Object            | OBJECT  | a length and Java's serialisation, opaque; nothing at all is a null                       |
"""

from __future__ import annotations

import json
from codecs import utf_16_le_decode, utf_16_le_encode
from collections.abc import Mapping, Sequence
from struct import Struct
from struct import error as StructError
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from corewire.errors import RemoteProtocolError
from corewire.values import Json, MessageType, Object
from corewire.wire import properties as typed
from corewire.wire.conversions import Tag
from corewire.wire.primitives import (
    PRESENT,
    put_nullable,
    put_simple_string,
    put_string,
    read_nullable,
    read_simple_string,
    read_string,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from corewire.values import Body, PropertyValue

#: What a body is when it is read.
Content: TypeAlias = "str | bytes | Object | Mapping[str, PropertyValue] | Sequence[PropertyValue] | None"

JSON_TYPE: Final = "application/json"

_TEXT: Final = MessageType.TEXT  # an enum looks its members up in Python code
_INT: Final = Struct(">i")
_TEXT_HEAD: Final = Struct(">bi")  # the mark that there is one, and its length
_TEXT_AT: Final = _TEXT_HEAD.size


# -- to the wire -------------------------------------------------------------------------------------------------------------


def encode_body(body: Body) -> tuple[MessageType, bytes]:
    """Encode a body. Raises TypeError or ValueError, which name ``body``, for what no type of message holds."""
    match body:
        case str():
            raw = utf_16_le_encode(body, "surrogatepass")[0]
            return _TEXT, _TEXT_HEAD.pack(1, len(raw)) + raw
        case None:
            return MessageType.DEFAULT, b""
        case bytes() | bytearray() | memoryview():
            return MessageType.BYTES, bytes(body)
        case Json():
            return MessageType.TEXT, PRESENT + put_simple_string(_dump(body.value))
        case Object():
            return MessageType.OBJECT, _INT.pack(len(body.data)) + bytes(body.data) if body.data else b""
        case Mapping():
            return MessageType.MAP, _flat(body, typed.encode)
        case Sequence():
            return MessageType.STREAM, _flat(body, _encode_stream)
        case _:
            raise TypeError(
                f"body: text, bytes, a flat mapping or sequence, Json, Object or None, not {type(body).__name__}"
            )


def encode_as(kind: MessageType, content: Content) -> bytes:
    """Encode what ``decode_body`` gave for a type, nulls and bytes of a type without a value of its own included.

    Raises TypeError or ValueError, which name ``body``, where a message of that type cannot hold it.
    """
    match kind, content:
        case MessageType.TEXT, None:
            return b"\0"  # a JMS null: an empty body is nothing that Java can read
        case (
            (MessageType.BYTES | MessageType.DEFAULT | MessageType.OBJECT | MessageType.MAP | MessageType.STREAM),
            None,
        ):
            return b""
        case ((MessageType.DEFAULT | MessageType.EMBEDDED | MessageType.LARGE_EMBEDDED), bytes() as data):
            return data
        case _:
            found, data = encode_body(content)
            if found is not kind:
                raise TypeError(f"body: a {kind.name} message holds no {type(content).__name__}")
            return data


def _dump(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"body: {error}") from None


def _flat(body: Any, encode: Any) -> bytes:
    try:
        encoded: bytes = encode(body)
    except TypeError as error:
        raise TypeError(f"body: {error}; nested values travel as Json") from None
    except ValueError as error:
        raise ValueError(f"body: {error}") from None
    return encoded


def _encode_stream(items: Iterable[PropertyValue]) -> bytes:
    parts: list[bytes] = []
    for item in items:
        if item is None or type(item) is str:
            parts.append(b"\x0a" + put_nullable(item, put_string, PRESENT))
        elif isinstance(item, bool):
            parts.append(b"\x02\xff" if item else b"\x02\x00")
        else:
            parts.append(typed.encode_value(item))
    return b"".join(parts)


# -- from the wire -------------------------------------------------------------------------------------------------------------


def decode_body(kind: int, data: bytes) -> Content:
    """Decode a body of a type; types without one of their own give their bytes, or None if there are none.

    Raises RemoteProtocolError if the bytes are no such body.
    """
    if kind == _TEXT:
        size = len(data) - _TEXT_AT
        if size >= 0 and data[0] and size % 2 == 0 and _INT.unpack_from(data, 1)[0] == size:
            return utf_16_le_decode(data[_TEXT_AT:], "surrogatepass", True)[0]
        return (
            read_nullable(data, 0, len(data), read_simple_string)[0] if data else None
        )  # or says what is wrong with it
    match kind:
        case MessageType.BYTES:
            return data
        case MessageType.MAP:
            return typed.Properties(typed.decode(data)[0] if data else {})
        case MessageType.STREAM:
            return _decode_stream(data)
        case MessageType.OBJECT:
            return _decode_object(data)
        case _:
            return data or None


def _decode_stream(data: bytes) -> tuple[PropertyValue, ...]:
    items: list[PropertyValue] = []
    at = 0
    try:
        while at < len(data):
            tag = data[at]
            item: PropertyValue
            if tag == Tag.STRING:
                item, at = read_nullable(data, at + 1, len(data), read_string)
            else:
                item, at = typed.decode_value(data, at + 1, tag)
            items.append(item)
    except StructError:
        raise RemoteProtocolError("the stream breaks off", offset=at) from None
    return tuple(items)


def _decode_object(data: bytes) -> Object | None:
    if not data:
        return None
    if len(data) < 4 or not 0 <= (length := _INT.unpack_from(data)[0]) <= len(data) - 4:
        raise RemoteProtocolError("an object claims more bytes than there are", offset=0)
    return Object(data[4 : 4 + length])
