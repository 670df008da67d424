"""Frames out of reads of 64 KiB, against the shortest loop that does it and checks nothing."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

import pytest
from bench import data
from bench.compare import compare

from corewire.wire.framing import FrameReader

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_benchmark.fixture import BenchmarkFixture

_length = Struct(">i").unpack_from


def cut(reads: list[bytes]) -> int:
    """The plain loop. Returns the number of bytes in frames."""
    rest, total = b"", 0
    for read in reads:
        read, frames, at = rest + read, list[bytes](), 0
        while len(read) - at >= 4 and (end := at + 4 + _length(read, at)[0]) <= len(read):
            frames.append(read[at:end])
            at = end
        rest = read[at:]
        total += sum(map(len, frames))
    return total


def fed(reads: list[bytes]) -> int:
    """The same by the engine's reader."""
    reader, total = FrameReader(), 0
    for read in reads:
        total += sum(map(len, reader.feed(read)))
    return total


@pytest.mark.parametrize("body", [0, 100, 1_000, 16_000])
def test_frames(benchmark: BenchmarkFixture, size: int, body: int) -> None:
    frame = data.send(10, body=bytes(body))
    reads = data.reads([frame] * size)

    def prepare() -> tuple[Callable[[], int], Mapping[str, Callable[[], int]]]:
        return lambda: fed(reads), {"plain loop": lambda: cut(reads)}

    assert fed(reads) == size * len(frame)
    compare(benchmark, prepare, name=f"framing, {len(frame)} bytes", units=size)


def test_frame_over_many_reads(benchmark: BenchmarkFixture, size: int) -> None:
    """10 MiB (where it is timed) in reads of 64 KiB: the cost per read must not grow. Against joining them once."""
    frame = data.send(10, body=bytes(2_000 * size))
    reads = data.reads([frame])

    def prepare() -> tuple[Callable[[], int], Mapping[str, Callable[[], int]]]:
        return lambda: fed(reads), {"one join": lambda: len(b"".join(reads))}

    compare(benchmark, prepare, name=f"framing, one of {len(frame)} bytes, per read", units=len(reads))
