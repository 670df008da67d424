"""Java's arithmetic and comparison, where Python's differ."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from corewire.errors import ConversionError
from corewire.values import Byte, Char, Float, Long, Short
from corewire_server.core._selector_values import BigDecimal, EvaluationFailed, arithmetic, compare, negate, plus

if TYPE_CHECKING:
    from corewire.values import PropertyValue

INT_MIN, INT_MAX, LONG_MIN, LONG_MAX = -1 << 31, (1 << 31) - 1, -1 << 63, (1 << 63) - 1


def same(found: PropertyValue, expected: PropertyValue) -> bool:
    if isinstance(found, float) and isinstance(expected, float) and math.isnan(expected):
        return math.isnan(found)
    return (type(found), str(found)) == (type(expected), str(expected))


@pytest.mark.parametrize(
    ("left", "symbol", "right", "expected"),
    [
        (INT_MAX, "+", 1, INT_MIN),
        (Byte(100), "*", Short(2), 200),
        (Long(LONG_MAX), "+", 1, Long(LONG_MIN)),
        (Long(1), "-", 2, Long(-1)),
        (Float(0.5), "+", 1, 1.5),
        (BigDecimal((1 << 64) + 5), "-", 1, 4),
        (BigDecimal((1 << 64) + 5), "-", Long(1), Long(4)),
        (BigDecimal(10**400), "*", 1.0, math.inf),
        (7, "/", 2, 3.5),
        (-7, "%", 3, -1.0),
        (1, "/", 0, math.inf),
        (1, "/", -0.0, -math.inf),
        (0, "/", 0, math.nan),
        (1, "%", 0, math.nan),
        (math.inf, "%", 2, math.nan),
        (5, "%", math.inf, 5.0),
        (1e308, "*", 10, math.inf),
    ],
)
def test_arithmetic(left: PropertyValue, symbol: str, right: PropertyValue, expected: PropertyValue) -> None:
    assert same(arithmetic(symbol, left, right, convert=False), expected)


@pytest.mark.parametrize("value", ["1", True, Char("1"), b"1"])
def test_arithmetic_of_what_is_no_number_fails(value: PropertyValue) -> None:
    with pytest.raises(EvaluationFailed):
        arithmetic("+", 1, value, convert=False)


def test_strings_are_numbers_where_they_are_converted() -> None:
    assert same(arithmetic("+", 1, "2", convert=True), Long(3))
    assert same(arithmetic("*", "1.5", 2, convert=True), 3.0)
    with pytest.raises(ConversionError):
        arithmetic("+", 1, "x", convert=True)
    with pytest.raises(ConversionError):
        arithmetic("+", 1, "0" * 2000 + ".5", convert=True)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (INT_MIN, INT_MIN),
        (Long(LONG_MIN), Long(LONG_MIN)),
        (BigDecimal(1 << 63), Long(LONG_MIN)),
        (BigDecimal((1 << 63) + 1), BigDecimal(-(1 << 63) - 1)),
        (Float(1.5), Float(-1.5)),
        (0.0, -0.0),
        ("x", None),
        (True, None),
        (b"x", None),
    ],
)
def test_negate(value: PropertyValue, expected: PropertyValue) -> None:
    assert same(negate(value), expected)


@pytest.mark.parametrize("value", [Byte(1), Short(1)])
def test_small_numbers_cannot_be_negated(value: PropertyValue) -> None:
    with pytest.raises(EvaluationFailed):
        negate(value)


@pytest.mark.parametrize(
    ("right", "expected"),
    [
        (1, "x1"),
        (Byte(1), "x1"),
        (1.0, "x1.0"),
        (1e23, "x1.0E23"),
        (Float(0.1), "x0.1"),
        (False, "xfalse"),
        (Char("y"), "xy"),
        (b"y", "x[B@"),
    ],
)
def test_text_is_put_together(right: PropertyValue, expected: str) -> None:
    assert plus("x", right, convert=False) == expected


SIGNS = [
    *[(Byte(1), right, 0) for right in (Byte(1), Short(1), 1, Long(1), Float(1), 1.0)],
    *[(left, Byte(1), None) for left in (Short(1), 1, Long(1), Float(1), 1.0)],
    *[(left, Short(1), None) for left in (1, Long(1), Float(1), 1.0)],
    *[(1, "1", None), ("1", 1, None), (True, 1, None), (1, True, None), (Char("1"), "1", None), ("1", Char("1"), None)],
    *[(BigDecimal(1 << 70), right, None) for right in (1, Long(1), 1.0, "1")],
    *[(BigDecimal(1 << 70), BigDecimal(1 << 70), 0), (b"a", b"a", None), (False, True, -1), (Char("b"), Char("a"), 1)],
    *[(math.nan, math.nan, 0), (math.nan, math.inf, 1), (1.0, math.nan, -1), (-0.0, 0.0, -1), (Float(0.0), -0.0, 1)],
    *[(Long((1 << 53) + 1), float(1 << 53), 0), ((1 << 24) + 1, Float(1 << 24), 0), (Float(0.1), 0.1, 1), (0, -0.0, 1)],
    *[("\uffee", "\U0001f600", 1), ("a", "\U0001f600", -1), ("\ud800", "\ue000", -1)],
]


@pytest.mark.parametrize(("left", "right", "sign"), SIGNS)
def test_compare(left: PropertyValue, right: PropertyValue, sign: int | None) -> None:
    assert compare(left, right, convert=False) == sign


@pytest.mark.parametrize(
    ("left", "right", "sign"),
    [
        *[("5", kind, 0) for kind in (Byte(5), Short(5), 5, Long(5), Float(5), 5.0)],
        *[(kind, "6", -1) for kind in (Byte(5), Short(5), 5, Long(5), Float(5), 5.0)],
        *[(5, "x", None), (5, "5.0", None), (Byte(5), "500", None), (5.0, "5d", 0), ("TRUE", True, 0), (False, "x", 0)],
        *[("x", Char("x"), None), (b"x", "x", None), (BigDecimal(1 << 70), "1", None), (1, True, None), ("a", "b", -1)],
    ],
)
def test_compare_converts_strings(left: PropertyValue, right: PropertyValue, sign: int | None) -> None:
    assert compare(left, right, convert=True) == sign


@given(st.integers(LONG_MIN, LONG_MAX), st.integers(-1, 1))
@example(33_554_431, 1)
def test_a_long_meets_a_float_rounded_once(number: int, step: int) -> None:
    """The Float nearest to the long, by exact fractions, is equal to it; its neighbours are not nearer."""
    exponent = max(number.bit_length() - 24, 0)
    nearest = round(Fraction(number, 1 << exponent)) << exponent
    # rounded up to a power of two, the next is twice as far
    assume(nearest.bit_length() <= max(24, number.bit_length()))
    sign = compare(Long(number), Float(nearest + (step << exponent)), convert=False)
    assert sign == (0 if step == 0 else sign)
    if abs(nearest) < 1 << 62:
        assert sign == -step
