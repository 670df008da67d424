"""
A SESS_SEND taken apart without an object: what routing needs, as numbers and slices of the frame.

And the properties that a broker heeds. Most producers write the same few properties behind every message, or at least the
reserved ones (``_AMQ_...``) among them are the same, so what was found in one property map is remembered by its bytes.
"""

from __future__ import annotations

from hashlib import sha256
from struct import Struct, error
from typing import TYPE_CHECKING, Final, NamedTuple

from corewire.errors import RemoteProtocolError
from corewire.values import RoutingType
from corewire.wire import properties
from corewire_server.core.refusal import not_built

if TYPE_CHECKING:
    from corewire.values import PropertyValue

_PAYLOAD: Final = 13
_int: Final = Struct(">i").unpack_from
_long: Final = Struct(">q").pack
_fixed: Final = Struct(">bBqqb").unpack_from  # type, durable, expiration, timestamp, priority

_RESERVED: Final = "_AMQ_".encode("utf-16-le")
_UNDERSCORE: Final = "_".encode(
    "utf-16-le"
)  # before _AMQ_: it is the __AMQ_CID of all JMS messages, which asks nothing
_OPT: Final = "x-opt-amq".encode("utf-16-le")
_STRIPPED: Final = ("x-opt-amq", "_AMQ_ROUTE_TO", "_AMQ_ACK_ROUTE_TO")
_UNBUILT: Final = {
    "_AMQ_SCHED_DELIVERY": "scheduled delivery",
    "_AMQ_GROUP_ID": "message groups",
    "_AMQ_ROUTE_TO": "routing by binding id (bridges)",
    "_AMQ_BRIDGE_DUP": "bridges",
    "_AMQ_SCALEDOWN_TO": "scale-down",
}
_KEY_BYTES_MAX: Final = 256  # of a duplicate id; of a longer one the hash is remembered
_REMEMBERED_BYTES_MAX: Final = 512

ROUTING_TYPE: Final = "_AMQ_ROUTING_TYPE"
"""The property that names the routing type which a producer wants."""


class Heeded(NamedTuple):
    """What the properties of a message ask of the broker."""

    routing_type: RoutingType | None
    duplicate_id: bytes | None
    dropped: tuple[str, ...]  # properties that end here
    only_type: RoutingType | None = None  # the routing type, where nothing else is asked


NOTHING: Final = Heeded(None, None, ())


NO_ADDRESS: Final = b"\0"
"""The address field of a message without one."""


def parse_head(frame: bytes, end: int, guess: bytes = NO_ADDRESS) -> tuple[int, bytes, int, int, int, int]:
    """
    Where the id stands, the address field, durable, expiration, priority, where the properties begin.

    ``end`` is where the message ends, ``guess`` the address field it probably has, which is then not copied out of the frame.
    Raises RemoteProtocolError for a message that breaks off.
    """
    try:
        id_at = _int(frame, _PAYLOAD)[0] + 4  # the number counts from the start of the frame, without four bytes
        if id_at < _PAYLOAD + 4:
            raise RemoteProtocolError("the body has a negative length", packet="SESS_SEND", offset=_PAYLOAD)
        at = id_at + 8
        address = guess if frame.startswith(guess, at) else _address_field(frame, at)
        at += len(address)
        at += 17 if frame[at] else 1
        _, durable, expiration, _, priority = _fixed(frame, at)
    except (error, IndexError):
        raise RemoteProtocolError("the message breaks off", packet="SESS_SEND", offset=end) from None
    at += 19
    if at >= end:
        raise RemoteProtocolError("the message breaks off", packet="SESS_SEND", offset=end)
    if not 0 <= priority <= 9:
        raise RemoteProtocolError(f"priority {priority}", packet="SESS_SEND", offset=at - 1)
    return id_at, address, durable, expiration, priority, at


def _address_field(frame: bytes, at: int) -> bytes:
    if not frame[at]:
        return NO_ADDRESS
    length: int = _int(frame, at + 1)[0]
    if length < 0 or length & 1:
        raise RemoteProtocolError(f"an address of {length} bytes", packet="SESS_SEND", offset=at + 1)
    return frame[at : at + 5 + length]


def stamped(frame: bytes, end: int, id_at: int, message_id: int) -> bytes:
    """The message with the broker's id, everything else as the producer wrote it."""
    return b"".join((frame[_PAYLOAD:id_at], _long(message_id), frame[id_at + 8 : end]))


class Reserved:
    """Finds the heeded properties of a property map, given as bytes. One per broker: it remembers what it saw."""

    __slots__ = ("_known", "_most")

    def __init__(self, entries_max: int) -> None:
        self._most = entries_max
        self._known: dict[bytes, Heeded] = {}

    def find(self, frame: bytes, at: int, end: int) -> Heeded:
        """What the map from ``at`` to ``end`` asks for. Raises Refused for what is not built, RemoteProtocolError for no map."""
        if not frame[at]:
            return NOTHING
        hit = frame.find(_RESERVED, at, end)
        while hit >= 0 and frame[hit - 2 : hit] == _UNDERSCORE:
            hit = frame.find(_RESERVED, hit + 2, end)
        if hit < 0 and frame.find(_OPT, at, end) < 0:
            return NOTHING
        raw = frame[at:end]
        known = self._known.get(raw)
        if known is None:
            known = _read(properties.decode(raw)[0])
            if known.duplicate_id is None and end - at <= _REMEMBERED_BYTES_MAX:
                if len(self._known) >= self._most:
                    self._known.clear()
                self._known[raw] = known
        return known


def _read(values: dict[str, PropertyValue]) -> Heeded:
    dropped: list[str] = []
    for name in values:
        if name.startswith(("_AMQ_", "x-opt-amq")):
            if name in _UNBUILT and values[name]:
                raise not_built(_UNBUILT[name])
            if name.startswith(_STRIPPED) and name not in _STRIPPED[1:]:
                dropped.append(name)
    routing_type = routing_type_of(values)
    key = duplicate_key(values.get("_AMQ_DUPL_ID"))
    if key is None:
        return Heeded(routing_type, None, tuple(dropped), None if dropped else routing_type)
    return Heeded(routing_type, key, tuple(dropped))


def routing_type_of(values: dict[str, PropertyValue]) -> RoutingType | None:
    """How a message wants to be routed; None for what is no routing type, which is nobody's business."""
    code = values.get(ROUTING_TYPE)
    return RoutingType(code) if isinstance(code, int) and code in (0, 1) else None


def duplicate_key(value: PropertyValue) -> bytes | None:
    """What is remembered of a duplicate id: a text is its UTF-16LE bytes."""
    if isinstance(value, str):
        value = value.encode("utf-16-le", "surrogatepass")
    if not isinstance(value, bytes):
        return None
    return value if len(value) <= _KEY_BYTES_MAX else sha256(value).digest()
