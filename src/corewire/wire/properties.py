"""
Typed property maps, as they stand in messages and as the body of MAP messages (docs/protocol: properties).

``00`` is no properties; ``01``, a count, then per entry a key, a tag and a value. Keys and strings are UTF-16LE with a length in
bytes. A peer can claim any length and count, so nothing is allocated for a claim: reading stops where the bytes stop, after time
linear in them. Strings may hold lone surrogates (Java's may), hence ``surrogatepass``; ``codecs.utf_16_le_decode`` is called by
its own name because ``bytes.decode`` looks the codec up each time, which costs five times the decoding.
"""

from __future__ import annotations

from codecs import utf_16_le_decode, utf_16_le_encode
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from struct import Struct
from struct import error as StructError
from typing import TYPE_CHECKING, Any, Final, cast

from corewire.errors import RemoteProtocolError
from corewire.values import Byte, Char, Float, Long, Short
from corewire.wire import conversions
from corewire.wire.conversions import Tag
from corewire.wire.primitives import put_simple_string

if TYPE_CHECKING:
    from corewire.values import PropertyValue

_INT: Final = Struct(">i")
_LONG: Final = Struct(">q")
_DOUBLE: Final = Struct(">d")
_STRING_HEAD: Final = Struct(">bi")
_int: Final = _INT.unpack_from
_long: Final = _LONG.unpack_from
_double: Final = _DOUBLE.unpack_from
_new_long: Final = int.__new__
_NEGATIVE_OR_ODD: Final = 0x80000001  # what no length of a UTF-16 string has set
_RESERVED: Final = "_AMQ_".encode("utf-16-le")
_CACHED_KEYS_MAX: Final = 10_000
_CACHED_KEY_BYTES_MAX: Final = 256

# Keys repeat from message to message, and peers choose them: bounded in number and in size, emptied when full.
_decoded_keys: dict[bytes, str] = {}
_encoded_names: dict[str, bytes] = {}


def may_hold_reserved(data: bytes, at: int) -> bool:
    """Tell cheaply whether any name or value from ``at`` on contains ``_AMQ_``. False is certain; True means: decode and look."""
    return data.find(_RESERVED, at) >= 0


# -- reading -----------------------------------------------------------------------------------------------------------


# Plain ints for the hot paths: a look-up in an enum costs as much as reading a value.
_T_INT, _T_LONG, _T_DOUBLE, _T_STRING, _T_BYTES, _T_NULL = (
    int(tag) for tag in (Tag.INT, Tag.LONG, Tag.DOUBLE, Tag.STRING, Tag.BYTES, Tag.NULL)
)
_T_TOP: Final = int(max(Tag))

# For types that are read by one struct call; Java's own number types skip the range check, since the bytes cannot exceed it.
_FIXED: Final[dict[int, tuple[Struct, Callable[[Any], PropertyValue]]]] = {
    int(Tag.BOOLEAN): (Struct(">b"), bool),
    int(Tag.BYTE): (Struct(">b"), partial(int.__new__, Byte)),
    int(Tag.SHORT): (Struct(">h"), partial(int.__new__, Short)),
    int(Tag.INT): (_INT, int),
    int(Tag.LONG): (_LONG, partial(int.__new__, Long)),
    int(Tag.FLOAT): (Struct(">f"), partial(float.__new__, Float)),
    int(Tag.DOUBLE): (_DOUBLE, float),
    int(Tag.CHAR): (Struct(">H"), lambda unit: Char(chr(unit))),
}


def decode_value(data: bytes, at: int, tag: int) -> tuple[PropertyValue, int]:
    """Read the value of ``tag`` at ``at``: the value, and where it ends. A string is a SimpleString.

    Raises RemoteProtocolError for an unknown tag or a length that lies, ``struct.error`` if the bytes stop.
    """
    fixed = _FIXED.get(tag)
    if fixed is not None:
        layout, make = fixed
        return make(layout.unpack_from(data, at)[0]), at + layout.size
    if tag == _T_NULL:
        return None, at
    if tag != _T_STRING and tag != _T_BYTES:
        raise RemoteProtocolError(f"unknown property type {tag}", offset=at)
    length: int = _INT.unpack_from(data, at)[0]
    start = at + 4
    end = start + length
    if length < 0 or end > len(data):
        raise RemoteProtocolError(f"a value claims {length} bytes", offset=at)
    if tag == _T_BYTES:
        return data[start:end], end
    if length & 1:
        raise RemoteProtocolError(f"a string has an odd length, {length}", offset=at)
    return utf_16_le_decode(data[start:end], "surrogatepass", True)[0], end


