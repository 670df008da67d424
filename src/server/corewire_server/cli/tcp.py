"""
TCP segments to the bytes of connections, in both directions.

Each direction is put in order by its sequence numbers; what was sent twice counts once. What comes before its turn waits. It is
given up as lost when the other side acknowledged more than we saw (so it was there, and only the capture has it not), when the
connection ends, and when too much waits behind it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Final

from corewire_server.cli.pcap import ACK, FIN, RST, SYN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from corewire_server.cli.pcap import Segment

_WAITING_BYTES_MAX: Final = 8 * 1024 * 1024
_MASK: Final = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes of one direction of a connection, or how many of them were lost."""

    time_ns: int
    connection: int  #: counted from 1, as they are seen
    source: str
    target: str
    data: bytes
    lost: int = 0
    ended: bool = False  #: nothing more comes from there


@dataclass(slots=True)
class Direction:
    """One half of a connection. Numbers are distances from the first byte that was seen, so that they do not wrap."""

    base: int  #: sequence number of distance 0
    next: int = 0  #: distance of the next byte in turn
    waiting: dict[int, bytes] = field(default_factory=dict[int, bytes])  #: by distance
    waiting_bytes: int = 0
    order: list[int] = field(default_factory=list[int])  #: the distances that wait, a heap: they may be very many
    ended: bool = False

    def distance(self, sequence: int) -> int:
        """Turn a sequence number into a distance, near the next byte."""
        return self.next + (((sequence - self.base - self.next) + 0x8000_0000) & _MASK) - 0x8000_0000

    def take(self, sequence: int, data: bytes) -> None:
        """Keep data until its turn."""
        at = self.distance(sequence)
        before = len(self.waiting.get(at, b""))
        if at + len(data) > self.next and len(data) > before:
            if not before:
                heappush(self.order, at)
            self.waiting_bytes += len(data) - before
            self.waiting[at] = data

    def in_turn(self) -> Iterator[bytes]:
        """Take out what is in order now, segment by segment."""
        while self.order and self.order[0] <= self.next:
            at = heappop(self.order)
            whole = self.waiting.pop(at)
            self.waiting_bytes -= len(whole)
            data = whole[self.next - at :]
            self.next += len(data)
            if data:
                yield data

    def gap(self, *, up_to: int | None = None) -> int:
        """Give up what is missing before the next byte that waits (or before ``up_to``): how many bytes."""
        end = self.order[0] if self.order else self.next
        if up_to is not None and (not self.waiting or up_to < end):
            end = up_to
        lost = max(end - self.next, 0)
        self.next += lost
        return lost


class Reassembly:
    """Follows all connections of a capture."""

    def __init__(self) -> None:
        self._halves: dict[tuple[str, str], tuple[int, Direction]] = {}
        self._count = 0

    def segment(self, segment: Segment) -> Iterator[Chunk]:
        """Take a segment; yields what it completes, of its direction or, as lost, of the other."""
        key = (segment.source, segment.target)
        number, half = self._half(key, segment)
        sequence = (segment.sequence + bool(segment.flags & SYN)) & _MASK
        half.take(sequence, segment.data)
        yield from self._drain(key, number, half, segment.time_ns)
        if half.waiting_bytes > _WAITING_BYTES_MAX:
            yield from self._give_up(key, number, half, segment.time_ns)
        back = (segment.target, segment.source)
        if segment.flags & ACK and (other := self._halves.get(back)) is not None and other[0] == number:
            yield from self._acknowledged(back, number, other[1], segment)
        if segment.flags & (FIN | RST) and not half.ended:
            half.ended = True
            if segment.flags & RST:
                yield from self._give_up(key, number, half, segment.time_ns)
            yield Chunk(segment.time_ns, number, *key, b"", ended=True)

    def end(self) -> Iterator[Chunk]:
        """Give up all that waits: the capture ends."""
        for key, (number, half) in self._halves.items():
            yield from self._give_up(key, number, half, 0)

    def _half(self, key: tuple[str, str], segment: Segment) -> tuple[int, Direction]:
        known = self._halves.get(key)
        start = (segment.sequence + bool(segment.flags & SYN)) & _MASK
        fresh = segment.flags & SYN and known is not None and (known[1].base != start)
        if known is not None and not fresh:
            return known
        opposite = (segment.target, segment.source)
        back = self._halves.get(opposite)
        if fresh or back is None:
            self._count += 1
            self._halves.pop(opposite, None)
            number = self._count
        else:
            number = back[0]
        self._halves[key] = found = (number, Direction(start))
        return found

    def _drain(self, key: tuple[str, str], number: int, half: Direction, time_ns: int) -> Iterator[Chunk]:
        for data in half.in_turn():
            yield Chunk(time_ns, number, *key, data)

    def _give_up(self, key: tuple[str, str], number: int, half: Direction, time_ns: int) -> Iterator[Chunk]:
        while half.waiting:
            yield Chunk(time_ns, number, *key, b"", lost=half.gap())
            yield from self._drain(key, number, half, time_ns)

    def _acknowledged(self, key: tuple[str, str], number: int, half: Direction, segment: Segment) -> Iterator[Chunk]:
        """The other side has all bytes before this: those that we have not are lost. A FIN counts as a byte."""
        reached = half.distance(segment.acknowledged) - half.ended
        while half.next < reached:
            yield Chunk(segment.time_ns, number, *key, b"", lost=half.gap(up_to=reached))
            yield from self._drain(key, number, half, segment.time_ns)
