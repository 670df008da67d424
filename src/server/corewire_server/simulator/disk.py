"""
A disk that does to a journal what disks do.

It performs the same jobs as the runtime's, in memory. What was written but not synced is remembered, and a power cut decides
by a random generator what of it reached the medium: nothing, a part cut at any byte, some of the sectors, or all. Names of
files and folders are forgotten likewise if the folder they are in was not synced. A killed process, in contrast, loses nothing
that it wrote.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Generic, TypeVar, assert_never

from corewire_server.journal.actions import (
    Delete,
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
    from random import Random

    from corewire_server.journal.actions import Action, DiskJob

SECTOR_BYTES: Final = 512
_HERE: Final = ""  # the folder itself, among the asides


T = TypeVar("T")


class DiskFull(Exception):
    """No room for a Fill."""


class DiskFailure(Exception):
    """A write or a sync failed."""


class PowerCut(Exception):
    """The machine is dead. Call ``power_cut()`` to see what is left."""


@dataclass(slots=True)
class _File:
    medium: bytearray = field(default_factory=bytearray)
    cached: bytearray = field(default_factory=bytearray)
    unsynced: list[tuple[int, bytes]] = field(default_factory=list[tuple[int, bytes]])

    def write(self, offset: int, data: bytes) -> None:
        _put(self.cached, offset, data)
        self.unsynced.append((offset, data))

    def sync(self) -> None:
        for offset, data in self.unsynced:
            _put(self.medium, offset, data)
        self.unsynced.clear()


def _put(content: bytearray, offset: int, data: bytes) -> None:
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


class _Names(Generic[T]):
    """What is in a folder, by name."""

    def __init__(self, now: dict[str, T]) -> None:
        self.now = now
        self._on_medium = dict(now)
        self._unsynced: list[dict[str, T]] = []  # after each change since it was synced

    def change(self, names: dict[str, T], *, without: str | None = None) -> None:
        if without is not None:
            names.pop(without, None)
        self.now = names
        self._unsynced.append(names)

    def sync(self) -> None:
        self._on_medium = dict(self.now)
        self._unsynced.clear()

    def power_cut(self, rng: Random) -> None:
        self.now = dict(rng.choice([self._on_medium, *self._unsynced]))
        self.sync()


class Disk:
    """
    One folder, with asides beside it.

    ``cut_at``: the action, counted from 1, in which the power goes; ``fail_at``: the one that fails.
    """

    def __init__(self, rng: Random, *, capacity_bytes: int | None = None) -> None:
        self._rng = rng
        self._folders = _Names({_HERE: _Names[_File]({})})
        self.capacity_bytes = capacity_bytes
        self.actions = 0
        self.cut_at: int | None = None
        self.fail_at: int | None = None

    @property
    def _folder(self) -> _Names[_File]:
        return self._folders.now[_HERE]

    @property
    def _names(self) -> dict[str, _File]:
        return self._folder.now

    # -- what a node does

    def files(self) -> dict[str, int]:
        """The names in the folder, and how long each file is."""
        return {name: len(file.cached) for name, file in self._names.items()}

    def read(self, name: str, length: int) -> bytes:
        """The first bytes of a file."""
        return bytes(self._names[name].cached[:length])

    def asides(self) -> list[str]:
        """The asides that are there, in order of their names."""
        return sorted(name for name in self._folders.now if name != _HERE)

    def aside(self, name: str) -> Disk:
        """A disk with an aside in place of the folder, to look at."""
        other = Disk(self._rng)
        other._folders = _Names({_HERE: self._folders.now[name]})
        return other

    def perform(self, job: DiskJob) -> bytes:
        """Do a job; returns what it read. Raises DiskFull, DiskFailure, PowerCut."""
        answer = b""
        for action in job.actions:
            self.actions += 1
            if self.actions == self.fail_at:
                raise DiskFailure(f"{type(action).__name__} failed")
            cut = self.actions == self.cut_at
            if not cut or self._rng.random() < 0.5:  # in the middle of it, or before it began
                answer += self._act(action, whole=not cut)
            if cut:
                raise PowerCut
        return answer

    def _act(self, action: Action, *, whole: bool) -> bytes:
        match action:
            case Fill(name, offset, length):
                self._fill(name, offset, length)
            case WriteAt(name, offset, data):
                assert offset + len(data) <= len(self._names[name].cached), "a write must not make a file longer"
                self._names[name].write(offset, data)
            case ReadAt(name, offset, length):
                return bytes(self._names[name].cached[offset : offset + length])
            case Sync(name):
                if whole:
                    self._names[name].sync()
            case Rename(old, new):
                assert new not in self._names, f"{new} is there"
                self._folder.change({**self._names, new: self._names[old]}, without=old)
            case Delete(name):
                self._folder.change(dict(self._names), without=name)
            case SyncFolder():
                if whole:
                    self._folder.sync()
            case SetAside(name):
                self._set_aside(name, whole=whole)
            case DropAside(name):
                self._drop_aside(name, whole=whole)
            case _:
                assert_never(action)
        return b""

    def _fill(self, name: str, offset: int, length: int) -> None:
        used = sum(len(file.cached) for folder in self._folders.now.values() for file in folder.now.values())
        if self.capacity_bytes is not None and used + length > self.capacity_bytes:
            raise DiskFull
        if name not in self._names:
            self._folder.change({**self._names, name: _File()})
        self._names[name].write(offset, bytes(length))

    def _set_aside(self, name: str, *, whole: bool) -> None:
        if name in self._folders.now:
            raise DiskFailure(f"{name} is there")
        self._folders.change({**self._folders.now, name: self._folder, _HERE: _Names({})})
        if whole:
            self._folders.sync()

    def _drop_aside(self, name: str, *, whole: bool) -> None:
        aside = self._folders.now.get(name)
        if aside is None:
            return
        for number, file in enumerate(list(aside.now)):
            if whole or number % 2:
                aside.change(dict(aside.now), without=file)
        if whole:
            self._folders.change(dict(self._folders.now), without=name)

    # -- what happens to it

    def power_cut(self) -> None:
        """The machine died and starts again: what was not synced is there, in part or not at all."""
        self._folders.power_cut(self._rng)
        for folder in self._folders.now.values():
            folder.power_cut(self._rng)
            for file in folder.now.values():
                for offset, data in file.unsynced:
                    self._tear(file, offset, data)
                file.unsynced.clear()
                file.cached = bytearray(file.medium)
        self.restart()

    def restart(self) -> None:
        """The process was killed and starts again: all that it wrote is there. It first syncs the name of the folder."""
        self._folders.sync()
        self.actions = 0
        self.cut_at = self.fail_at = None

    def _tear(self, file: _File, offset: int, data: bytes) -> None:
        kind = self._rng.randrange(4)
        if kind == 0:
            return
        if kind == 1:
            _put(file.medium, offset, data[: self._rng.randint(0, len(data))])
        elif kind == 2:
            at = 0
            while at < len(data):
                end = at + SECTOR_BYTES - (offset + at) % SECTOR_BYTES
                if self._rng.random() < 0.5:
                    _put(file.medium, offset + at, data[at:end])
                at = end
        else:
            _put(file.medium, offset, data)

    # -- what people do to it

    def lose(self) -> None:
        """The folder and all beside it are gone: somebody put another disk in."""
        self._folders = _Names({_HERE: _Names[_File]({})})

    def flip(self, name: str, bit: int) -> None:
        """One bit of a file is the other one."""
        self._names[name].cached[bit // 8] ^= 1 << bit % 8

    def cut_file(self, name: str, length: int) -> None:
        """A file is shorter than it was."""
        del self._names[name].cached[length:]

    def zero_to(self, name: str, length: int) -> None:
        """A file that was cut has its length again, with zeros."""
        content = self._names[name].cached
        content.extend(bytes(length - len(content)))

    def take_file(self, name: str, other: Disk) -> None:
        """A file of this folder is replaced by that of another."""
        self._names[name].cached = bytearray(other.read(name, 1 << 40))

    def rename_file(self, old: str, new: str) -> None:
        """A file has another name, or took the place of another."""
        self._names[new] = self._names.pop(old)

    def remove_file(self, name: str) -> None:
        """A file is gone."""
        del self._names[name]