def decode(data: bytes, at: int = 0) -> tuple[dict[str, PropertyValue], int]:
    """Read a property map at ``at``: the values in the order of the wire (of a repeated key the last), and where it ends.

    Raises RemoteProtocolError, with the offset in ``data``, for anything that is not a property map.
    """
    values: dict[str, PropertyValue] = {}
    try:
        if not data[at]:
            return values, at + 1
        count: int = _int(data, at + 1)[0]
        at += 5
        if not 0 <= count <= (len(data) - at) // 5:  # an entry has at least five bytes
            raise RemoteProtocolError(f"a map claims {count} properties", offset=at - 4)
        for _ in range(count):
            length: int = _int(data, at)[0]
            if length & _NEGATIVE_OR_ODD:
                raise RemoteProtocolError(f"a key claims {length} bytes", offset=at)
            at += 4
            raw = data[at : at + length]
            at += length + 1
            tag = data[at - 1]
            key = _decoded_keys.get(raw)
            if key is None:
                key = _decode_key(raw)
            if tag == _T_STRING and (length := _int(data, at)[0]) & _NEGATIVE_OR_ODD == 0:
                text = data[at + 4 : at + 4 + length]
                at += 4 + length
                if at > len(data):
                    raise RemoteProtocolError(f"a value claims {length} bytes", offset=at - 4 - length)
                values[key] = utf_16_le_decode(text, "surrogatepass", True)[0]
            elif tag == _T_LONG:
                values[key] = _new_long(Long, _long(data, at)[0])
                at += 8
            elif tag == _T_INT:
                values[key] = _int(data, at)[0]
                at += 4
            elif tag == _T_DOUBLE:
                values[key] = _double(data, at)[0]
                at += 8
            else:
                values[key], at = decode_value(data, at, tag)
    except (StructError, IndexError):
        raise RemoteProtocolError("the properties break off", offset=min(at, len(data))) from None
    return values, at


_SIZES: Final = (
    0,
    -1,
    1,
    1,
    -2,
    2,
    4,
    8,
    4,
    8,
    -2,
    2,
)  # of the value by tag; -1: no such tag, -2: a length comes first


def check(data: bytes, at: int = 0) -> int:
    """Do all that ``decode`` does to refuse a property map, without making the values; tell where it ends.

    Raises RemoteProtocolError as ``decode`` does.
    """
    try:
        if not data[at]:
            return at + 1
        count: int = _INT.unpack_from(data, at + 1)[0]
        at += 5
        if not 0 <= count <= (len(data) - at) // 5:
            raise RemoteProtocolError(f"a map claims {count} properties", offset=at - 4)
        for _ in range(count):
            length: int = _INT.unpack_from(data, at)[0]
            if length & _NEGATIVE_OR_ODD:
                raise RemoteProtocolError(f"a key claims {length} bytes", offset=at)
            at += length + 5
            tag = data[at - 1]
            size = _SIZES[tag] if tag <= _T_TOP else -1
            if size == -2:
                length = _INT.unpack_from(data, at)[0]
                if length < 0 or (tag == _T_STRING and length & 1):
                    raise RemoteProtocolError(f"a value claims {length} bytes", offset=at)
                size = length + 4
            elif size == -1:
                raise RemoteProtocolError(f"unknown property type {tag}", offset=at)
            at += size
    except (StructError, IndexError):
        raise RemoteProtocolError("the properties break off", offset=min(at, len(data))) from None
    if at > len(data):
        raise RemoteProtocolError("the properties break off", offset=len(data))
    return at


def _decode_key(raw: bytes) -> str:
    key = utf_16_le_decode(raw, "surrogatepass", True)[0]
    if len(raw) <= _CACHED_KEY_BYTES_MAX:
        if len(_decoded_keys) >= _CACHED_KEYS_MAX:
            _decoded_keys.clear()
        _decoded_keys[raw] = key
    return key


# -- writing -----------------------------------------------------------------------------------------------------------


def _writer(tag: Tag) -> Callable[[Any], bytes]:
    """Make the writer of a tag and a value of fixed size, in one struct call."""
    return partial(Struct(f">b{_FIXED[tag][0].format[1:]}").pack, int(tag))


def _write_string(text: str) -> bytes:
    raw = utf_16_le_encode(text, "surrogatepass")[0]
    return _STRING_HEAD.pack(_T_STRING, len(raw)) + raw


def _write_bytes(value: bytes | bytearray | memoryview) -> bytes:
    raw = bytes(value)
    return _STRING_HEAD.pack(_T_BYTES, len(raw)) + raw


