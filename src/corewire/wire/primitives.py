"""
Reading and writing single values: what the generated codec calls for everything that has no fixed size.

A reader takes the frame, where the value begins and where the frame ends, and returns the value and where it ends. Peers claim
any length and count, so a reader looks at what is really left before it takes or allocates anything. All that is wrong with the
bytes is RemoteProtocolError with the offset; values that cannot be written raise TypeError, ValueError or ``struct.error``.
(docs/protocol/values.md)
"""

from __future__ import annotations

from codecs import utf_16_be_decode, utf_16_be_encode, utf_16_le_decode, utf_16_le_encode
from collections.abc import Callable, Mapping
from struct import Struct, unpack
from typing import Any, Final, TypeAlias, TypeVar

from corewire import values
from corewire.errors import LocalProtocolError, RemoteProtocolError

T = TypeVar("T")
Reader: TypeAlias = Callable[[bytes, int, int], tuple[T, int]]
Writer: TypeAlias = Callable[[T], bytes]

_BYTE: Final = Struct(">b")
_INT: Final = Struct(">i")
_LONG: Final = Struct(">q")
_DOUBLE: Final = Struct(">d")
_USHORT: Final = Struct(">H")
_HEAD: Final = Struct(">iH")

UTF_UNITS_MIN: Final = 9  #: shorter strings are plain big-endian units
SIMPLE_UNITS_MIN: Final = 4095  #: from here on a string is written as a SimpleString
PRESENT: Final = b"\x01"  #: marks a value that is not null; in packets' own flags it is FLAG
FLAG: Final = b"\xff"


def truncated(at: int, end: int, size: int) -> RemoteProtocolError:
    """Say that ``size`` bytes are needed at ``at`` and are not there."""
    return RemoteProtocolError(f"{size} bytes are needed and {max(end - at, 0)} are left", offset=at)


def need(value: T | None, field: str) -> T:
    """Return the value of a field that this form of the packet must have. Raises LocalProtocolError if it is None."""
    if value is None:
        raise LocalProtocolError(f"{field} is missing")
    return value


# -- of fixed size -----------------------------------------------------------------------------------------------------


def read_bool(frame: bytes, at: int, end: int) -> tuple[bool, int]:
    if at >= end:
        raise truncated(at, end, 1)
    return frame[at] != 0, at + 1


def put_bool(value: bool) -> bytes:
    return _BYTE.pack(-value)


def read_byte(frame: bytes, at: int, end: int) -> tuple[int, int]:
    if at >= end:
        raise truncated(at, end, 1)
    return _BYTE.unpack_from(frame, at)[0], at + 1


put_byte: Final[Writer[int]] = _BYTE.pack


def read_int(frame: bytes, at: int, end: int) -> tuple[int, int]:
    if end - at < 4:
        raise truncated(at, end, 4)
    return _INT.unpack_from(frame, at)[0], at + 4


put_int: Final[Writer[int]] = _INT.pack


def read_long(frame: bytes, at: int, end: int) -> tuple[int, int]:
    if end - at < 8:
        raise truncated(at, end, 8)
    return _LONG.unpack_from(frame, at)[0], at + 8


put_long: Final[Writer[int]] = _LONG.pack


def read_update(frame: bytes, at: int, end: int) -> tuple[int, int]:
    """Read a replicated record's operation as peers before 2.18 write it: update (0) or not, which is add (1)."""
    update, at = read_bool(frame, at, end)
    return 0 if update else 1, at


def put_update(operation: int) -> bytes:
    return put_bool(operation == 0)


def read_known(frame: bytes, at: int, end: int, known: tuple[int, ...]) -> tuple[int, int]:
    """Read a byte that tells what follows, so that an unknown one is an error."""
    value, after = read_byte(frame, at, end)
    if value not in known:
        raise RemoteProtocolError(f"unknown type {value}", offset=at)
    return value, after


def put_known(value: int, known: tuple[int, ...]) -> bytes:
    if value not in known:
        raise ValueError(f"unknown type {value}")
    return _BYTE.pack(value)


