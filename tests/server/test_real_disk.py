"""Real files: they do what the simulator's disk does, no answer is lost, and a failure is seen before anything was confirmed."""

from __future__ import annotations

import asyncio
import errno
import os
from random import Random
from typing import TYPE_CHECKING

import pytest
from tests.server.fakes import echo_core
from tests.server.machine import Machine, live_after, random_script, small
from tests.server.test_embedded import ask, dial, drain

from corewire_server.config import BrokerConfig
from corewire_server.journal.actions import (
    Delete,
    DiskJob,
    DropAside,
    Fill,
    ReadAt,
    Rename,
    SetAside,
    Sync,
    SyncFolder,
    WriteAt,
)
from corewire_server.journal.recovery import recover
from corewire_server.runtime import files
from corewire_server.runtime.embedded import Serving
from corewire_server.runtime.file_lock import FolderInUse, FolderLock
from corewire_server.runtime.files import Answer, Files, Folder, make_folder
from corewire_server.runtime.service import NodeFailed
from corewire_server.simulator.disk import Disk

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.interop


class Both(Disk):
    """The simulator's disk, and real files that get the same jobs."""

    def __init__(self, rng: Random, folder: Folder) -> None:
        super().__init__(rng)
        self.folder = folder

    def perform(self, job: DiskJob) -> bytes:
        answer = super().perform(job)
        assert self.folder.perform(job) == answer
        return answer


def test_real_files_hold_what_the_simulated_ones_hold(tmp_path: Path) -> None:
    rng = Random(0)
    script = random_script(rng, 300)
    disk = Both(rng, Folder(tmp_path))
    machine = Machine(disk, script, small(compact=2, percent=90))
    machine.run(len(script))
    assert disk.folder.listing() == disk.files()
    for name, length in disk.files().items():
        assert disk.folder.read(name, 2 * length) == disk.read(name, length)
    assert recover(disk.folder.listing(), disk.folder.read, 4096).records == live_after(script)
    disk.folder.close()


def test_no_more_files_are_open_than_needed(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    before = len(os.listdir("/proc/self/fd"))
    for number in range(50):
        folder.perform(DiskJob(1, (Fill(f"f{number}", 0, 10), Sync(f"f{number}"))))
    assert len(os.listdir("/proc/self/fd")) <= before + files.OPEN_MAX
    folder.perform(DiskJob(2, (Rename("f49", "g"), Delete("g"), Delete("g"), SyncFolder())))
    assert len(folder.listing()) == 49
    folder.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_folder_set_aside_holds_what_the_simulated_one_holds(tmp_path: Path) -> None:
    rng = Random(0)
    script = random_script(rng, 60)
    path = tmp_path / "journal"
    make_folder(path)
    disk = Both(rng, Folder(path))
    Machine(disk, script, small()).run(len(script))
    before = disk.files()
    disk.perform(DiskJob(1, (SetAside("aside-1"),)))
    assert disk.folder.listing() == disk.files() == {}
    assert disk.folder.asides() == disk.asides() == ["aside-1"]
    aside = Folder(tmp_path / "aside-1")
    assert aside.listing() == before
    assert recover(before, aside.read, 4096).records == live_after(script)
    aside.close()
    Machine(disk, script, small()).run(10)
    assert recover(disk.folder.listing(), disk.folder.read, 4096).records == live_after(script[:10])
    disk.perform(DiskJob(2, (DropAside("aside-1"), DropAside("aside-1"))))
    assert disk.folder.asides() == disk.asides() == []
    disk.folder.close()


def test_setting_aside_closes_the_files_and_replaces_nothing(tmp_path: Path) -> None:
    path = tmp_path / "data" / "journal"
    make_folder(path)
    folder = Folder(path)
    before = len(os.listdir("/proc/self/fd"))
    folder.perform(DiskJob(1, (Fill("f", 0, 10), SetAside("aside-1"))))
    assert len(os.listdir("/proc/self/fd")) == before
    with pytest.raises(FileExistsError, match="aside-1"):
        folder.perform(DiskJob(2, (Fill("g", 0, 10), SetAside("aside-1"))))
    assert folder.listing() == {"g": 10}
    assert (path.parent / "aside-1" / "f").stat().st_size == 10
    (path.parent / "aside-file").touch()
    (path.parent / "aside-link").symlink_to("aside-1")
    (path.parent / "other").mkdir()
    assert folder.asides() == ["aside-1"]
    folder.close()


def test_name_of_a_new_folder_is_on_the_medium_and_that_of_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(files, "sync_folder", synced.append)
    path = tmp_path / "data" / "journal"
    make_folder(path)
    assert synced == [path.parent, tmp_path]
    make_folder(path)  # a process that was killed may not have come so far
    assert synced[2:] == [path.parent]
    Folder(path).perform(DiskJob(1, (SetAside("aside-1"),)))
    assert synced[3:] == [path.parent]


def test_short_writes_are_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda descriptor, data, offset: whole(descriptor, data[:3], offset))
    folder = Folder(tmp_path)
    folder.perform(DiskJob(1, (Fill("f", 0, 20), WriteAt("f", 5, b"hello world"))))
    assert folder.read("f", 100) == bytes(5) + b"hello world" + bytes(4)
    folder.close()


