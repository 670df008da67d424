"""
Plain values as bytes, the same bytes on every machine: what snapshots, digests, cold records and recorded inputs are made of.

A value is None, a bool, an int, a float, a str, bytes, or a list or dict of values. A dict keeps its order: two states are equal only
if their tables were filled in the same order, because that order can reach the wire. One tag byte, then the content; lengths
are four bytes. Lone surrogates survive.
"""

from __future__ import annotations

from struct import Struct, error
from typing import TypeAlias, Union

Plain: TypeAlias = Union[bool, int, float, str, bytes, "list[Plain]", "dict[str, Plain]", None]

_LENGTH = Struct(">cI")
_LONG = Struct(">cq")
_NONE, _FALSE, _TRUE, _INT, _BIG, _STR, _BYTES, _LIST, _DICT = (bytes([n]) for n in range(9))
_FLOAT = b"\x09"
_DOUBLE = Struct(">cd")
_LONG_MAX = 1 << 63
_DEPTH_MAX = 32


def encode(value: Plain) -> bytes:
    """The bytes of a value. Raises TypeError for anything else than plain values."""
    out: list[bytes] = []
    _write(value, out)
    return b"".join(out)


def _write(value: Plain, out: list[bytes]) -> None:
    match value:
        case None:
            out.append(_NONE)
        case bool():
            out.append(_TRUE if value else _FALSE)
        case int():
            if -_LONG_MAX <= value < _LONG_MAX:
                out.append(_LONG.pack(_INT, value))
            else:
                data = value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)
                out += (_LENGTH.pack(_BIG, len(data)), data)
        case float():
            out.append(_DOUBLE.pack(_FLOAT, value))
        case str():
            data = value.encode("utf-8", "surrogatepass")
            out += (_LENGTH.pack(_STR, len(data)), data)
        case bytes():
            out += (_LENGTH.pack(_BYTES, len(value)), value)
        case list():
            out.append(_LENGTH.pack(_LIST, len(value)))
            for item in value:
                _write(item, out)
        case dict():
            out.append(_LENGTH.pack(_DICT, len(value)))
            for key, item in value.items():
                _write(key, out)
                _write(item, out)
        case _:
            raise TypeError(f"not a plain value: {type(value).__name__}")


def decode(data: bytes) -> Plain:
    """The value of these bytes, all of them. Raises ValueError if they are no encoded value."""
    try:
        value, end = _read(data, 0, 0)
    except (error, IndexError, UnicodeDecodeError) as problem:
        raise ValueError(f"no plain value: {problem}") from problem
    if end != len(data):
        raise ValueError(f"{len(data) - end} bytes left after a plain value")
    return value


def _read(data: bytes, at: int, depth: int) -> tuple[Plain, int]:
    tag = data[at]
    if tag <= 2:
        return (None, False, True)[tag], at + 1
    if tag == 3:
        return _LONG.unpack_from(data, at)[1], at + 9
    if tag == 9:
        return _DOUBLE.unpack_from(data, at)[1], at + 9
    size: int = _LENGTH.unpack_from(data, at)[1]
    at += 5
    if tag <= 6:
        end = at + size
        if end > len(data):
            raise ValueError("a plain value is cut off")
        part = data[at:end]
        return (
            int.from_bytes(part, "big", signed=True)
            if tag == 4
            else part.decode("utf-8", "surrogatepass")
            if tag == 5
            else part
        ), end
    if tag > 8 or depth == _DEPTH_MAX:
        raise ValueError(f"unknown tag {tag}" if tag > 8 else "nested too deep")
    return _read_items(data, at, size, depth + 1) if tag == 7 else _read_table(data, at, size, depth + 1)


def _read_items(data: bytes, at: int, size: int, depth: int) -> tuple[Plain, int]:
    items: list[Plain] = []
    for _ in range(size):
        item, at = _read(data, at, depth)
        items.append(item)
    return items, at


def _read_table(data: bytes, at: int, size: int, depth: int) -> tuple[Plain, int]:
    table: dict[str, Plain] = {}
    for _ in range(size):
        key, at = _read(data, at, depth)
        if not isinstance(key, str):
            raise ValueError("the key of a table is no text")
        table[key], at = _read(data, at, depth)
    return table, at