# -- with a length before them -------------------------------------------------------------------------------------------


def read_data(frame: bytes, at: int, end: int) -> tuple[bytes, int]:
    size, start = read_int(frame, at, end)
    if not 0 <= size <= end - start:
        raise RemoteProtocolError(f"a length of {size} where {end - start} bytes are left", offset=at)
    return frame[start : start + size], start + size


def put_data(value: bytes) -> bytes:
    return _INT.pack(len(value)) + value


def read_optional_data(frame: bytes, at: int, end: int) -> tuple[bytes | None, int]:
    size, after = read_int(frame, at, end)
    return (None, after) if size == -1 else read_data(frame, at, end)


def put_optional_data(value: bytes | None) -> bytes:
    return _INT.pack(-1) if value is None else put_data(value)


def read_simple_string(frame: bytes, at: int, end: int) -> tuple[str, int]:
    raw, after = read_data(frame, at, end)
    if len(raw) & 1:
        raise RemoteProtocolError(f"a string has an odd length, {len(raw)}", offset=at)
    return utf_16_le_decode(raw, "surrogatepass", True)[0], after


def put_simple_string(value: str) -> bytes:
    raw = utf_16_le_encode(value, "surrogatepass")[0]
    return _INT.pack(len(raw)) + raw


def read_string(frame: bytes, at: int, end: int) -> tuple[str, int]:
    """Read a String, whose encoding depends on its number of UTF-16 units."""
    units, start = read_int(frame, at, end)
    if units >= SIMPLE_UNITS_MIN:
        text, after = read_simple_string(frame, start, end)
        found = (after - start - 4) // 2
    elif units >= UTF_UNITS_MIN:
        text, found, after = _read_utf(frame, start, end)
    elif 0 <= 2 * units <= end - start:
        after = start + 2 * units
        return utf_16_be_decode(frame[start:after], "surrogatepass", True)[0], after
    else:
        raise RemoteProtocolError(f"a string of {units} units where {end - start} bytes are left", offset=at)
    if found != units:
        raise RemoteProtocolError(f"a string of {found} units claims to have {units}", offset=at)
    return text, after


def _read_utf(frame: bytes, at: int, end: int) -> tuple[str, int, int]:
    """Read CESU-8: the text, its UTF-16 units, where it ends."""
    if end - at < 2:
        raise truncated(at, end, 2)
    start = at + 2
    after = start + int(_USHORT.unpack_from(frame, at)[0])
    if after > end:
        raise truncated(start, end, after - start)
    try:
        text = frame[start:after].decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise RemoteProtocolError("a string that is not CESU-8", offset=start + error.start) from None
    highest = max(text, default="")
    if highest > "\uffff":
        raise RemoteProtocolError("a string with a unit of four bytes", offset=at)
    units = len(text)
    if highest > "\ud7ff":  # perhaps surrogates, and pairs of them are one character
        text = utf_16_le_decode(utf_16_le_encode(text, "surrogatepass")[0], "surrogatepass", True)[0]
    return text, units, after


def put_string(value: str) -> bytes:
    raw = utf_16_le_encode(value, "surrogatepass")[0]
    units = len(raw) // 2
    if units >= SIMPLE_UNITS_MIN:
        return _INT.pack(units) + _INT.pack(len(raw)) + raw
    if units < UTF_UNITS_MIN:
        return _INT.pack(units) + utf_16_be_encode(value, "surrogatepass")[0]
    if len(value) != units:  # a pair of surrogates is written as two units
        value = "".join(map(chr, unpack(f"<{units}H", raw)))
    utf = value.encode("utf-8", "surrogatepass")
    return _HEAD.pack(units, len(utf)) + utf


# -- of other values -----------------------------------------------------------------------------------------------------


def read_nullable(frame: bytes, at: int, end: int, read: Reader[T]) -> tuple[T | None, int]:
    if at >= end:
        raise truncated(at, end, 1)
    return read(frame, at + 1, end) if frame[at] else (None, at + 1)


