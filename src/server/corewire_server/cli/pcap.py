"""
Network captures to TCP segments: pcap and pcapng, in whatever pieces the file comes.

Understood are Ethernet (with VLAN tags), loopback, raw IP and Linux' cooked packets; IPv4 and IPv6 without fragments. Everything
else in a capture is passed over.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from struct import Struct
from struct import error as StructError
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MAGICS: Final = {
    b"\xa1\xb2\xc3\xd4": (">", 1000),
    b"\xd4\xc3\xb2\xa1": ("<", 1000),
    b"\xa1\xb2\x3c\x4d": (">", 1),
    b"\x4d\x3c\xb2\xa1": ("<", 1),
}
_SECTION: Final = b"\x0a\x0d\x0d\x0a"
_BLOCK_BYTES_MAX: Final = 16 * 1024 * 1024
_SECTION_BLOCK, _INTERFACE_BLOCK, _SIMPLE_BLOCK, _PACKET_BLOCK = 0x0A0D0D0A, 1, 3, 6
_RESOLUTION_OPTION: Final = 9
_IPV4, _IPV6, _TCP = 0x0800, 0x86DD, 6
_VLAN: Final = frozenset({0x8100, 0x88A8})
_EXTENSIONS: Final = frozenset({0, 43, 60})  # hop by hop, routing, destination options
#: Link types and the offset of the type of the payload in them, or None where the payload begins at once.
_ETHERNET, _COOKED, _COOKED_2, _NULL, _LOOP = 1, 113, 276, 0, 108
_RAW: Final = frozenset({12, 14, 101, 228, 229})
FIN, SYN, RST, ACK = 1, 2, 4, 16

HEADS: Final = (*_MAGICS, _SECTION)  #: the first four bytes of captures


@dataclass(frozen=True, slots=True)
class Segment:
    """A TCP segment as it was seen."""

    time_ns: int  #: since the epoch
    source: str  #: ``host:port``
    target: str
    source_port: int
    target_port: int
    sequence: int
    acknowledged: int
    flags: int
    data: bytes
    missing: int  #: bytes that were on the wire but not recorded


class Broken(ValueError):
    """The capture cannot be read on from here."""


class CaptureReader:
    """Cuts a capture into segments. Raises Broken for what is no capture, after the segments before it were given."""

    def __init__(self) -> None:
        self._rest = b""
        self._order = ">"
        self._tick_ns = 0.0  # of pcap; 0: not begun, or pcapng
        self._link = 0
        self._interfaces: list[tuple[int, float]] = []  # link type and tick of pcapng
        self._next: Callable[[bytes, int], tuple[int, Segment | None] | None] = self._begin

    def feed(self, data: bytes) -> Iterator[Segment]:
        """Take the next bytes of the file."""
        held, at = self._rest + data, 0
        try:
            while (step := self._next(held, at)) is not None:
                at, segment = step
                if segment is not None:
                    yield segment
        finally:
            self._rest = held[at:]

    @property
    def rest(self) -> int:
        """Bytes that are no whole record yet."""
        return len(self._rest)

    def _begin(self, held: bytes, at: int) -> tuple[int, Segment | None] | None:
        if len(held) < 24:
            return None
        if held.startswith(_SECTION):
            self._next = self._block
            return at, None
        self._order, self._tick_ns = _MAGICS[held[:4]]
        self._link = int(Struct(f"{self._order}20xI").unpack_from(held)[0]) & 0xFFFF
        self._next = self._record
        return 24, None

    def _record(self, held: bytes, at: int) -> tuple[int, Segment | None] | None:
        if len(held) - at < 16:
            return None
        seconds, fraction, size, on_wire = Struct(f"{self._order}4I").unpack_from(held, at)
        if size > _BLOCK_BYTES_MAX:
            raise Broken(f"a packet of {size} bytes")
        end = at + 16 + size
        if end > len(held):
            return None
        time_ns = int(seconds * 1_000_000_000 + fraction * self._tick_ns)
        return end, segment_of(self._link, held[at + 16 : end], time_ns, on_wire)

    def _block(self, held: bytes, at: int) -> tuple[int, Segment | None] | None:
        if len(held) - at < 12:
            return None
        if held[at : at + 4] == _SECTION:
            self._order = ">" if held[at + 8 : at + 12] == b"\x1a\x2b\x3c\x4d" else "<"
            self._interfaces = []
        kind, size = Struct(f"{self._order}II").unpack_from(held, at)
        if not 12 <= size <= _BLOCK_BYTES_MAX or size % 4:
            raise Broken(f"a block of {size} bytes")
        end = at + size
        if end > len(held):
            return None
        body = held[at + 8 : end - 4]
        try:
            return end, self._in_block(kind, body)
        except (StructError, IndexError):
            raise Broken(f"a block of type {kind} that is too short") from None

    def _in_block(self, kind: int, body: bytes) -> Segment | None:
        if kind == _INTERFACE_BLOCK:
            link: int = Struct(f"{self._order}H").unpack_from(body)[0]
            self._interfaces.append((link, _tick_ns(body[8:], self._order)))
        elif kind == _PACKET_BLOCK:
            number, high, low, size, on_wire = Struct(f"{self._order}5I").unpack_from(body)
            link, tick_ns = self._interfaces[int(number)]
            return segment_of(link, body[20 : 20 + size], int(((high << 32) | low) * tick_ns), on_wire)
        elif kind == _SIMPLE_BLOCK:
            on_wire = Struct(f"{self._order}I").unpack_from(body)[0]
            return segment_of(self._interfaces[0][0], body[4 : 4 + on_wire], 0, on_wire)
        return None


def _tick_ns(options: bytes, order: str) -> float:
    """Find how many nanoseconds an interface's unit of time has."""
    at, header = 0, Struct(f"{order}HH")
    while at + 4 <= len(options):
        code, size = header.unpack_from(options, at)
        if code == _RESOLUTION_OPTION and size == 1:
            value = options[at + 4]
            return (
                1e9 / (2 ** (value & 0x7F))
                if value & 0x80
                else float(10 ** (9 - value))
                if value <= 9
                else 10.0 ** (9 - value)
            )
        at += 4 + (size + 3 & ~3)
    return 1000.0


