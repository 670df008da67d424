"""Captures made by hand: a connection's segments, and the files that hold them."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from ipaddress import ip_address

SYN, FIN, RST, ACK = 2, 1, 4, 16
MASK = 0xFFFF_FFFF


@dataclass(frozen=True)
class Sent:
    """A segment. ``client`` sends it, or else the server."""

    client: bool
    sequence: int
    data: bytes = b""
    flags: int = ACK
    acknowledged: int = 0
    port: int = 40000
    hosts: tuple[str, str] = ("127.0.0.1", "127.0.0.2")

    def packet(self) -> bytes:
        """IP and TCP."""
        ports = (self.port, 61616) if self.client else (61616, self.port)
        hosts = self.hosts if self.client else self.hosts[::-1]
        tcp = struct.pack(
            ">HHIIBBHHH", *ports, self.sequence & MASK, self.acknowledged & MASK, 5 << 4, self.flags, 1000, 0, 0
        )
        source, target = (ip_address(host).packed for host in hosts)
        if len(source) == 16:
            return struct.pack(">IHBB", 6 << 28, len(tcp + self.data), 6, 64) + source + target + tcp + self.data
        head = struct.pack(">BBHHHBBH", 0x45, 0, 40 + len(self.data), 0, 0, 64, 6, 0)
        return head + source + target + tcp + self.data


class Talk:
    """Makes the segments of one connection."""

    def __init__(self, *, port: int = 40000, hosts: tuple[str, str] = ("127.0.0.1", "127.0.0.2")) -> None:
        self._next = {True: 0xFFFF_FF00, False: 5000}  # the client's numbers wrap soon
        self._like = Sent(True, 0, port=port, hosts=hosts)

    def opened(self) -> list[Sent]:
        """SYN and SYN-ACK."""
        return [self.says(True, flags=SYN), self.says(False, flags=SYN | ACK)]

    def says(self, client: bool, data: bytes = b"", flags: int = ACK) -> Sent:
        """The next segment of one side; it acknowledges all that the other side has sent."""
        sequence = self._next[client]
        self._next[client] += len(data) + bool(flags & (SYN | FIN))
        return replace(
            self._like,
            client=client,
            sequence=sequence,
            data=data,
            flags=flags,
            acknowledged=self._next[not client],
        )


def ethernet(packet: bytes, *, vlan: bool = False) -> bytes:
    kind = b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\x00"
    return bytes(12) + (b"\x81\x00\x00\x05" if vlan else b"") + kind + packet


def cooked(packet: bytes) -> bytes:
    return bytes(14) + b"\x08\x00" + packet


def cooked_2(packet: bytes) -> bytes:
    return b"\x08\x00" + bytes(18) + packet


def pcap(packets: list[bytes], *, link: int = 1, order: str = "<", nano: bool = False, cut: int = 1 << 20) -> bytes:
    """A pcap file; packet n was seen n milliseconds after second 1000. ``cut``: bytes recorded of each."""
    unit = 1_000_000 if nano else 1000
    parts = [struct.pack(f"{order}IHHIIII", 0xA1B23C4D if nano else 0xA1B2C3D4, 2, 4, 0, 0, cut, link)]
    for number, packet in enumerate(packets):
        kept = packet[:cut]
        parts.append(struct.pack(f"{order}IIII", 1000, number * unit, len(kept), len(packet)) + kept)
    return b"".join(parts)


def pcapng(packets: list[bytes], *, link: int = 1, order: str = "<") -> bytes:
    """A pcapng file with nanoseconds, and a block that nobody knows."""

    def block(kind: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        size = len(body) + 12
        return struct.pack(f"{order}II", kind, size) + body + struct.pack(f"{order}I", size)

    resolution = struct.pack(f"{order}HHB3xHH", 9, 1, 9, 0, 0)
    parts = [
        block(0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1)),
        block(1, struct.pack(f"{order}HHI", link, 0, 0) + resolution),
        block(0xBAD, b"?"),
    ]
    for number, packet in enumerate(packets):
        at = 1000 * 10**9 + number * 10**6
        head = struct.pack(f"{order}IIIII", 0, at >> 32, at & MASK, len(packet), len(packet))
        parts.append(block(6, head + packet))
    return b"".join(parts)
