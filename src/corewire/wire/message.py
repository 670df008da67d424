"""
The core message as bytes (docs/protocol: messages), read and rewritten without decoding more than is asked for.

    int endOfBody (13 + the length of the body) | body | long id | address | user id | type | durable | expiration | timestamp |
    priority | properties

A broker keeps, stores and sends on the bytes that the producer wrote; only the id is new. So ``CoreMessage`` unpacks the fixed
fields in two calls, remembers where the properties begin, and decodes these when somebody looks. The packets of large messages
carry the part from the id on, which is called the header here.
"""

from __future__ import annotations

from codecs import utf_16_le_decode
from struct import Struct
from struct import error as StructError
from typing import TYPE_CHECKING, Final

from corewire.errors import RemoteProtocolError
from corewire.wire import properties as typed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from corewire.values import PropertyValue

BODY_AT: Final = 4
PRIORITY_DEFAULT: Final = 4
#: What the reference broker sends as body of messages whose body it never touched.
UNTOUCHED_BODY: Final = bytes(4)

_PACKET_HEADER: Final = 13  # endOfBody counts from the start of a frame, without its own four bytes
_INT: Final = Struct(">i")
_LONG: Final = Struct(">q")
_ID: Final = Struct(">q?")  # and whether there is an address
_ID_ADDRESS: Final = Struct(">qBi")  # id, whether there is an address, the length of the address
_NO_ID: Final = _ID.pack(0, True)  # of messages that producers write
_FIXED: Final = Struct(">b?qqb")  # type, durable, expiration, timestamp, priority
_CACHED_ADDRESSES_MAX: Final = 10_000
_CACHED_ADDRESS_BYTES_MAX: Final = 512

# Addresses repeat, and peers choose them: bounded in number and in size, emptied when full.
_decoded_addresses: dict[bytes, str] = {}


class CoreMessage:
    """An ordinary message of the 2.x form. Attributes are read from ``raw``; change them only by ``stamp`` and ``rewritten``.

    Making one raises RemoteProtocolError if the fixed fields are not there; ``validate`` tells whether the rest is sound too.
    """

    __slots__ = (
        "_properties",
        "address",
        "durable",
        "expiration",
        "id",
        "id_at",
        "priority",
        "properties_at",
        "raw",
        "timestamp",
        "type",
        "user_id",
    )

    raw: bytes
    id: int  #: what the broker gave it; 0 before
    address: str | None
    user_id: bytes | None  #: 16 bytes as they came; ``java_uuid`` is what Java peers see
    type: int
    durable: bool
    expiration: int  #: milliseconds since the epoch; 0: never
    timestamp: int  #: milliseconds since the epoch; 0: none
    priority: int
    id_at: int  #: where the header begins
    properties_at: int

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._properties: dict[str, PropertyValue] | None = None
        try:
            at = _INT.unpack_from(raw)[0] - _PACKET_HEADER + BODY_AT
            if at < BODY_AT:
                raise RemoteProtocolError(f"a body of {at - BODY_AT} bytes", offset=0)
            self.id_at = at
            self.id, has_address, length = _ID_ADDRESS.unpack_from(raw, at)
            if has_address:
                if length < 0 or length & 1:
                    raise RemoteProtocolError(f"an address claims {length} bytes", offset=at + 9)
                at += 13
                text = raw[at : at + length]
                at += length
                address = _decoded_addresses.get(text)
                if address is None:
                    raw[at]  # before an odd rest of it is decoded
                    address = _decode_address(text)
                self.address = address
            else:
                self.address = None
                at += 9
            if raw[at]:
                self.user_id = raw[at + 1 : at + 17]
                at += 17
            else:
                self.user_id = None
                at += 1
            self.type, self.durable, self.expiration, self.timestamp, self.priority = _FIXED.unpack_from(raw, at)
            self.properties_at = at + _FIXED.size
            raw[self.properties_at]
        except (StructError, IndexError):
            raise RemoteProtocolError("the message breaks off", offset=len(raw)) from None

    @property
    def body(self) -> bytes:
        """The bytes of the body."""
        return self.raw[BODY_AT : self.id_at]

    @property
    def body_bytes(self) -> int:
        """Length of the body."""
        return self.id_at - BODY_AT

    @property
    def header(self) -> bytes:
        """The part from the id on: what the packets of large messages carry."""
        return self.raw[self.id_at :]

    @property
    def properties(self) -> dict[str, PropertyValue]:
        """The typed properties, kept once they are decoded: not to be changed. Raises RemoteProtocolError."""
        found = self._properties
        if found is None:
            found = self._properties = typed.decode(self.raw, self.properties_at)[0]
        return found

    def may_hold(self, name: bytes) -> bool:
        """False if no property has this name, encoded; True if it is worth decoding them to look."""
        return self.raw.find(name, self.properties_at) >= 0

    @property
    def may_hold_reserved(self) -> bool:
        """False if no property begins ``_AMQ_``; True if it is worth decoding them to look."""
        return typed.may_hold_reserved(self.raw, self.properties_at)

    def validate(self) -> None:
        """Check all that reading it may stumble over later, here or at another peer. Raises RemoteProtocolError."""
        if not 0 <= self.priority <= 9:
            raise RemoteProtocolError(f"priority {self.priority}", offset=self.properties_at - 1)
        typed.check(self.raw, self.properties_at)

    def stamp(self, message_id: int) -> None:
        """Write the broker's id into it; everything else stays as the producer wrote it."""
        raw, at = self.raw, self.id_at
        self.raw = b"".join((raw[:at], _LONG.pack(message_id), raw[at + 8 :]))
        self.id = message_id

    def rewritten(
        self,
        *,
        message_id: int | None = None,
        address: str | None = None,
        durable: bool | None = None,
        priority: int | None = None,
        expiration: int | None = None,
        add: Mapping[str, PropertyValue] | None = None,
        drop: Iterable[str] = (),
    ) -> CoreMessage:
        """Make a copy in which what is given is changed: properties of ``drop`` are gone, those of ``add`` set.

        The properties are the producer's bytes unless some of them change.
        """
        drop = frozenset(drop)
        tail = self.raw[self.properties_at :]
        if drop or add:
            kept = {name: value for name, value in self.properties.items() if name not in drop}
            tail = typed.encode({**kept, **(add or {})})
        return CoreMessage(
            encode_message(
                self.body,
                address=self.address if address is None else address,
                message_id=self.id if message_id is None else message_id,
                user_id=self.user_id,
                type=self.type,
                durable=self.durable if durable is None else durable,
                expiration=self.expiration if expiration is None else expiration,
                timestamp=self.timestamp,
                priority=self.priority if priority is None else priority,
                encoded_properties=tail,
            )
        )


