"""
Type byte and negotiated version to packet class and codec; and what every type means for a channel (docs/protocol/packets.md).
"""

from __future__ import annotations

from importlib import import_module
from struct import error as StructError
from typing import TYPE_CHECKING, ClassVar, Final, Protocol

from corewire.errors import LocalProtocolError, RemoteProtocolError
from corewire.wire._codec import FAMILIES
from corewire.wire.framing import HEADER_SIZE, frame_header, packet_type
from corewire.wire.versions import capabilities

if TYPE_CHECKING:
    from corewire.wire._codec import Codec


class Packet(Protocol):
    """Any class of ``corewire.wire.packets``."""

    TYPE: ClassVar[int]
    NAME: ClassVar[str]


class _Codecs(dict[int, "Codec"]):
    """The codecs of the families in use, by type code."""

    def __missing__(self, packet_type: int) -> Codec:
        codecs: dict[int, Codec] = import_module(f"corewire.wire._codec.{FAMILIES[packet_type]}").CODECS
        self.update(codecs)
        return codecs[packet_type]


_codecs: Final = _Codecs()

#: What leaves the counters of a channel as they are. All other types count where the channel has a confirmation window.
_UNCOUNTED: Final = frozenset({10, 11, 13, 22, 30, 31, 32, 33, 104, 124, -18, -19})
#: What counts if its own field says so.
_METADATA: Final = frozenset({105, 106})
_RESPONSES: Final = frozenset({20, 21, 31, 33, 46, 50, 55, 62, 64, 66, 126, -1, -3, -5, -7, -8, -10, -14, -15, -22})
_FOR_BROKERS: Final = frozenset(
    {71, 72, 111, 115, 116, 120, 121, 125, 126, 127, *range(90, 102), 103, -1, -2, -3, -6, -9, -20, -21}
)
#: The type bytes of what clients have no decoder for, as they stand in frames: unsigned.
BROKERS_ONLY: Final = frozenset(kind & 0xFF for kind in _FOR_BROKERS)


def encode(packet: Packet, channel: int, version: int) -> bytes:
    """
    Return the whole frame of a packet as a peer of ``version`` reads it.

    Raises LocalProtocolError for a value that the wire cannot hold, or a field that is None and must not be.
    """
    try:
        payload = _codecs[packet.TYPE][1](packet, capabilities(version))
        return frame_header(packet.TYPE, channel, len(payload)) + payload
    except (StructError, TypeError, ValueError, KeyError, AttributeError) as error:
        raise LocalProtocolError(f"{packet.NAME} cannot be written: {error}") from error


def decode(frame: bytes, version: int, *, strict: bool = False) -> Packet:
    """
    Return the packet of a whole frame, its length included, as a peer of ``version`` writes it.

    Bytes behind the packet are ignored, as Artemis does, or an error if ``strict``. Raises RemoteProtocolError with packet and
    offset for everything that cannot be read; memory and time stay in proportion to the frame.
    """
    end = len(frame)
    if end < HEADER_SIZE or int.from_bytes(frame[:4], "big") != end - 4:
        raise RemoteProtocolError(f"{end} bytes are not the frame that its length says", offset=0)
    kind = packet_type(frame)
    if kind not in FAMILIES:
        raise RemoteProtocolError(f"unknown packet type {kind}", packet=f"type {kind}", offset=4)
    known = _codecs[kind]
    packet: Packet
    try:
        packet, at = known[2](frame, HEADER_SIZE, end, capabilities(version))
        if strict and at != end:
            raise RemoteProtocolError(f"{end - at} bytes are left over", offset=at)
    except RemoteProtocolError as error:
        error.packet = known[0].NAME
        raise
    return packet


def packet_class(packet_type: int) -> type[Packet] | None:
    """Return the class for a type code, or None for a code that nothing is known of."""
    return _codecs[packet_type][0] if packet_type in FAMILIES else None


def packet_name(packet_type: int) -> str:
    """Return the specification's name of a type code, for logs and errors."""
    known = packet_class(packet_type)
    return f"type {packet_type}" if known is None else known.NAME


def is_countable(frame: bytes) -> bool:
    """
    Tell whether a channel with a confirmation window counts this frame, in either direction.

    Raises RemoteProtocolError for the two metadata packets, which say so themselves, if they cannot be read.
    """
    kind = packet_type(frame)
    if kind in _METADATA:
        requires: bool = getattr(decode(frame, 0), "requires_confirmation")  # noqa: B009 (the two classes of these types)
        return requires
    return kind not in _UNCOUNTED


def is_response(packet_type: int) -> bool:
    """Tell whether packets of this type go to the caller that is blocked on the channel, never to its handler."""
    return packet_type in _RESPONSES


def is_for_brokers_only(packet_type: int) -> bool:
    """Tell whether a client that gets a packet of this type fails the connection, having no decoder for it."""
    return packet_type in _FOR_BROKERS
