"""Typed property maps: the reference encoder's bytes, every type there and back, and garbage refused."""

from __future__ import annotations

import time
from struct import Struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.strategies import property_maps, property_values

from corewire.errors import ConversionError, RemoteProtocolError
from corewire.values import Byte, Char, Float, Long, PropertyValue, Short
from corewire.wire import properties
from corewire.wire.properties import Properties, check, decode, decode_value, encode, encode_value

INT = Struct(">i")

# What the reference encoder writes for key "k" (docs/protocol: properties).
GOLDEN: list[tuple[PropertyValue, str]] = [
    (None, "00"),
    (True, "0201"),
    (False, "0200"),
    (Byte(127), "037f"),
    (b"\x01\x02", "04000000020102"),
    (Short(-2), "05fffe"),
    (1, "0600000001"),
    (Long(2), "070000000000000002"),
    (Float(1.5), "083fc00000"),
    (2.5, "094004000000000000"),
    ("ab", "0a0000000461006200"),
    (Char("c"), "0b0063"),
]


@pytest.mark.parametrize(("value", "tail"), GOLDEN)
def test_a_value_has_the_bytes_of_the_reference_encoder(value: PropertyValue, tail: str) -> None:
    raw = bytes.fromhex("01 00000001 00000002 6b00" + tail)
    assert encode({"k": value}) == raw
    assert decode(raw) == ({"k": value}, len(raw))
    assert type(decode(raw)[0]["k"]) is type(value)


def test_an_int_beyond_32_bits_travels_as_long_and_comes_back_as_one() -> None:
    (value,) = decode(encode({"k": 1 << 40}))[0].values()
    assert (type(value), value) == (Long, 1 << 40)


def test_any_non_zero_byte_is_true_and_a_map_with_count_zero_is_empty() -> None:
    assert decode(bytes.fromhex("01 00000001 00000002 6b00 02ff"))[0] == {"k": True}
    assert decode(bytes.fromhex("01 00000000")) == ({}, 5)
    assert decode(b"\x00") == ({}, 1)
    assert encode({}) == b"\x00"


def test_of_a_repeated_key_the_last_value_wins() -> None:
    assert decode(bytes.fromhex("01 00000002 00000002 6b00 0301 00000002 6b00 0302"))[0] == {"k": 2}


@given(property_maps(), st.binary(max_size=3), st.binary(max_size=3))
def test_every_map_comes_back_with_its_types_from_any_offset(
    values: dict[str, PropertyValue], before: bytes, after: bytes
) -> None:
    raw = encode(values)
    back, end = decode(before + raw + after, len(before))
    assert end == len(before) + len(raw)
    assert back == values
    assert [type(value) for value in back.values()] == [type(value) for value in values.values()]
    assert list(back) == list(values)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("01 7fffffff", "claims 2147483647 properties"),
        ("01 ffffffff", "claims -1 properties"),
        ("01 00000001 fffffffe 6b00 00", "key claims -2 bytes"),
        ("01 00000001 00000001 6b 00", "key claims 1 bytes"),
        ("01 00000001 7ffffffe 6b00 00", "break off"),
        ("01 00000001 00000002 6b00 01", "unknown property type 1"),
        ("01 00000001 00000002 6b00 0c", "unknown property type 12"),
        ("01 00000001 00000002 6b00 0a 00000001 61", "odd length"),
        ("01 00000001 00000002 6b00 0a 7ffffffe 6100", "claims 2147483646 bytes"),
        ("01 00000001 00000002 6b00 04 ffffffff", "claims -1 bytes"),
        ("01 00000001 00000002 6b00 07 00", "break off"),
        ("01 00000001 00000002 6b00 02", "break off"),
        ("01 0000", "break off"),
        ("", "break off"),
    ],
)
def test_what_lies_is_refused(raw: str, words: str) -> None:
    with pytest.raises(RemoteProtocolError, match=words) as caught:
        decode(bytes.fromhex(raw))
    assert caught.value.offset is not None
    with pytest.raises(RemoteProtocolError):
        check(bytes.fromhex(raw))