@pytest.mark.parametrize("takes", [0, 3, 11])
def test_what_a_write_with_its_sync_did_not_take_is_written_and_synced_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, takes: int
) -> None:
    """``takes``: so many bytes; 0: the file system knows no such writes."""
    synced: list[int] = []

    def write(descriptor: int, buffers: tuple[bytes], offset: int, flags: int) -> int:
        assert flags == files._SYNCED
        if not takes:
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
        return os.pwrite(descriptor, buffers[0][:takes], offset)

    monkeypatch.setattr(files, "_SYNCED", 2)
    monkeypatch.setattr(files, "_sync", synced.append)
    monkeypatch.setattr(os, "pwritev", write)
    folder = Folder(tmp_path)
    folder.perform(DiskJob(1, (Fill("f", 0, 20),)))
    folder.perform(DiskJob(2, (WriteAt("f", 5, b"hello world"), Sync("f"))))
    assert folder.read("f", 100) == bytes(5) + b"hello world" + bytes(4)
    assert len(synced) == (takes < 11)
    folder.close()


def test_every_job_is_answered_in_order(tmp_path: Path) -> None:
    """Many hand-overs, with pauses of every kind between them: a lost wake-up would end this test by its time-out."""

    async def main() -> list[int]:
        answered, done = list[int](), asyncio.Event()

        def on_answer(job: DiskJob, answer: Answer) -> None:
            assert answer == b"\0"
            answered.append(job.ticket)
            if job.ticket == 3000:
                done.set()
            elif job.ticket % 3:
                submit(job.ticket + 1)
            else:
                loop.call_soon(submit, job.ticket + 1)

        def submit(ticket: int) -> None:
            thread.submit(DiskJob(ticket, (WriteAt("f", 0, b"\0"), ReadAt("f", 0, 1))))

        loop = asyncio.get_running_loop()
        folder = Folder(tmp_path)
        folder.perform(DiskJob(0, (Fill("f", 0, 10),)))
        thread = Files(folder, loop, on_answer)
        submit(1)
        await asyncio.wait_for(done.wait(), 60)
        thread.close()
        return answered

    assert asyncio.run(main()) == list(range(1, 3001))


def test_thread_ends_when_nobody_listens_any_more(tmp_path: Path) -> None:
    loop = asyncio.new_event_loop()
    folder = Folder(tmp_path)
    thread = Files(folder, loop, lambda *_: None)
    loop.close()
    thread.submit(DiskJob(1, (Fill("f", 0, 10), Fill("g", 0, 10))))
    thread.close()


def test_sync_that_fails_stops_the_node_before_anything_was_confirmed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = Serving(BrokerConfig.for_tests(tmp_path), echo_core).__enter__()
    with dial(node) as sock:
        assert ask(sock, b"hello") == b"hello"

        def fail(*_: object) -> None:
            raise OSError(errno.EIO, "Input/output error")

        monkeypatch.setattr(files, "_write_synced", fail)
        sock.sendall(b"keep it")
        assert drain(sock) == b""
    with pytest.raises(NodeFailed, match=r"the disk failed: .*Input/output error"):
        node.stop()
    monkeypatch.undo()
    with Serving(BrokerConfig.for_tests(tmp_path), echo_core) as again:
        assert again.epoch == 2


def test_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(NodeFailed, match="file"):
        Serving(BrokerConfig.for_tests(tmp_path / "file"), echo_core).__enter__()


def test_lock_is_taken_once_and_given_back(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path)
    with pytest.raises(FolderInUse, match=str(os.getpid())):
        FolderLock(tmp_path)
    lock.release()
    FolderLock(tmp_path).release()
