"""
Performs the node's disk jobs, one after the other, and reports each on the event loop.

A thread does it, so that a slow disk does not hold the loop up. Jobs and answers are handed over in queues, and for each a byte
is written to a pipe: no wake-up can be lost. (Who writes to a pipe lets go of the interpreter meanwhile, so the thread can begin
at once; woken by a lock, it would find the interpreter taken, and sleep again.) But handing over costs as much as the sync of a
fast disk (50 to 80 us of CPU both). So small batches of a disk that has shown to be fast are written on the loop itself, after
all reads of this turn of the loop: what they append goes into one batch.
"""

from __future__ import annotations

import errno
import os
import shutil
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Final, TypeAlias, assert_never

from corewire_server.journal.actions import (
    ASIDE_PREFIX,
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

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from pathlib import Path

    from corewire_server.journal.actions import Action

Answer: TypeAlias = "bytes | OSError"
"""What was read, or what went wrong."""

OPEN_MAX: Final = 16  # files that are kept open
FAST_S: Final = 0.001  # a batch that takes less is written on the loop
FAST_BYTES_MAX: Final = 64 * 1024
_ZEROS: Final = bytes(1 << 20)
_SYNCED: Final[int] = getattr(os, "RWF_DSYNC", 0)  # a write that is its own sync: the interpreter is waited for once
_sync = getattr(os, "fdatasync", os.fsync)  # lengths of files never change in a write that is synced


def no_room(job: DiskJob, error: OSError) -> bool:
    """Whether the job only found no room for what it was to fill."""
    return isinstance(job.actions[0], Fill) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def is_small_batch(job: DiskJob) -> bool:
    """Whether the job is one short write and its sync."""
    match job.actions:
        case (WriteAt(data=data), Sync()):
            return len(data) <= FAST_BYTES_MAX
        case _:
            return False


class Folder:
    """The files of one folder, and the asides beside it. For one thread at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._files: dict[str, int] = {}  # descriptors, the one used last at the end

    def listing(self) -> dict[str, int]:
        """The files in the folder, and how long each is."""
        return {entry.name: entry.stat().st_size for entry in os.scandir(self.path) if entry.is_file()}

    def asides(self) -> list[str]:
        """The asides that are there, in order of their names."""
        return sorted(
            entry.name
            for entry in os.scandir(self.path.parent)
            if entry.name.startswith(ASIDE_PREFIX) and entry.is_dir(follow_symlinks=False)
        )

    def read(self, name: str, length: int) -> bytes:
        """The first bytes of a file, fewer if it is shorter."""
        return self._read(name, 0, length)

    def perform(self, job: DiskJob) -> bytes:
        """Do a job; returns what it read. Raises OSError."""
        match job.actions:
            case (WriteAt(name, offset, data), Sync(synced)) if name == synced:  # nearly all jobs
                _write_synced(self._open(name), data, offset)
                return b""
            case actions:
                return b"".join(map(self._act, actions))

    def _act(self, action: Action) -> bytes:
        match action:
            case WriteAt(name, offset, data):
                _write(self._open(name), data, offset)
            case Sync(name):
                _sync(self._open(name))
            case Fill(name, offset, length):
                _write(self._open(name, os.O_CREAT), _ZEROS[:length], offset)
            case ReadAt(name, offset, length):
                return self._read(name, offset, length)
            case Rename(old, new):
                (self.path / old).rename(self.path / new)
                if old in self._files:
                    self._files[new] = self._files.pop(old)
            case Delete(name):
                (self.path / name).unlink(missing_ok=True)
                if name in self._files:
                    os.close(self._files.pop(name))
            case SyncFolder():
                sync_folder(self.path)
            case SetAside(name):
                self._set_aside(self.path.parent / name)
            case DropAside(name):
                aside = self.path.parent / name
                if aside.exists():
                    shutil.rmtree(aside)
            case _:
                assert_never(action)
        return b""

    def _set_aside(self, aside: Path) -> None:
        """A crash behind the renaming leaves no folder: whoever opens it makes it again."""
        if aside.exists():
            raise FileExistsError(errno.EEXIST, "there is one of this name", str(aside))
        self.close()
        self.path.rename(aside)
        make_folder(self.path)  # which syncs the folder above, and with it the new name of the old one

    def _read(self, name: str, offset: int, length: int) -> bytes:
        pieces: list[bytes] = []
        while length > 0:
            piece = os.pread(self._open(name), length, offset)
            if not piece:
                break
            pieces.append(piece)
            offset += len(piece)
            length -= len(piece)
        return b"".join(pieces)

    def _open(self, name: str, flags: int = 0) -> int:
        descriptor = self._files.pop(name, None)
        if descriptor is None:
            if len(self._files) >= OPEN_MAX:
                os.close(self._files.pop(next(iter(self._files))))
            descriptor = os.open(self.path / name, os.O_RDWR | os.O_CLOEXEC | flags, 0o600)
        self._files[name] = descriptor
        return descriptor

    def close(self) -> None:
        """Close every file."""
        while self._files:
            os.close(self._files.popitem()[1])


def _write(descriptor: int, data: bytes, offset: int) -> None:
    written = os.pwrite(descriptor, data, offset)
    while written < len(data):
        written += os.pwrite(descriptor, data[written:], offset + written)


def _write_synced(descriptor: int, data: bytes, offset: int) -> None:
    """Write, and return when that is on the medium. In a file of which nothing else waits for a sync."""
    written = 0
    if _SYNCED:
        try:
            written = os.pwritev(descriptor, (data,), offset, _SYNCED)
        except OSError as error:
            if error.errno != errno.EOPNOTSUPP:  # there are file systems that do not know of it
                raise
    if written < len(data):
        _write(descriptor, data[written:], offset + written)
        _sync(descriptor)


def make_folder(path: Path) -> None:
    """
    Make a folder and those above it, if they are not there, and return when their names are on the medium.

    To be called at every start: a process that was killed may have made it, and not have synced that. Raises OSError.
    """
    new = [path, *(one for one in path.parents if not one.exists())]
    path.mkdir(parents=True, exist_ok=True)
    for one in new:
        sync_folder(one.parent)


def sync_folder(path: Path) -> None:
    """Return when the names in a folder are on the medium."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Files:
    """
    Performs jobs. ``answered`` is called on the loop for each, in order, never before ``submit`` has returned.

    ``patient``: nothing is written on the loop itself, because heart-beats must not wait for a disk that is slow for once.
    """

    def __init__(
        self,
        folder: Folder,
        loop: asyncio.AbstractEventLoop,
        answered: Callable[[DiskJob, Answer], None],
        *,
        patient: bool = False,
    ) -> None:
        self._folder = folder
        self._loop = loop
        self._answered = answered
        self._jobs: deque[DiskJob | None] = deque()  # None: the end
        self._answers: deque[tuple[DiskJob, Answer]] = deque()
        self._thread_hears, self._rings_thread = os.pipe()
        self._loop_hears, self._rings_loop = os.pipe()
        loop.add_reader(self._loop_hears, self._take_answer)
        self._batch_s = FAST_S  # what a small batch takes, half of the time
        self._patient = patient
        self._here: DiskJob | None = None  # the loop will do it
        self._closed = False
        self._thread = threading.Thread(target=self._main, name="corewire journal", daemon=True)
        self._thread.start()

    def submit(self, job: DiskJob) -> None:
        """Have a job done, after the one before was answered. Once closed, nothing is."""
        if self._closed:
            return
        if not self._patient and self._batch_s < FAST_S and is_small_batch(job):
            self._here = job
            self._loop.call_soon(self._perform_here)
        else:
            self._hand_over(job)

    def _hand_over(self, job: DiskJob | None) -> None:
        self._jobs.append(job)
        os.write(self._rings_thread, b"\0")

    def _take_answer(self) -> None:
        os.read(self._loop_hears, 1)
        self._answered(*self._answers.popleft())

    def _perform_here(self) -> None:
        job, self._here = self._here, None
        if job is not None:
            self._answered(job, self._perform(job))

    def _perform(self, job: DiskJob) -> Answer:
        began = time.perf_counter()
        try:
            return self._folder.perform(job)
        except OSError as error:
            return error
        finally:
            if is_small_batch(job):  # a step down or up each time ends where half of them are above
                self._batch_s *= 0.9 if time.perf_counter() - began < self._batch_s else 1.1

    def _main(self) -> None:
        while os.read(self._thread_hears, 1) and (job := self._jobs.popleft()) is not None:
            self._answers.append((job, self._perform(job)))
            os.write(self._rings_loop, b"\0")
        self._folder.close()

    def close(self) -> None:
        """Finish what was submitted and end the thread: nothing is written or answered afterwards. Harmless twice."""
        if self._closed:
            return
        self._closed = True
        if self._here is not None:
            self._hand_over(self._here)
            self._here = None
        self._hand_over(None)
        self._thread.join()
        self._loop.remove_reader(self._loop_hears)
        for end in (self._thread_hears, self._rings_thread, self._loop_hears, self._rings_loop):
            os.close(end)
