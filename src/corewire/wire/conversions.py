"""Java's types of property values: which one a Python value is, which one may be read as which (JMS 1.1, 3.5.4), and how Java writes and reads numbers as text."""

from __future__ import annotations

import re
from enum import IntEnum
from struct import Struct
from typing import TYPE_CHECKING, Final, NoReturn

from corewire.errors import ConversionError
from corewire.values import Byte, Char, Float, Long, Short

if TYPE_CHECKING:
    from corewire.values import PropertyValue


class Tag(IntEnum):
    """The byte before a value. 1 is no tag: it marks a map that is there."""

    NULL = 0
    BOOLEAN = 2
    BYTE = 3
    BYTES = 4
    SHORT = 5
    INT = 6
    LONG = 7
    FLOAT = 8
    DOUBLE = 9
    STRING = 10
    CHAR = 11


TAGS: Final[dict[type, Tag]] = {
    str: Tag.STRING,
    bool: Tag.BOOLEAN,
    float: Tag.DOUBLE,
    bytes: Tag.BYTES,
    type(None): Tag.NULL,
    bytearray: Tag.BYTES,
    memoryview: Tag.BYTES,
    Byte: Tag.BYTE,
    Short: Tag.SHORT,
    Long: Tag.LONG,
    Float: Tag.FLOAT,
    Char: Tag.CHAR,
}
_BITS: Final = {Tag.BYTE: 8, Tag.SHORT: 16, Tag.INT: 32, Tag.LONG: 64}
_WORDS: Final = {tag: tag.name.lower() for tag in Tag}
_SINGLE: Final = Struct(">f")
_INTEGER: Final = re.compile(r"[+-]?\d+")
# Possessive throughout: digits are never given back, so junk behind many of them is found in one pass.
_DECIMAL: Final = re.compile(
    r"([+-]?)(?:(NaN)|(Infinity)|((?:[0-9]++\.?[0-9]*+|\.[0-9]++)(?:[eE][+-]?[0-9]++)?+)[fFdD]?)"
)
_HEXADECIMAL: Final = re.compile(
    r"([+-]?0[xX](?:[0-9a-fA-F]++\.?[0-9a-fA-F]*+|\.[0-9a-fA-F]++)[pP][+-]?[0-9]++)[fFdD]?"
)
_TRIMMED: Final = "".join(map(chr, range(0x21)))  # what String.trim() takes off


def tag_of(value: object) -> Tag:
    """Tell the Java type that a value travels as: an int as int, or as long beyond 32 bits.

    Raises TypeError for what has no Java type and ValueError for an int beyond 64 bits.
    """
    tag = TAGS.get(type(value))
    if tag is not None:
        return tag
    if isinstance(value, int):
        if -(1 << 31) <= value < 1 << 31:
            return Tag.INT
        if -(1 << 63) <= value < 1 << 63:
            return Tag.LONG
        raise ValueError(f"{value} has more than 64 bits")
    for kind in (str, float, bytes):  # classes derived from these
        if isinstance(value, kind):
            return TAGS[kind]
    raise TypeError(f"a value is bool, int, float, str, bytes or None, not {type(value).__name__}")


# -- the table -----------------------------------------------------------------------------------------------------------


def _refuse(value: PropertyValue, wanted: str, key: str) -> NoReturn:
    what = "nothing" if value is None else f"a {_WORDS[tag_of(value)]}"
    raise ConversionError(f"{key!r} holds {what}, which cannot be read as {wanted}")


def to_boolean(value: PropertyValue, key: str) -> bool:
    """Read a boolean or a string as boolean; null is False. Raises ConversionError."""
    if isinstance(value, bool):
        return value
    if value is None:
        return False
    if isinstance(value, str) and not isinstance(value, Char):
        return value.lower() == "true"
    _refuse(value, "boolean", key)


def to_integer(value: PropertyValue, wanted: Tag, key: str) -> int:
    """Read an integer of at most as many bits as ``wanted``, or a string of such a one. Raises ConversionError."""
    bits = _BITS[wanted]
    if isinstance(value, int) and not isinstance(value, bool) and _BITS[tag_of(value)] <= bits:
        return int(value)
    if isinstance(value, str) and not isinstance(value, Char):
        if len(value) <= 64 and _INTEGER.fullmatch(value) and -(1 << (bits - 1)) <= int(value) < 1 << (bits - 1):
            return int(value)
        raise ConversionError(f"{key!r} holds a string that is no {_WORDS[wanted]}")
    _refuse(value, _WORDS[wanted], key)


def to_floating(value: PropertyValue, wanted: Tag, key: str) -> float:
    """Read a float (as ``wanted`` double also a double), or a string of one. Raises ConversionError."""
    if isinstance(value, Float) or (isinstance(value, float) and wanted is Tag.DOUBLE):
        return float(value)
    if isinstance(value, str) and not isinstance(value, Char):
        return _parse_floating(value, wanted, key)
    _refuse(value, _WORDS[wanted], key)


def to_string(value: PropertyValue, key: str) -> str | None:
    """Write anything but bytes as Java writes it; null is None. Raises ConversionError."""
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case str():
            return str(value)
        case float():
            return java_text(value, single=isinstance(value, Float))
        case int():
            return str(int(value))
        case _:
            _refuse(value, "string", key)


def to_bytes(value: PropertyValue, key: str) -> bytes | None:
    """Read bytes; null is None. Raises ConversionError."""
    if value is None or isinstance(value, bytes):
        return value
    _refuse(value, "bytes", key)


# -- numbers as text -------------------------------------------------------------------------------------------------------


def _parse_floating(text: str, wanted: Tag, key: str) -> float:
    trimmed = text.strip(_TRIMMED)
    if found := _DECIMAL.fullmatch(trimmed):
        sign, nan, infinity, digits = found.groups()
        number = float(sign + ("nan" if nan else "inf" if infinity else digits))
    elif found := _HEXADECIMAL.fullmatch(trimmed):
        try:
            number = float.fromhex(found[1])
        except OverflowError:
            number = float("-inf" if trimmed.startswith("-") else "inf")
    else:
        raise ConversionError(f"{key!r} holds a string that is no {_WORDS[wanted]}")
    return _round_to_single(number) if wanted is Tag.FLOAT else number


def _round_to_single(number: float) -> float:
    try:
        rounded: float = _SINGLE.unpack(_SINGLE.pack(number))[0]
    except OverflowError:
        return float("-inf") if number < 0 else float("inf")
    return rounded


def java_text(number: float, *, single: bool = False) -> str:
    """Write a double (or float) as ``Double.toString`` does: 1.0, 0.001, 1.0E7, NaN, -Infinity; the fewest digits that read back."""
    if number != number:
        return "NaN"
    if number in (float("inf"), float("-inf")):
        return "Infinity" if number > 0 else "-Infinity"
    text = next(
        text
        for digits in range(17)
        if (
            _round_to_single(float(text := f"{number:.{digits}e}")) if single else float(text := f"{number:.{digits}e}")
        )
        == number
    )
    mantissa, _, power = text.partition("e")
    sign, figures = ("-", mantissa[1:]) if mantissa.startswith("-") else ("", mantissa)
    exponent = int(power)
    if number == 0 or not -3 <= exponent < 7:
        whole, _, fraction = figures.partition(".")
        return f"{sign}{whole}.{fraction or '0'}" + (f"E{exponent}" if number else "")
    plain = figures.replace(".", "")
    if exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{plain}"
    plain = plain.ljust(exponent + 1, "0")
    return f"{sign}{plain[: exponent + 1]}.{plain[exponent + 1 :] or '0'}"
