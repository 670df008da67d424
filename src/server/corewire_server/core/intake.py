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
_INT: Final = Struct(">i")
_LONG: Final = Struct(">q")
_ID_ADDRESS: Final = Struct(">qBi")
_FIXED: Final = Struct(">bBqqb")  # type, durable, expiration, timestamp, priority

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


class Heeded(NamedTuple):
    """What the properties of a message ask of the broker."""

    routing_type: RoutingType | None
    duplicate_id: bytes | None
    dropped: tuple[str, ...]  # properties that end here
    only_type: RoutingType | None = None  # the routing type, where nothing else is asked


NOTHING: Final = Heeded(None, None, ())


def parse_head(frame: bytes, end: int) -> tuple[int, bytes | None, int, int, int, int]:
    """
    Where the id stands, the bytes of the address (None: there is none), durable, expiration, priority, where the properties begin.

    ``end`` is where the message ends. Raises RemoteProtocolError for a message that breaks off.
    """
    try:
        id_at = (
            _INT.unpack_from(frame, _PAYLOAD)[0] + 4
        )  # the number counts from the start of the frame, without four bytes
        if id_at < _PAYLOAD + 4:
            raise RemoteProtocolError("the body has a negative length", packet="SESS_SEND", offset=_PAYLOAD)
        _, has_address, length = _ID_ADDRESS.unpack_from(frame, id_at)
        address: bytes | None = None
        at = id_at + 9
        if has_address:
            if length < 0 or length & 1:
                raise RemoteProtocolError(f"an address of {length} bytes", packet="SESS_SEND", offset=at)
            at += 4 + length
            address = frame[at - length : at]
        at += 17 if frame[at] else 1
        _, durable, expiration, _, priority = _FIXED.unpack_from(frame, at)
    except (error, IndexError):
        raise RemoteProtocolError("the message breaks off", packet="SESS_SEND", offset=end) from None
    at += 19
    if at >= end:
        raise RemoteProtocolError("the message breaks off", packet="SESS_SEND", offset=end)
    if not 0 <= priority <= 9:
        raise RemoteProtocolError(f"priority {priority}", packet="SESS_SEND", offset=at - 1)
    return id_at, address, durable, expiration, priority, at


def stamped(frame: bytes, end: int, id_at: int, message_id: int) -> bytes:
    """The message with the broker's id, everything else as the producer wrote it."""
    return b"".join((frame[_PAYLOAD:id_at], _LONG.pack(message_id), frame[id_at + 8 : end]))


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
    code = values.get("_AMQ_ROUTING_TYPE")
    routing_type = RoutingType(code) if isinstance(code, int) and code in (0, 1) else None
    key = duplicate_key(values.get("_AMQ_DUPL_ID"))
    if key is None:
        return Heeded(routing_type, None, tuple(dropped), None if dropped else routing_type)
    return Heeded(routing_type, key, tuple(dropped))


def duplicate_key(value: PropertyValue) -> bytes | None:
    """What is remembered of a duplicate id: a text is its UTF-16LE bytes."""
    if isinstance(value, str):
        value = value.encode("utf-16-le", "surrogatepass")
    if not isinstance(value, bytes):
        return None
    return value if len(value) <= _KEY_BYTES_MAX else sha256(value).digest()