def put_nullable(value: T | None, put: Writer[T], present: bytes) -> bytes:
    return b"\x00" if value is None else present + put(value)


def read_list(frame: bytes, at: int, end: int, read: Reader[T]) -> tuple[list[T], int]:
    count, start = read_int(frame, at, end)
    if not 0 <= count <= end - start:  # each item has at least one byte
        raise RemoteProtocolError(f"a count of {count} where {end - start} bytes are left", offset=at)
    items: list[T] = []
    at = start
    for _ in range(count):
        item, at = read(frame, at, end)
        items.append(item)
    return items, at


def put_list(items: list[T], put: Writer[T]) -> bytes:
    return _INT.pack(len(items)) + b"".join(map(put, items))


def read_tagged(frame: bytes, at: int, end: int, readers: Mapping[str, Reader[T]]) -> tuple[T, int]:
    """Read what the name of a Java class announces."""
    name, start = read_string(frame, at, end)
    read = readers.get(name)
    if read is None:
        raise RemoteProtocolError(f"unknown type {name[:200]!a}", offset=at)
    return read(frame, start, end)


def put_tagged(value: object, writers: Mapping[type, tuple[str, Writer[Any]]]) -> bytes:
    name, put = writers[type(value)]
    return put_string(name) + put(value)


def read_parameters(frame: bytes, at: int, end: int) -> tuple[dict[str, bool | int | str], int]:
    """Read a connector's parameters: keys and tagged values."""
    count, start = read_int(frame, at, end)
    if not 0 <= count <= end - start:
        raise RemoteProtocolError(f"a count of {count} where {end - start} bytes are left", offset=at)
    params: dict[str, bool | int | str] = {}
    at = start
    for _ in range(count):
        key, at = read_string(frame, at, end)
        tag, at = read_known(frame, at, end, (0, 1, 2, 3))
        if tag == 0:
            params[key], at = read_bool(frame, at, end)
        elif tag == 1:
            params[key], at = read_int(frame, at, end)
        elif tag == 2:
            number, at = read_long(frame, at, end)
            params[key] = values.Long(number)
        else:
            params[key], at = read_string(frame, at, end)
    return params, at


def parameter_tag(value: bool | int | str) -> int:
    """Return the type byte of a connector's parameter: 0 bool, 1 int, 2 long, 3 string."""
    if isinstance(value, str):
        return 3
    if isinstance(value, bool):
        return 0
    return 2 if isinstance(value, values.Long) or not -(2**31) <= value < 2**31 else 1


_PUT_PARAMETER: Final[dict[int, Writer[Any]]] = {0: put_bool, 1: put_int, 2: put_long, 3: put_string}


def put_parameters(params: Mapping[str, bool | int | str]) -> bytes:
    parts = [_INT.pack(len(params))]
    for key, value in params.items():
        tag = parameter_tag(value)
        parts += (put_string(key), _BYTE.pack(tag), _PUT_PARAMETER[tag](value))
    return b"".join(parts)


# -- messages of 1.x peers -------------------------------------------------------------------------------------------------


def read_message_1x(raw: bytes, at: int) -> bytes:
    """Turn a 1.x message into today's layout; ``at`` is where it stands in its frame."""
    body_end = _INT.unpack_from(raw)[0] - 13 if len(raw) >= 8 else 0
    if not 4 <= body_end <= len(raw) - 4:
        raise RemoteProtocolError("the body's end lies outside the message", offset=at)
    if _INT.unpack_from(raw, body_end)[0] != len(raw) + 13:
        raise RemoteProtocolError("the message's end is not where it is said to be", offset=at + body_end)
    return b"".join((_INT.pack(body_end + 9), raw[4:body_end], raw[body_end + 4 :]))


def put_message_1x(message: bytes) -> bytes:
    body_end = _INT.unpack_from(message)[0] - 9
    if not 4 <= body_end <= len(message):
        raise ValueError("the body's end lies outside the message")
    return b"".join((_INT.pack(body_end + 13), message[4:body_end], _INT.pack(len(message) + 17), message[body_end:]))