@given(property_maps(), st.data())
def test_cut_off_or_mutated_bytes_raise_nothing_but_the_protocol_error(
    values: dict[str, PropertyValue], data: st.DataObject
) -> None:
    raw = bytearray(encode(values))
    del raw[data.draw(st.integers(0, len(raw))) :]
    for at in data.draw(st.lists(st.integers(0, max(len(raw) - 1, 0)), max_size=3)):
        if raw:
            raw[at] = data.draw(st.integers(0, 255))
    try:
        _, end = decode(bytes(raw))
    except RemoteProtocolError:
        with pytest.raises(RemoteProtocolError):
            check(bytes(raw))
        return
    assert check(bytes(raw)) == end <= len(raw)


def test_a_megabyte_of_properties_takes_linear_time() -> None:
    def seconds(entries: int) -> float:
        raw = b"\x01" + INT.pack(entries) + b"\x00\x00\x00\x00\x00" * entries
        started = time.process_time()
        decode(raw)
        return time.process_time() - started

    assert seconds(400_000) < 40 * max(seconds(40_000), 0.001)


def test_the_caches_of_names_are_bounded() -> None:
    for number in range(25_000):
        decode(encode({f"name {number}": None}))
    assert len(properties._decoded_keys) <= 10_000
    assert len(properties._encoded_names) <= 10_000
    decode(encode({"x" * 1000: None}))
    assert "x" * 1000 not in properties._encoded_names


@pytest.mark.parametrize("value", [object(), [1], {"a": 1}, 1j, Byte])
def test_a_value_without_a_java_type_is_refused_by_name(value: object) -> None:
    with pytest.raises(TypeError, match="'k': a value is bool"):
        encode({"k": value})  # type: ignore[dict-item]


def test_an_int_beyond_64_bits_and_a_name_that_is_no_text_are_refused() -> None:
    with pytest.raises(ValueError, match="more than 64 bits"):
        encode({"k": 1 << 63})
    with pytest.raises(TypeError, match="name of a property is a str"):
        encode({7: None})  # type: ignore[dict-item]


def test_the_prefilter_sees_reserved_names_behind_the_offset_only() -> None:
    raw = encode({"_AMQ_GROUP_ID": "x"})
    assert properties.may_hold_reserved(raw, 0)
    assert not properties.may_hold_reserved(raw, len(raw) - 6)
    assert not properties.may_hold_reserved(encode({"color": "red"}), 0)


def test_properties_are_a_mapping_that_converts_and_cannot_be_changed() -> None:
    held = Properties({"n": 7, "s": "8", "none": None})
    assert dict(held) == {"n": 7, "s": "8", "none": None}
    assert held == {"n": 7, "s": "8", "none": None}
    assert repr(held) == "Properties({'n': 7, 's': '8', 'none': None})"
    assert (held.get_int("n"), held.get_long("n"), held.get_long("s"), held.get_string("n")) == (7, 7, 8, "7")
    assert (held.get_boolean("missing"), held.get_string("none"), held.get_bytes("missing")) == (False, None, None)
    assert (held.get_byte("s"), held.get_short("s"), held.get_float("s"), held.get_double("s")) == (8, 8, 8.0, 8.0)
    with pytest.raises(ConversionError, match="'n' holds a int, which cannot be read as short"):
        held.get_short("n")
    with pytest.raises(KeyError):
        held["missing"]
    assert not hasattr(held, "__setitem__")
    assert len(held) == 3
    assert held != 7


@given(property_values())
def test_a_single_value_comes_back_from_behind_its_tag(value: PropertyValue) -> None:
    raw = encode_value(value)
    assert decode_value(raw, 1, raw[0]) == (value, len(raw))