def segment_of(link: int, packet: bytes, time_ns: int, on_wire: int) -> Segment | None:
    """Find the TCP segment in a packet of a link type; None if it has none that can be read."""
    try:
        kind, at = _payload(link, packet)
        if kind == _IPV4:
            return _ipv4(packet, at, time_ns)
        if kind == _IPV6:
            return _ipv6(packet, at, time_ns)
    except (StructError, IndexError):
        pass  # it was cut before its data
    return None


def _payload(link: int, packet: bytes) -> tuple[int, int]:
    """Return the Ethernet type of the payload, and where it begins."""
    if link in _RAW:
        return (_IPV6 if packet[0] >> 4 == 6 else _IPV4), 0
    if link in (_NULL, _LOOP):
        return (_IPV6 if packet[4] >> 4 == 6 else _IPV4), 4
    if link == _COOKED_2:
        return int.from_bytes(packet[0:2], "big"), 20
    at = {_ETHERNET: 12, _COOKED: 14}.get(link)
    if at is None:
        return 0, 0
    while (kind := int.from_bytes(packet[at : at + 2], "big")) in _VLAN:
        at += 4
    return kind, at + 2


def _ipv4(packet: bytes, at: int, time_ns: int) -> Segment | None:
    first, total, fragment, protocol = Struct(">BxHxxHxB").unpack_from(packet, at)
    if protocol != _TCP or fragment & 0x3FFF:
        return None
    source, target = str(IPv4Address(packet[at + 12 : at + 16])), str(IPv4Address(packet[at + 16 : at + 20]))
    header = (first & 15) * 4
    size = total - header if total else len(packet) - at - header  # 0: the card cut it later
    return _tcp(packet, at + header, size, (source, target), time_ns)


def _ipv6(packet: bytes, at: int, time_ns: int) -> Segment | None:
    size, following = Struct(">4xHB").unpack_from(packet, at)
    source, target = (f"[{IPv6Address(packet[at + i : at + i + 16])}]" for i in (8, 24))
    size = size or len(packet) - at - 40
    at += 40
    while following in _EXTENSIONS:
        following, length = packet[at], (packet[at + 1] + 1) * 8
        at += length
        size -= length
    return _tcp(packet, at, size, (source, target), time_ns) if following == _TCP else None


def _tcp(packet: bytes, at: int, size: int, hosts: tuple[str, str], time_ns: int) -> Segment:
    """Read a segment of ``size`` bytes, header included, of which the end may not have been recorded."""
    source_port, target_port, sequence, acknowledged, offset, flags = Struct(">HHIIBB").unpack_from(packet, at)
    header = (offset >> 4) * 4
    data = packet[at + header : at + size]
    return Segment(
        time_ns,
        f"{hosts[0]}:{source_port}",
        f"{hosts[1]}:{target_port}",
        source_port,
        target_port,
        sequence,
        acknowledged,
        flags,
        data,
        max(size - header, 0) - len(data),
    )