def _decode_address(raw: bytes) -> str:
    address = utf_16_le_decode(raw, "surrogatepass", True)[0]
    if len(raw) <= _CACHED_ADDRESS_BYTES_MAX:
        if len(_decoded_addresses) >= _CACHED_ADDRESSES_MAX:
            _decoded_addresses.clear()
        _decoded_addresses[raw] = address
    return address


def encode_message(
    body: bytes,
    *,
    address: str | None,
    message_id: int = 0,
    user_id: bytes | None = None,
    type: int = 0,  # noqa: A002  # the word of the protocol
    durable: bool = False,
    expiration: int = 0,
    timestamp: int = 0,
    priority: int = PRIORITY_DEFAULT,
    properties: Mapping[str, PropertyValue] | None = None,
    encoded_properties: bytes = b"\x00",
) -> bytes:
    """Make the bytes of a message. Times are milliseconds since the epoch; ``user_id`` is 16 bytes. ``encoded_properties`` are
    its properties unless there are ``properties``.

    Raises TypeError or ValueError for a property without a Java type, ``struct.error`` for a number out of range.
    """
    return b"".join(
        (
            _INT.pack(len(body) + _PACKET_HEADER),
            body,
            _ID.pack(message_id, address is not None) if message_id or address is None else _NO_ID,
            b"" if address is None else typed.encode_name(address),
            b"\x00" if user_id is None else b"\x01" + user_id,
            _FIXED.pack(type, durable, expiration, timestamp, priority),
            typed.encode(properties) if properties else encoded_properties,
        )
    )


def with_body(header: bytes, body: bytes = b"") -> bytes:
    """Make a message of the header of a large one (``CoreMessage.header``) and a body."""
    return b"".join((_INT.pack(len(body) + _PACKET_HEADER), body, header))


def java_uuid(user_id: bytes) -> bytes:
    """Tell what Java makes of 16 bytes of a user id: it forces version 1 and the variant, whatever was written."""
    return b"".join(
        (user_id[:6], bytes((user_id[6] & 0x0F | 0x10,)), user_id[7:8], bytes((user_id[8] & 0x3F | 0x80,)), user_id[9:])
    )
