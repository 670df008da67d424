"""Disk jobs: where they are done, and that each is answered once, in order, after ``submit`` has returned."""

from __future__ import annotations

import asyncio
import errno
import threading
from typing import TYPE_CHECKING

import pytest

from corewire_server.journal.actions import Action, DiskJob, Fill, ReadAt, Sync, WriteAt
from corewire_server.runtime import files
from corewire_server.runtime.files import FAST_BYTES_MAX, Files, Folder, is_small_batch, no_room

if TYPE_CHECKING:
    from pathlib import Path

    from corewire_server.runtime.files import Answer

BATCH = DiskJob(1, (WriteAt("a", 0, b"batch"), Sync("a")))
LARGE = DiskJob(2, (WriteAt("a", 0, bytes(FAST_BYTES_MAX + 1)), Sync("a")))


def perform(folder: Path, jobs: list[DiskJob]) -> list[tuple[int, Answer, bool]]:
    """Do the jobs one after the other: ticket, answer, whether the loop's own thread did it."""
    done: list[tuple[int, Answer, bool]] = []
    (folder / "a").touch()

    class Watched(Folder):
        where = threading.current_thread()

        def perform(self, job: DiskJob) -> bytes:
            self.where = threading.current_thread()
            return super().perform(job)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        answered = asyncio.Event()
        watched = Watched(folder)

        def take(job: DiskJob, answer: Answer) -> None:
            done.append((job.ticket, answer, watched.where is threading.current_thread()))
            answered.set()

        disk = Files(watched, loop, take)
        for job in jobs:
            before = len(done)
            disk.submit(job)
            assert len(done) == before, "not answered inside of submit"
            await answered.wait()
            answered.clear()
        disk.close()

    asyncio.run(main())
    return done


def test_first_batch_and_large_ones_are_written_in_the_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "FAST_S", 3600.0)
    assert [here for _, _, here in perform(tmp_path, [BATCH, LARGE, LARGE])] == [False, False, False]


def test_small_batches_of_a_disk_that_proved_fast_are_written_on_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "FAST_S", 3600.0)
    assert perform(tmp_path, [BATCH, BATCH]) == [(1, b"", False), (1, b"", True)]
    assert (tmp_path / "a").read_bytes() == b"batch"


def test_batches_of_a_slow_disk_are_written_in_the_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "FAST_S", 0.0)
    assert [here for _, _, here in perform(tmp_path, [BATCH] * 3)] == [False, False, False]


@pytest.mark.parametrize("fast_s", [0.0, 3600.0])
def test_failure_is_an_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fast_s: float) -> None:
    monkeypatch.setattr(files, "FAST_S", fast_s)
    nowhere = DiskJob(2, (WriteAt("missing", 0, b"batch"), Sync("missing")))
    *_, (_, answer, _) = perform(tmp_path, [BATCH, nowhere])
    assert isinstance(answer, FileNotFoundError)


def test_closing_finishes_what_the_loop_was_about_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "FAST_S", 3600.0)
    (tmp_path / "a").touch()

    async def main() -> None:
        answered = asyncio.Event()
        disk = Files(Folder(tmp_path), asyncio.get_running_loop(), lambda job, answer: answered.set())
        disk.submit(BATCH)  # in the thread: the disk has yet to prove fast
        await answered.wait()
        disk.submit(DiskJob(2, (WriteAt("a", 5, b" and another"), Sync("a"))))
        disk.close()
        assert (tmp_path / "a").read_bytes() == b"batch and another"
        (tmp_path / "a").write_bytes(b"not ours any more")
        await asyncio.sleep(0)

    asyncio.run(main())
    assert (tmp_path / "a").read_bytes() == b"not ours any more"


def test_nothing_is_done_once_it_is_closed(tmp_path: Path) -> None:
    (tmp_path / "a").touch()

    async def main() -> None:
        disk = Files(Folder(tmp_path), asyncio.get_running_loop(), lambda job, answer: None)
        disk.close()
        disk.submit(BATCH)
        disk.close()

    asyncio.run(main())
    assert (tmp_path / "a").read_bytes() == b""


def test_what_was_written_is_read(tmp_path: Path) -> None:
    assert perform(tmp_path, [BATCH, DiskJob(2, (ReadAt("a", 1, 3),))])[1][1] == b"atc"


@pytest.mark.parametrize(
    ("actions", "small"),
    [
        (BATCH.actions, True),
        (LARGE.actions, False),
        ((Fill("a", 0, 1),), False),
        ((WriteAt("a", 0, b""), Sync("a"), WriteAt("a", 0, b""), Sync("a")), False),
    ],
)
def test_small_batch_is_one_short_write_and_its_sync(actions: tuple[Action, ...], small: bool) -> None:
    assert is_small_batch(DiskJob(1, actions)) is small


def test_only_filling_finds_no_room() -> None:
    full = OSError(errno.ENOSPC, "full")
    assert no_room(DiskJob(1, (Fill("a", 0, 1),)), full)
    assert not no_room(BATCH, full)
