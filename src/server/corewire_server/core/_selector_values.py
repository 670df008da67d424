"""
Values of selectors, as Java has them: which types meet, and what comes of it.

A value is None or of exactly one of these classes: ``bool``, ``Byte``, ``Short``, ``int`` (Integer), ``Long``, ``Float``,
``float`` (Double), ``Char``, ``str``, ``bytes``, ``BigDecimal``. The classes are compared by identity: a ``Char`` is a ``str``
for Python and something else here. Comparison of different types is not symmetric (``bt = 33`` may hold where ``33 = bt``
does not); the table below has the pairs that Java's ``ComparisonExpression.compare`` converts, and no other.
"""

from __future__ import annotations

import builtins
import math
from struct import Struct
from typing import TypeAlias

from corewire import values
from corewire.errors import ConversionError
from corewire.values import Byte, Float, Long, PropertyValue, Short
from corewire.wire.conversions import Tag, to_boolean, to_floating, to_integer, to_string

_FLOAT = Struct(">f")
DIGITS_MAX = 1000  # of an integer literal, and characters of a string that is read as a number


class BigDecimal(int):
    """An integer literal beyond 64 bits: unequal to every property."""

    __slots__ = ()


Value: TypeAlias = PropertyValue  # a BigDecimal is an int for the type checker


class EvaluationFailed(Exception):
    """The expression has no value for this message, so the whole filter does not match (Java: a RuntimeException)."""


# -- literals ----------------------------------------------------------------------------------------------------------


def decimal_literal(digits: str) -> Value:
    """Read a decimal literal; a number beyond 64 bits whose low 64 are a small number becomes that one, as in Artemis."""
    if len(digits) > DIGITS_MAX:
        raise ValueError(f"a number has more than {DIGITS_MAX} digits")
    number = int(digits)
    low = _wrapped(number, 64)
    if _wrapped(number, 32) == low:
        return low
    return Long(number) if low == number else BigDecimal(number)


def integer_literal(digits: str, base: int) -> Value:
    """Read a hexadecimal or octal literal. Raises ValueError beyond the signed 64 bits."""
    number = int(digits, base)
    if number >= 1 << 63:
        raise ValueError("a number does not fit 64 bits")
    return number if number < 1 << 31 else Long(number)


# -- comparison --------------------------------------------------------------------------------------------------------

_INTEGERS = {(Byte, Short), (Byte, int), (Byte, Long), (Short, int), (Short, Long), (int, Long), (Long, int)}
_FLOATS = {(Byte, Float), (Short, Float), (int, Float), (Long, Float), (Float, int), (Float, Long)}
_DOUBLES = {(left, float) for left in (Byte, Short, int, Long, Float)} | {
    (float, right) for right in (int, Long, Float)
}
_NUMBERS = frozenset((Byte, Short, int, Long, Float, float, BigDecimal))


def compare(left: Value, right: Value, *, convert: bool) -> int | None:
    """
    Compare as ``compareTo`` does: negative, 0 or positive; None where Java finds the two not comparable.

    Neither is None. ``convert``: strings are read as what they meet.
    """
    pair = (left.__class__, right.__class__)
    if pair[0] is not pair[1]:
        if pair in _DOUBLES:
            assert isinstance(left, float | int)
            assert isinstance(right, float | int)
            return _compare_floats(float(left), float(right))
        if pair in _FLOATS:
            assert isinstance(left, float | int)
            assert isinstance(right, float | int)
            return _compare_floats(_single(left), _single(right))
        if pair not in _INTEGERS:
            return _compare_converted(left, right) if convert else None
    if isinstance(left, str) and isinstance(right, str):
        return _compare_strings(left, right)
    if isinstance(left, float) and isinstance(right, float):
        return _compare_floats(left, right)
    if isinstance(left, int) and isinstance(right, int):
        return (left > right) - (left < right)
    return None  # bytes have no order


def _compare_converted(left: Value, right: Value) -> int | None:
    """Compare a string with a boolean or number; what cannot be read as such is not comparable."""
    try:
        if isinstance(right, str) and right.__class__ is str:
            return compare(left, _read(right, left.__class__), convert=False)
        if isinstance(left, str) and left.__class__ is str:
            return compare(_read(left, right.__class__), right, convert=False)
    except ConversionError:
        return None
    return None


def _read(text: str, kind: type) -> Value:
    """Read a string as a value of another class. Raises ConversionError."""
    if kind is bool:
        return to_boolean(text, "")
    if len(text) > DIGITS_MAX:
        raise ConversionError("too long for a number")
    match kind:
        case builtins.float:
            return to_floating(text, Tag.DOUBLE, "")
        case values.Float:
            return float.__new__(Float, to_floating(text, Tag.FLOAT, ""))
        case builtins.int:
            return to_integer(text, Tag.INT, "")
        case values.Byte:
            return Byte(to_integer(text, Tag.BYTE, ""))
        case values.Short:
            return Short(to_integer(text, Tag.SHORT, ""))
        case values.Long:
            return Long(to_integer(text, Tag.LONG, ""))
        case _:
            raise ConversionError("no class that strings are read as")


