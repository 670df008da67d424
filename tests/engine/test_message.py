"""Core messages as bytes: the vectors of the reference encoder, reading, stamping and rewriting, the 1.x form, garbage."""

from __future__ import annotations

import struct
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.strategies import java_text, property_maps, sized

from corewire.errors import RemoteProtocolError
from corewire.values import Byte, Long, PropertyValue
from corewire.wire import message as module
from corewire.wire.message import (
    UNTOUCHED_BODY,
    CoreMessage,
    encode_message,
    java_uuid,
    with_body,
)
from corewire.wire.primitives import put_simple_string as simple_string

UUID_OF_GV3 = bytes.fromhex("101112131415161798191a1b1c1d1e1f")
GV1 = bytes.fromhex(
    "00000011 00000000 0000000000000007 01 00000002 6100 00 00 00 0000000000000000 0000000000000000 00 00"
)
GV2 = bytes.fromhex("0000000d 0000000000000007 01 00000002 6100 00 00 00 0000000000000000 0000000000000000 00 00")
GV3 = bytes.fromhex(
    "00000016 01 00000004 4800 6900 0000000000000000 01 00000002 7100 01 101112131415161798191a1b1c1d1e1f 03 01"
    "0000000000000000 0102030405060708 04 01 00000001"
    "00000022 5f0041004d0051005f0052004f005500540049004e0047005f005400590050004500 03 01"
)
TEXT_HI = b"\x01" + simple_string("Hi")


def messages() -> st.SearchStrategy[bytes]:
    """Raw messages with every field drawn."""
    return st.builds(
        encode_message,
        st.binary(max_size=20),
        address=st.none() | java_text(),
        message_id=sized(64),
        user_id=st.none() | st.binary(min_size=16, max_size=16),
        type=sized(8),
        durable=st.booleans(),
        expiration=sized(64),
        timestamp=sized(64),
        priority=st.integers(0, 9),
        properties=property_maps(3),
    )


def test_vector_1_a_message_of_the_broker_with_untouched_body() -> None:
    assert encode_message(UNTOUCHED_BODY, address="a", message_id=7, priority=0) == GV1
    assert len(GV1) == 44


def test_vector_2_an_empty_body() -> None:
    assert encode_message(b"", address="a", message_id=7, priority=0) == GV2
    assert len(GV2) == 40


def test_vector_3_a_text_message() -> None:
    raw = encode_message(
        TEXT_HI,
        address="q",
        user_id=UUID_OF_GV3,
        type=3,
        durable=True,
        timestamp=0x0102030405060708,
        properties={"_AMQ_ROUTING_TYPE": Byte(1)},
    )
    assert raw == GV3
    assert len(raw) == 109


def test_the_fields_of_vector_3_are_read() -> None:
    message = CoreMessage(GV3)
    assert (message.id, message.address, message.user_id, message.type) == (0, "q", UUID_OF_GV3, 3)
    assert (message.durable, message.expiration, message.timestamp, message.priority) == (
        True,
        0,
        0x0102030405060708,
        4,
    )
    assert (message.body, message.body_bytes) == (TEXT_HI, 9)
    assert message.properties == {"_AMQ_ROUTING_TYPE": 1}
    assert message.properties is message.properties
    assert message.may_hold_reserved
    assert not CoreMessage(GV1).may_hold_reserved


def test_the_header_of_a_large_message_is_the_part_from_the_id_on() -> None:
    header = CoreMessage(GV3).header
    assert header == GV3[13:]
    assert with_body(header, TEXT_HI) == GV3
    assert CoreMessage(with_body(header)).body == b""


@given(messages())
def test_every_message_is_sound(raw: bytes) -> None:
    message = CoreMessage(raw)
    message.validate()
    assert with_body(message.header, message.body) == raw
    assert (
        encode_message(
            message.body,
            address=message.address,
            message_id=message.id,
            user_id=message.user_id,
            type=message.type,
            durable=message.durable,
            expiration=message.expiration,
            timestamp=message.timestamp,
            priority=message.priority,
            properties=message.properties,
        )
        == raw
    )


@given(messages(), sized(64))
def test_stamping_changes_the_id_and_nothing_else(raw: bytes, message_id: int) -> None:
    message = CoreMessage(raw)
    message.stamp(message_id)
    assert CoreMessage(message.raw).id == message.id == message_id
    message.stamp(CoreMessage(raw).id)
    assert message.raw == raw


