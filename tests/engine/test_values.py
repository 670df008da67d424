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
