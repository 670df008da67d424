"""The vocabulary: number types keep their range and look, destinations read and write, ids have limits."""

from __future__ import annotations

import copy
import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corewire.values import (
    Address,
    Byte,
    Char,
    Destination,
    Float,
    Long,
    Queue,
    RoutingType,
    Short,
    Topic,
    Xid,
    destination,
)


@pytest.mark.parametrize(("kind", "bits"), [(Byte, 8), (Short, 16), (Long, 64)])
def test_a_sized_int_takes_its_range_and_nothing_beyond(kind: type[Byte | Short | Long], bits: int) -> None:
    for value in (-(1 << (bits - 1)), 0, (1 << (bits - 1)) - 1):
        assert kind(value) == value
    for value in (-(1 << (bits - 1)) - 1, 1 << (bits - 1)):
        with pytest.raises(ValueError, match=f"{kind.__name__} has {bits} bits"):
            kind(value)


def test_java_numbers_are_numbers_that_show_their_type_in_repr_only() -> None:
    assert (repr(Long(7)), str(Long(7)), f"{Long(7)}", json.dumps(Long(7))) == ("Long(7)", "7", "7", "7")
    assert (repr(Float(1.5)), str(Float(1.5)), json.dumps(Float(1.5))) == ("Float(1.5)", "1.5", "1.5")
    assert repr(Char("x")) == "Char('x')"
    assert str(Char("x")) == "x"
    assert Long(7) == 7
    assert hash(Long(7)) == hash(7)
    assert type(Long(7) + 1) is int


@pytest.mark.parametrize("value", [Byte(-1), Short(2), Long(3), Float(0.1), Char("\ud800")])
def test_java_values_survive_copying_and_pickling(value: Byte | Short | Long | Float | Char) -> None:
    for twin in (copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
        assert twin == value
        assert type(twin) is type(value)


def test_float_is_rounded_to_32_bits_at_once() -> None:
    assert Float(0.1) == 0.10000000149011612
    assert Float("inf") == float("inf")
    with pytest.raises(ValueError, match="too large for a Java float"):
        Float(1e39)


@pytest.mark.parametrize("text", ["", "ab", "\U0001f600"])
def test_char_is_one_utf_16_unit(text: str) -> None:
    with pytest.raises(ValueError, match="one character"):
        Char(text)


@pytest.mark.parametrize(
    ("text", "meaning", "routing"),
    [
        ("orders", Queue("orders"), RoutingType.ANYCAST),
        ("queue://orders", Queue("orders"), RoutingType.ANYCAST),
        ("topic://prices", Topic("prices"), RoutingType.MULTICAST),
        ("temp-queue://x", Queue("x", temporary=True), RoutingType.ANYCAST),
        ("temp-topic://x", Topic("x", temporary=True), RoutingType.MULTICAST),
        ("address://a", Address("a"), None),
        ("prices::audit", Queue("prices::audit"), RoutingType.ANYCAST),
        ("topic://prices::audit", Topic("prices::audit"), RoutingType.MULTICAST),
    ],
)
def test_text_names_a_destination(text: str, meaning: Destination, routing: RoutingType | None) -> None:
    assert destination(text) == meaning
    assert meaning.routing_type == routing


@given(st.text(min_size=1), st.sampled_from([Queue, Topic]), st.booleans())
def test_a_destination_survives_as_text(name: str, kind: type[Queue | Topic], temporary: bool) -> None:
    there = kind(name, temporary)
    assert destination(str(there)) == there
    assert destination(str(Address(name))) == Address(name)


@pytest.mark.parametrize("text", ["", "queue://", "tpoic://prices", "address://"])
def test_a_destination_without_name_or_with_a_wrong_prefix_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="destination"):
        destination(text)


def test_an_xid_has_limits() -> None:
    Xid(-1, b"g" * 64, b"b" * 64)
    for format_id, global_id, branch in (
        (1 << 31, b"g", b""),
        (0, b"", b""),
        (0, b"g" * 65, b""),
        (0, b"g", b"b" * 65),
    ):
        with pytest.raises(ValueError, match="has"):
            Xid(format_id, global_id, branch)


# What Artemis 2.44.0 answered: XidImpl.toBase64String for format id, global id, branch.
JAVA_NAMES = (
    (1, "030405", "0102", "AQIDBAUBAAAA"),
    (255, "ff", "", "_wAAAAA="),
    (256, "00", "fbffbf3e3f", "-_-_Pj8AAQEAAA=="),
    (254, "030405", "0102", "AQIDBAX-AAAA"),
    (-1, "ff", "", "______8="),
    (-255, "00", "fbffbf3e3f", "-_-_Pj8AAP___w=="),
    (-256, "030405", "0102", "AQIDBAX_____"),
    (0x7FFFFFFF, "ff", "", "_39_f38="),
    (-0x80000000, "00", "fbffbf3e3f", "-_-_Pj8AgICAgA=="),
    (0x1020304, "030405", "0102", "AQIDBAUKBgMB"),
    (-559038737, "030405", "0102", "AQIDBAU7S4ze"),
)


@pytest.mark.parametrize(("format_id", "global_id", "branch", "name"), JAVA_NAMES)
def test_an_xid_is_called_as_java_calls_it(format_id: int, global_id: str, branch: str, name: str) -> None:
    assert Xid(format_id, bytes.fromhex(global_id), bytes.fromhex(branch)).base64 == name


def test_an_xid_is_read_from_what_artemis_lists() -> None:
    line = "11/26/26, 12:19 PM base64: - XidImpl (1394438858 bq:1.-2 formatID:-7 gtxid:-85.0.127 base64:Af6rAH_5____"
    assert Xid.parse(line) == Xid(-7, b"\xab\x00\x7f", b"\x01\xfe")


xids = st.builds(
    Xid, st.integers(-(1 << 31), (1 << 31) - 1), st.binary(min_size=1, max_size=64), st.binary(max_size=64)
)


@given(xids, xids)
def test_xids_are_equal_by_their_parts_and_survive_bytes_and_text(one: Xid, other: Xid) -> None:
    assert Xid.from_bytes(one.to_bytes()) == one == Xid.parse(str(one))
    assert {one: 1}[Xid.from_bytes(one.to_bytes())] == 1
    assert (one == other) == (one.to_bytes() == other.to_bytes())


def test_bytes_of_an_xid_are_those_of_packets() -> None:
    assert Xid(7, b"\3\4\5", b"\1\2").to_bytes().hex() == "00000007000000020102" + "00000003030405"


@pytest.mark.parametrize(
    "data", [b"", b"\0" * 11, b"\0" * 12, Xid(1, b"g", b"b").to_bytes() + b"x", b"\0\0\0\1\xff\xff\xff\xff" + b"\0" * 8]
)
def test_bytes_that_are_no_xid_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"Xid|has 1 to 64"):
        Xid.from_bytes(data)


@pytest.mark.parametrize(
    "text", ["", "x", "bq:1 formatID:x gtxid:1 ", "bq:900 formatID:1 gtxid:1", "bq:1 formatID:1 gtxid:"]
)
def test_text_that_is_no_xid_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="names no branch"):
        Xid.parse(text)