_write_char: Final = _writer(Tag.CHAR)
_WRITERS: Final[dict[Tag, Callable[[Any], bytes]]] = {
    **{tag: _writer(tag) for tag in (Tag.BYTE, Tag.SHORT, Tag.INT, Tag.LONG, Tag.FLOAT, Tag.DOUBLE)},
    Tag.NULL: lambda _: b"\x00",
    Tag.BOOLEAN: lambda value: b"\x02\x01" if value else b"\x02\x00",
    Tag.BYTES: _write_bytes,
    Tag.STRING: _write_string,
    Tag.CHAR: lambda value: _write_char(ord(value)),
}
_WRITERS_BY_TYPE: Final = {kind: _WRITERS[tag] for kind, tag in conversions.TAGS.items()}


def encode_value(value: PropertyValue | bytearray | memoryview) -> bytes:
    """Encode the tag and the value.

    Raises TypeError for what has no Java type and ValueError for an int beyond 64 bits.
    """
    writer = _WRITERS_BY_TYPE.get(type(value))
    return (_WRITERS[conversions.tag_of(value)] if writer is None else writer)(value)


def encode(values: Mapping[str, PropertyValue]) -> bytes:
    """Encode a property map in its own order.

    Raises TypeError or ValueError, naming the key, for a value that a property cannot have.
    """
    if not values:
        return b"\x00"
    parts = [b"\x01", _INT.pack(len(values))]
    add, known, writers = parts.append, _encoded_names.get, _WRITERS_BY_TYPE.get
    for key, value in values.items():
        add(known(key) or encode_name(key))
        writer = writers(type(value)) or encode_value
        try:
            add(writer(value))
        except (TypeError, ValueError) as error:
            raise type(error)(f"{key!r}: {error}") from None
    return b"".join(parts)


def encode_name(name: str) -> bytes:
    """Encode what repeats, a key or an address: a length and UTF-16LE. Raises TypeError for what is no str."""
    encoded = _encoded_names.get(name)
    if encoded is None:
        if not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without a type checker
            raise TypeError(f"{name!r}: the name of a property is a str")
        encoded = put_simple_string(name)
        if len(encoded) <= _CACHED_KEY_BYTES_MAX:
            if len(_encoded_names) >= _CACHED_KEYS_MAX:
                _encoded_names.clear()
            _encoded_names[name] = encoded
    return encoded


# -- what applications see ----------------------------------------------------------------------------------------------


class Properties(Mapping[str, "PropertyValue"]):
    """Immutable. Item access gives the stored value; ``get_*`` convert as Java does.

    A missing value and a null are False, None or, for a number, a ConversionError. So is a conversion that Java's table does
    not have (only widening, and to and from strings) and a string that is no number.
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, PropertyValue] | None = None) -> None:
        self._values: dict[str, PropertyValue] = dict(values or ())

    def __getitem__(self, key: str, /) -> PropertyValue:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __eq__(self, other: object) -> bool:
        return (
            self._values == dict(cast("Mapping[str, object]", other)) if isinstance(other, Mapping) else NotImplemented
        )

    __hash__ = None  # type: ignore[assignment]  # as of every mapping

    def __repr__(self) -> str:
        return f"Properties({self._values!r})"

    def get_boolean(self, key: str) -> bool:
        """As boolean: a boolean, or a string that is "true" in any case."""
        return conversions.to_boolean(self._values.get(key), key)

    def get_byte(self, key: str) -> int:
        """As byte: a byte, or a string of one."""
        return conversions.to_integer(self._values.get(key), Tag.BYTE, key)

    def get_short(self, key: str) -> int:
        """As short: a byte or short, or a string of one."""
        return conversions.to_integer(self._values.get(key), Tag.SHORT, key)

    def get_int(self, key: str) -> int:
        """As int: a byte, short or int, or a string of one."""
        return conversions.to_integer(self._values.get(key), Tag.INT, key)

    def get_long(self, key: str) -> int:
        """As long: any integer, or a string of one."""
        return conversions.to_integer(self._values.get(key), Tag.LONG, key)

    def get_float(self, key: str) -> float:
        """As float: a float, or a string of one (rounded to 32 bits)."""
        return conversions.to_floating(self._values.get(key), Tag.FLOAT, key)

    def get_double(self, key: str) -> float:
        """As double: a float or double, or a string of one."""
        return conversions.to_floating(self._values.get(key), Tag.DOUBLE, key)

    def get_string(self, key: str) -> str | None:
        """As string, written as Java writes it: anything but bytes."""
        return conversions.to_string(self._values.get(key), key)

    def get_bytes(self, key: str) -> bytes | None:
        """As bytes: only bytes."""
        return conversions.to_bytes(self._values.get(key), key)
