"""Java's table of conversions, cell by cell, and its way with numbers as text."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corewire.errors import ConversionError
from corewire.values import Byte, Char, Float, Long, PropertyValue, Short
from corewire.wire.conversions import java_text, tag_of
from corewire.wire.properties import Properties

if TYPE_CHECKING:
    from collections.abc import Callable

STORED: dict[str, PropertyValue] = {
    "boolean": True,
    "byte": Byte(1),
    "short": Short(1),
    "int": 1,
    "long": Long(1),
    "float": Float(1.5),
    "double": 1.5,
    "String": "1",
    "bytes": b"1",
    "char": Char("1"),
}
ASKED: dict[str, Callable[[Properties, str], object]] = {
    "boolean": Properties.get_boolean,
    "byte": Properties.get_byte,
    "short": Properties.get_short,
    "int": Properties.get_int,
    "long": Properties.get_long,
    "float": Properties.get_float,
    "double": Properties.get_double,
    "String": Properties.get_string,
    "bytes": Properties.get_bytes,
}
TABLE = {
    "boolean": {"boolean", "String"},
    "byte": {"byte", "short", "int", "long", "String"},
    "short": {"short", "int", "long", "String"},
    "int": {"int", "long", "String"},
    "long": {"long", "String"},
    "float": {"float", "double", "String"},
    "double": {"double", "String"},
    "String": {"boolean", "byte", "short", "int", "long", "float", "double", "String"},
    "bytes": {"bytes"},
    "char": {"String"},
}


@pytest.mark.parametrize("stored", STORED)
@pytest.mark.parametrize("asked", ASKED)
def test_each_cell_of_the_table(stored: str, asked: str) -> None:
    held = Properties({"k": STORED[stored]})
    if asked in TABLE[stored]:
        ASKED[asked](held, "k")
    else:
        with pytest.raises(ConversionError, match="'k' holds"):
            ASKED[asked](held, "k")


@pytest.mark.parametrize("asked", ["byte", "short", "int", "long", "float", "double"])
@pytest.mark.parametrize("held", [Properties(), Properties({"k": None})])
def test_a_missing_number_is_an_error(asked: str, held: Properties) -> None:
    with pytest.raises(ConversionError, match="'k' holds nothing"):
        ASKED[asked](held, "k")


def test_conversions_give_plain_python_values() -> None:
    held = Properties({"b": Byte(1), "f": Float(1.5), "c": Char("x"), "s": "tRuE", "t": "yes"})
    assert type(held.get_long("b")) is int
    assert type(held.get_double("f")) is float
    assert type(held.get_string("c")) is str
    assert held.get_boolean("s")
    assert not held.get_boolean("t")
    assert Properties({"k": False}).get_string("k") == "false"


@pytest.mark.parametrize("text", ["", " 1", "1 ", "1_0", "0x1", "1.0", "128", "-129", "9" * 5000])
def test_text_that_is_no_byte(text: str) -> None:
    with pytest.raises(ConversionError, match="no byte"):
        Properties({"k": text}).get_byte("k")


@pytest.mark.parametrize(("text", "value"), [("+7", 7), ("-128", -128), ("007", 7), ("٣", 3)])
def test_text_that_is_a_byte(text: str, value: int) -> None:
    assert Properties({"k": text}).get_byte("k") == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1.0),
        (" 1.5f\t", 1.5),
        (".5d", 0.5),
        ("1.", 1.0),
        ("-1e3", -1000.0),
        ("Infinity", math.inf),
        ("0x1.8p1", 3.0),
    ],
)
def test_text_that_is_a_double(text: str, value: float) -> None:
    assert Properties({"k": text}).get_double("k") == value


@pytest.mark.parametrize("text", ["", ".", "inf", "nan", "1_0", "1e", "e1", "0x1.8", "1 2"])
def test_text_that_is_no_double(text: str) -> None:
    with pytest.raises(ConversionError, match="no double"):
        Properties({"k": text}).get_double("k")


def test_text_beyond_the_range_is_infinite_as_in_java() -> None:
    held = Properties({"big": "-1e39", "nan": "NaN", "hex": "-0x1p99999"})
    assert held.get_float("big") == -math.inf
    assert held.get_double("hex") == -math.inf
    assert math.isnan(held.get_float("nan"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (1.0, "1.0"),
        (-1.5, "-1.5"),
        (0.001, "0.001"),
        (0.00123, "0.00123"),
        (9.99e-4, "9.99E-4"),
        (1234567.0, "1234567.0"),
        (9999999.5, "9999999.5"),
        (1e7, "1.0E7"),
        (1.25e300, "1.25E300"),
        (0.1, "0.1"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        (math.nan, "NaN"),
    ],
)
def test_a_double_is_written_as_java_writes_it(value: float, text: str) -> None:
    assert java_text(value) == text


def test_a_float_is_written_with_the_digits_of_32_bits() -> None:
    assert Properties({"k": Float(0.1)}).get_string("k") == "0.1"
    assert Properties({"k": Float(16777216)}).get_string("k") == "1.6777216E7"


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_written_double_reads_back(value: float) -> None:
    assert float(java_text(value)) == value
    assert Properties({"k": java_text(value)}).get_double("k") == value


def test_classes_derived_from_python_types_travel_as_these() -> None:
    class Text(str):
        __slots__ = ()

    assert (tag_of(Text("x")), tag_of(bytearray()), tag_of(-(1 << 31) - 1)) == (10, 4, 7)


@pytest.mark.parametrize("text", ["9" * 200_000 + "x", "0x" + "f" * 200_000 + "p", "1e" + "9" * 200_000 + "x"])
def test_digits_with_junk_behind_them_are_refused_in_one_pass(text: str) -> None:
    with pytest.raises(ConversionError):
        Properties({"k": text}).get_double("k")
