"""
The journal: what a record costs until it is in a batch, and what a batch costs on the disk.

Against joining the bodies behind plain heads, and against ``write`` and ``fdatasync`` of as many bytes at the end of a file.
"""

from __future__ import annotations

import os
from struct import Struct
from typing import TYPE_CHECKING
from zlib import crc32

import pytest
from bench import data
from bench.compare import compare

from corewire_server.journal.actions import WriteAt
from corewire_server.journal.recovery import recover
from corewire_server.journal.writer import JournalSettings, Writer
from corewire_server.records import Mark, Op, Record, Standing
from corewire_server.runtime.files import Folder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pytest_benchmark.fixture import BenchmarkFixture

NOW = 1_700_000_000_000
_head = Struct(">iBqBq").pack
BODY = data.message(durable=True)


class Journal:
    """A journal on the disk that has begun its epoch, with spare files to write into."""

    def __init__(self, path: Path) -> None:
        path.mkdir(exist_ok=True)
        self.folder = Folder(path)
        settings = JournalSettings(compact_min_segments=0)
        found = recover(self.folder.listing(), self.folder.read, settings.segment_bytes)
        mark = Mark(Standing.ALONE, 1, 0)
        self.writer = Writer(found, settings, salt=7, seed=bytes(16), folder=bytes(16), mark=mark)
        self.step = 0
        self.next_id = 1_000
        self.writer.begin(NOW, self.step, found.dangling)
        self.settle()

    def append(self, count: int) -> None:
        """A message that came and was acknowledged, so often, each a step of its own."""
        for _ in range(count):
            self.step += 1
            self.next_id += 1
            self.writer.append(self.step, (Record(Op.ADD, self.next_id, 4, BODY), Record(Op.DELETE, self.next_id)), NOW)

    def settle(self) -> int:
        """Do what it wants done. Returns how many bytes of batches that were."""
        written = 0
        while (job := self.writer.next_job(NOW)) is not None:
            self.writer.done(job.ticket, self.folder.perform(job))
            written += sum(len(action.data) for action in job.actions if isinstance(action, WriteAt))
        return written

    def encode(self) -> int:
        """Make the batch of what waits, without the disk."""
        job = self.writer.next_job(NOW)
        assert job is not None
        return sum(isinstance(action, WriteAt) for action in job.actions)


def joined(count: int) -> Callable[[], int]:
    """The least: heads, bodies, one join, one checksum."""

    def run() -> int:
        parts: list[bytes] = []
        for number in range(count):
            parts += (_head(len(BODY), 1, number, 4, 0), BODY, _head(0, 3, number, 0, 0))
        payload = b"".join(parts)
        assert crc32(payload)
        return 1

    return run


def test_append_and_encode(benchmark: BenchmarkFixture, size: int, tmp_path: Path) -> None:
    """Per message: one record for it, one for its end."""
    journals = iter(range(1_000))

    def prepare() -> tuple[Callable[[], int], Mapping[str, Callable[[], int]]]:
        journal = Journal(tmp_path / str(next(journals)))

        def run() -> int:
            journal.append(size)
            return journal.encode()

        return run, {"join": joined(size)}

    compare(benchmark, prepare, name="journal, append and encode", units=size, rounds=5)


@pytest.mark.parametrize("batch", [1, 64, 512])
def test_commit(benchmark: BenchmarkFixture, size: int, tmp_path: Path, batch: int) -> None:
    """Per batch of so many messages, CPU time; the latency is the disk's."""
    journal = Journal(tmp_path / "ours")
    commits = max(2, size // 100)
    bytes_each = (len(BODY) + 50) * batch
    plain = os.open(tmp_path / "plain", os.O_RDWR | os.O_CREAT | os.O_APPEND)

    def prepare() -> tuple[Callable[[], int], Mapping[str, Callable[[], int]]]:
        def run() -> int:
            for _ in range(commits):
                journal.append(batch)
                assert journal.settle() > bytes_each - 50 * batch
            return commits

        def write() -> int:
            for _ in range(commits):
                os.write(plain, bytes(bytes_each))
                os.fdatasync(plain)
            return commits

        return run, {"write + fdatasync": write}

    try:
        compare(benchmark, prepare, name=f"journal, commit of {batch}", units=commits, rounds=5)
    finally:
        os.close(plain)
        journal.folder.close()