def _compare_strings(left: str, right: str) -> int:
    if not (left.isascii() or right.isascii()):  # Java's order is that of UTF-16 units
        a, b = (text.encode("utf-16-be", "surrogatepass") for text in (left, right))
        return (a > b) - (a < b)
    return (left > right) - (left < right)


def _compare_floats(left: float, right: float) -> int:
    """``Double.compareTo``: NaN equals itself and is above all, -0.0 is below 0.0."""
    if left < right:
        return -1
    if left > right:
        return 1
    a, b = ((x != x, math.copysign(1.0, x) if x == 0 else 1.0) for x in (left, right))
    return (a > b) - (a < b)


def _single(number: float) -> float:
    """Round to 32 bits once. Beyond 53 bits an int would be rounded twice, so its lost bits are gathered in one before."""
    if isinstance(number, int) and (excess := number.bit_length() - 50) > 0:
        low = abs(number) & ((1 << excess) - 1)
        kept = (abs(number) >> excess) | bool(low)
        number = float(kept << excess) * (-1 if number < 0 else 1)
    (rounded,) = _FLOAT.unpack(_FLOAT.pack(number))
    assert isinstance(rounded, float)
    return rounded


# -- arithmetic --------------------------------------------------------------------------------------------------------


def plus(left: Value, right: Value, *, convert: bool) -> Value:
    """Add, or put texts together if the left one is a string. Raises EvaluationFailed or ConversionError."""
    if left.__class__ is str:  # of bytes Java writes an address in memory, which no selector can count on
        return f"{left}{'[B@' if isinstance(right, bytes) else to_string(right, '')}"
    return arithmetic("+", left, right, convert=convert)


def arithmetic(symbol: str, left: Value, right: Value, *, convert: bool) -> Value:
    """Compute ``+ - * / %`` of two values that are not None. Raises EvaluationFailed or ConversionError if one is no number."""
    a, b = _number(left, convert=convert), _number(right, convert=convert)
    kinds = (a.__class__, b.__class__)
    if symbol == "/":
        return _divide(_double(a), _double(b))
    if symbol == "%":
        return _remainder(_double(a), _double(b))
    if float in kinds or Float in kinds:
        return _combined(symbol, _double(a), _double(b))
    assert isinstance(a, int)
    assert isinstance(b, int)
    result = int(_combined(symbol, int(a), int(b)))
    return Long(_wrapped(result, 64)) if Long in kinds else _wrapped(result, 32)


def negate(value: Value) -> Value:
    """Unary minus of a value that is not None: None for what is no number. Raises EvaluationFailed for Byte and Short."""
    if isinstance(value, Byte | Short):
        raise EvaluationFailed(f"{type(value).__name__} cannot be negated")
    if isinstance(value, BigDecimal):  # the positive twin of the smallest Long is read as one
        return Long(-value) if value == 1 << 63 else BigDecimal(-value)
    if isinstance(value, Long):
        return Long(_wrapped(-value, 64))
    if isinstance(value, Float):
        return float.__new__(Float, -value)
    if isinstance(value, bool | str | bytes) or value is None:
        return None
    return -value if isinstance(value, float) else _wrapped(-value, 32)


def _combined(symbol: str, a: float, b: float) -> float:
    if symbol == "+":
        return a + b
    return a - b if symbol == "-" else a * b


def _number(value: Value, *, convert: bool) -> int | float:
    if isinstance(value, int | float) and value.__class__ in _NUMBERS:
        return value
    if convert and isinstance(value, str) and value.__class__ is str:
        number = _read(value, float if "." in value else Long)
        assert isinstance(number, int | float)
        return number
    raise EvaluationFailed(f"{value.__class__.__name__} is no number")


def _double(number: float) -> float:
    try:
        return float(number)
    except OverflowError:  # a BigDecimal
        return math.inf if number > 0 else -math.inf


def _divide(a: float, b: float) -> float:
    if b:
        return a / b
    return math.nan if a == 0 or a != a else math.copysign(math.inf, a) * math.copysign(1.0, b)


def _remainder(a: float, b: float) -> float:
    return math.nan if b == 0 or math.isinf(a) else math.fmod(a, b)


def _wrapped(number: int, bits: int) -> int:
    half = 1 << (bits - 1)
    return ((number + half) & ((1 << bits) - 1)) - half
