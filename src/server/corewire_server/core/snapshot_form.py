"""
The bytes of a snapshot: entries of one byte of kind and four of length, small enough that each is read in no time.

What there is little of is a TABLE of plain values with its name. What there can be a hundred thousand of lies in blocks behind the
table it belongs to: REFS (messages in queues), FRAMES (resend buffers), NUMBERS. A message that several queues have is written
with the first of its refs; the others name it by its number.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final

from corewire_server.core import plain
from corewire_server.core.queues import Fan, Ref

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from corewire_server.core.plain import Plain

SLICE_BYTES: Final = 65_536
TABLE, REFS, FRAMES, NUMBERS = range(4)
HEAD: Final = Struct(">BI")

_BLOCK_BYTES: Final = 16_384  # a block ends with the first item beyond
_REF: Final = Struct(">qqqiIIbB")  # id, expiration, place, deliveries, number if shared, bytes, priority, flags
_KEPT, _SHARED = 1, 2
_COUNTS: Final = Struct(">II")  # of a shared message, with the first of its refs: refs, and those that are kept
_LONG: Final = Struct(">I")


def table(values: dict[str, Plain]) -> bytes:
    """One entry of plain values; "table" among them names it."""
    return entry(TABLE, [plain.encode(values)])


def entry(kind: int, parts: list[bytes]) -> bytes:
    """One entry."""
    return b"".join((HEAD.pack(kind, sum(map(len, parts))), *parts))


def frames(items: Sequence[bytes]) -> Iterator[bytes]:
    """Entries of byte strings."""
    block: list[bytes] = []
    size = 0
    for item in items:
        block += (_LONG.pack(len(item)), item)
        size += len(item)
        if size > _BLOCK_BYTES:
            yield entry(FRAMES, block)
            block, size = [], 0
    if block:
        yield entry(FRAMES, block)


def read_frames(data: bytes) -> list[bytes]:
    """The byte strings of an entry."""
    at, items = 0, list[bytes]()
    while at < len(data):
        (size,) = _LONG.unpack_from(data, at)
        at += 4 + size
        items.append(data[at - size : at])
    if at > len(data):
        raise ValueError("a block breaks off")
    return items


def numbers(items: Sequence[int]) -> Iterator[bytes]:
    """Entries of numbers."""
    most = _BLOCK_BYTES // 8
    for at in range(0, len(items), most):
        part = items[at : at + most]
        yield entry(NUMBERS, [Struct(f">{len(part)}q").pack(*part)])


def read_numbers(data: bytes) -> Sequence[int]:
    """The numbers of an entry."""
    return Struct(f">{len(data) // 8}q").unpack(data)


class RefsCopy:
    """Refs as they are now: what can change of them is copied, the rest is read when they are written."""

    __slots__ = ("_counts", "_deliveries", "_refs")

    def __init__(self, refs: list[Ref]) -> None:
        self._refs = refs
        self._deliveries = [ref.deliveries for ref in refs]
        self._counts = [0 if (fan := ref.fan) is None else fan.refs << 32 | fan.kept for ref in refs]

    def entries(self, shared: dict[Fan, int]) -> Iterator[bytes]:
        """Written down. ``shared`` numbers the messages that were written already, and takes more."""
        block: list[bytes] = []
        size = 0
        pack = _REF.pack
        for ref, deliveries, counts in zip(self._refs, self._deliveries, self._counts, strict=True):
            message, number, flags = ref.message, 0, _KEPT if ref.kept else 0
            if ref.fan is not None:
                flags |= _SHARED
                known = shared.get(ref.fan)
                if known is None:
                    number = shared[ref.fan] = len(shared)
                    message = counts.to_bytes(_COUNTS.size) + message
                else:
                    number, message = known, b""
            block += (
                pack(ref.id, ref.expiration, ref.sequence, deliveries, number, len(message), ref.priority, flags),
                message,
            )
            size += _REF.size + len(message)
            if size > _BLOCK_BYTES:
                yield entry(REFS, block)
                block, size = [], 0
        if block:
            yield entry(REFS, block)


def read_refs(data: bytes, shared: list[tuple[Fan, bytes]]) -> list[Ref]:
    """The refs of an entry. ``shared``: the messages that several have, by number; takes more."""
    at, refs, unpack, width = 0, list[Ref](), _REF.unpack_from, _REF.size
    number: int
    fan: Fan | None
    while at < len(data):
        ref_id, expiration, sequence, deliveries, number, size, priority, flags = unpack(data, at)
        at += width + size
        message, fan = data[at - size : at], None
        if flags & _SHARED:
            if number == len(shared):
                shared.append((Fan(*_COUNTS.unpack_from(message)), message[_COUNTS.size :]))
            fan, message = shared[number]
        ref = Ref(ref_id, message, priority, expiration, flags & _KEPT == _KEPT, fan)
        ref.deliveries, ref.sequence = deliveries, sequence
        refs.append(ref)
    if at > len(data):
        raise ValueError("a block breaks off")
    return refs


def sliced(entries: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in slices of ``SLICE_BYTES``, the last one shorter, made as they are read."""
    held: list[bytes] = []
    size = 0
    for one in entries:
        held.append(one)
        size += len(one)
        if size >= SLICE_BYTES:
            data = b"".join(held)
            whole = size - size % SLICE_BYTES
            for at in range(0, whole, SLICE_BYTES):
                yield data[at : at + SLICE_BYTES]
            held, size = [data[whole:]], size - whole
    if size:
        yield b"".join(held)


class EntryReader:
    """Cuts slices into entries again."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._held = 0
        self._awaited = HEAD.size  # bytes without which there is no next entry

    @property
    def clean(self) -> bool:
        """Whether it is between two entries."""
        return not self._held

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Take bytes; return kind and body of each entry that is whole now."""
        self._pieces.append(data)
        self._held += len(data)
        if self._held < self._awaited:
            return
        data, at, self._awaited = b"".join(self._pieces), 0, HEAD.size
        while len(data) - at >= HEAD.size:
            kind, size = HEAD.unpack_from(data, at)
            begin = at + HEAD.size
            if begin + size > len(data):
                self._awaited = HEAD.size + size
                break
            at = begin + size
            yield kind, data[begin:at]
        self._pieces = [data[at:]]
        self._held = len(data) - at