@given(messages(), java_text(), property_maps(2))
def test_rewriting_changes_what_is_named(raw: bytes, address: str, add: dict[str, PropertyValue]) -> None:
    old = CoreMessage(raw)
    drop = list(old.properties)[:1]
    new = old.rewritten(
        message_id=9, address=address, priority=7, expiration=5, durable=not old.durable, add=add, drop=drop
    )
    assert (new.id, new.address, new.priority, new.expiration, new.durable) == (9, address, 7, 5, not old.durable)
    assert new.properties == {k: v for k, v in old.properties.items() if k not in drop} | add
    assert (new.body, new.user_id, new.type, new.timestamp) == (old.body, old.user_id, old.type, old.timestamp)
    assert old.rewritten().raw == raw
    assert old.raw == raw


def test_rewriting_headers_keeps_the_bytes_of_the_properties() -> None:
    odd_boolean = GV2[:-1] + bytes.fromhex("01 00000001 00000002 6b00 02 ff")
    assert CoreMessage(odd_boolean).rewritten(address="b").raw.endswith(bytes.fromhex("02ff"))


def test_durable_of_a_1x_client_is_any_byte_but_zero() -> None:
    assert CoreMessage(GV3.replace(bytes.fromhex("0301 00000000"), bytes.fromhex("03ff 00000000"))).durable


def test_left_over_bytes_behind_the_properties_are_ignored_and_kept() -> None:
    message = CoreMessage(GV3 + b"rest")
    message.validate()
    message.stamp(1)
    assert message.raw.endswith(b"rest")


def test_java_forces_the_version_of_a_user_id() -> None:
    written = UUID("123e4567-e89b-42d3-f456-426614174000").bytes
    assert UUID(bytes=java_uuid(written)) == UUID("123e4567-e89b-12d3-b456-426614174000")
    assert java_uuid(UUID_OF_GV3) == UUID_OF_GV3


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "breaks off"),
        (bytes.fromhex("0000000c") + GV2[4:], "a body of -1 bytes"),
        (bytes.fromhex("80000000") + GV2[4:], "a body of -"),
        (bytes.fromhex("7fffffff") + GV2[4:], "breaks off"),
        (GV2.replace(bytes.fromhex("00000002 6100"), bytes.fromhex("00000001 6100")), "address claims 1 bytes"),
        (GV2.replace(bytes.fromhex("00000002 6100"), bytes.fromhex("fffffffe 6100")), "address claims -2 bytes"),
        (GV2.replace(bytes.fromhex("00000002 6100"), bytes.fromhex("7ffffffe 6100")), "breaks off"),
        (GV2[:-1], "breaks off"),
    ],
)
def test_a_message_that_lies_is_refused(raw: bytes, words: str) -> None:
    with pytest.raises(RemoteProtocolError, match=words):
        CoreMessage(raw)


def test_poison_in_properties_and_priority_shows_in_validate() -> None:
    for raw in (GV2[:-1] + b"\x01\xff\xff\xff\xff", GV2[:-2] + b"\x0a\x00", GV2[:-2] + b"\xff\x00"):
        with pytest.raises(RemoteProtocolError):
            CoreMessage(raw).validate()


@given(messages(), st.data())
def test_cut_off_or_mutated_bytes_raise_nothing_but_the_protocol_error(raw: bytes, data: st.DataObject) -> None:
    garbage = bytearray(raw)
    del garbage[data.draw(st.integers(0, len(raw))) :]
    for at in data.draw(st.lists(st.integers(0, max(len(garbage) - 1, 0)), max_size=3)):
        if garbage:
            garbage[at] = data.draw(st.integers(0, 255))
    for reading in (lambda raw: CoreMessage(raw).properties, lambda raw: CoreMessage(raw).validate()):
        try:
            reading(bytes(garbage))
        except RemoteProtocolError:
            continue


def test_numbers_out_of_range_do_not_pass_silently() -> None:
    with pytest.raises(struct.error):
        encode_message(b"", address=None, priority=300)
    with pytest.raises(TypeError, match="'k'"):
        encode_message(b"", address=None, properties={"k": [1]})  # type: ignore[dict-item]


def test_the_cache_of_addresses_is_bounded() -> None:
    for number in range(12_000):
        CoreMessage(encode_message(b"", address=f"address {number}", properties={"n": Long(number)}))
    assert len(module._decoded_addresses) <= 10_000
    CoreMessage(encode_message(b"", address="x" * 1000))
    assert ("x" * 1000).encode("utf-16-le") not in module._decoded_addresses
