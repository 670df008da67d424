"""Bodies: every type to its bytes and back, the reference's vectors, what no type holds, and garbage."""

from __future__ import annotations

import array
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.strategies import java_text, property_maps, property_values

from corewire.client._bodies import decode_body, encode_body
from corewire.errors import RemoteProtocolError
from corewire.values import Byte, Char, Float, Json, Long, MessageType, Object, Short
from corewire.wire.message import encode_message
from corewire.wire.properties import Properties

if TYPE_CHECKING:
    from corewire.values import Body, PropertyValue


@pytest.mark.parametrize(
    ("body", "kind", "raw"),
    [
        (None, MessageType.DEFAULT, ""),
        ("Hi", MessageType.TEXT, "01 00000004 4800 6900"),
        ("", MessageType.TEXT, "01 00000000"),
        (b"\x01\x02", MessageType.BYTES, "0102"),
        ({"b": True}, MessageType.MAP, "01 00000001 00000002 6200 02 01"),
        ({}, MessageType.MAP, "00"),
        (
            [True, "abc", "abcdefghi", None],
            MessageType.STREAM,
            "02ff 0a01 00000003 0061 0062 0063 0a01 00000009 0009 616263646566676869 0a00",
        ),
        ([], MessageType.STREAM, ""),
        ((False, Byte(-1), b"\x05"), MessageType.STREAM, "0200 03ff 04 00000001 05"),
        ((Short(1), 2, Long(3)), MessageType.STREAM, "05 0001 06 00000002 07 0000000000000003"),
        ((Float(1.5), 2.5, Char("c")), MessageType.STREAM, "08 3fc00000 09 4004000000000000 0b 0063"),
        (Object(b"\xac\xed"), MessageType.OBJECT, "00000002 aced"),
        (Object(b""), MessageType.OBJECT, ""),
    ],
)
def test_a_body_has_the_type_and_bytes_of_the_reference(body: Body, kind: MessageType, raw: str) -> None:
    assert encode_body(body) == (kind, bytes.fromhex(raw))


def test_vector_of_a_null_text() -> None:
    assert encode_message(b"\x00", address="a", type=3).startswith(bytes.fromhex("0000000e 00"))
    assert decode_body(MessageType.TEXT, b"\x00") is None
    assert decode_body(MessageType.TEXT, b"") is None


@given(java_text(40))
def test_text_comes_back(text: str) -> None:
    assert decode_body(*encode_body(text)) == text


@given(property_maps())
def test_a_map_comes_back_with_its_types(values: dict[str, PropertyValue]) -> None:
    back = decode_body(*encode_body(values))
    assert back == values
    assert isinstance(back, Properties)
    assert [type(value) for value in back.values()] == [type(value) for value in values.values()]


@given(st.lists(property_values(), max_size=8))
def test_a_stream_comes_back_with_its_types(values: list[PropertyValue]) -> None:
    back = decode_body(*encode_body(values))
    assert isinstance(back, tuple)
    assert list(back) == values
    assert [type(value) for value in back] == [type(value) for value in values]


@pytest.mark.parametrize("size", [8, 9, 4094, 4095, 70_000])
def test_long_texts_in_a_stream_come_back(size: int) -> None:
    assert decode_body(*encode_body(["\u20ac" * size])) == ("\u20ac" * size,)


def test_the_other_types_come_back() -> None:
    assert decode_body(*encode_body(bytearray(b"\x01"))) == b"\x01"
    assert decode_body(*encode_body(memoryview(b"\x01\x02\x03")[::2])) == b"\x01\x03"
    assert decode_body(*encode_body(Object(b"x"))) == Object(b"x")
    assert decode_body(*encode_body(Object(b""))) is None
    assert decode_body(*encode_body(None)) is None
    assert decode_body(MessageType.DEFAULT, bytes(4)) == bytes(4)
    assert decode_body(MessageType.EMBEDDED, b"EMB") == b"EMB"
    assert decode_body(*encode_body(Json({"a": [1, {"b": "é"}]}))) == '{"a": [1, {"b": "é"}]}'
    assert decode_body(*encode_body(array.array("i", [1, 2]))) == (1, 2)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (7, "body: text, bytes, .* not int"),
        (datetime(2027, 1, 1, tzinfo=UTC), "not datetime"),
        ({1, 2}, "not set"),
        ({"a": {"b": 1}}, "body: 'a': a value is .* not dict; nested values travel as Json"),
        ({7: 1}, "body: 7: the name of a property is a str"),
        ([1, [2]], "body: a value is .* not list; nested values travel as Json"),
        (Json({1, 2}), "body: .*not JSON serializable"),
    ],
)
def test_what_no_type_holds_is_refused(body: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        encode_body(body)


@pytest.mark.parametrize("body", [{"a": 1 << 63}, [1 << 63], Json(float("nan"))])
def test_numbers_without_a_form_are_refused(body: Any) -> None:
    with pytest.raises(ValueError, match="body: "):
        encode_body(body)


@given(st.sampled_from(MessageType), st.binary(max_size=40))
def test_garbage_raises_nothing_but_the_protocol_error(kind: MessageType, data: bytes) -> None:
    try:
        decode_body(kind, data)
    except RemoteProtocolError:
        return


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        (MessageType.TEXT, "01 7ffffffe"),
        (MessageType.MAP, "01 00000001"),
        (MessageType.STREAM, "07 00"),
        (MessageType.STREAM, "01"),
        (MessageType.STREAM, "0a 01 00000002 0061"),
        (MessageType.OBJECT, "000000"),
        (MessageType.OBJECT, "00000001"),
        (MessageType.OBJECT, "ffffffff"),
    ],
)
def test_a_body_that_lies_is_refused(kind: MessageType, raw: str) -> None:
    with pytest.raises(RemoteProtocolError):
        decode_body(kind, bytes.fromhex(raw))
