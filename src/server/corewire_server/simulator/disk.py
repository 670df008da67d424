"""
A disk that does to a journal what disks do.

It performs the same jobs as the runtime's, in memory. What was written but not synced is remembered, and a power cut decides
by a random generator what of it reached the medium: nothing, a part cut at any byte, some of the sectors, or all. Names of
files are forgotten likewise if the folder was not synced. A killed process, in contrast, loses nothing that it wrote.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, assert_never

from corewire_server.journal.actions import Delete, Fill, ReadAt, Rename, Sync, SyncFolder, WriteAt

if TYPE_CHECKING:
    from random import Random

    from corewire_server.journal.actions import Action, DiskJob

SECTOR_BYTES: Final = 512


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


class Disk:
    """One folder. ``cut_at``: the action, counted from 1, in which the power goes; ``fail_at``: the one that fails."""

    def __init__(self, rng: Random, *, capacity_bytes: int | None = None) -> None:
        self._rng = rng
        self._names: dict[str, _File] = {}
        self._names_on_medium: dict[str, _File] = {}
        self._unsynced_names: list[dict[str, _File]] = []  # the folder after each change since it was synced
        self.capacity_bytes = capacity_bytes
        self.actions = 0
        self.cut_at: int | None = None
        self.fail_at: int | None = None

    # -- what a node does

    def files(self) -> dict[str, int]:
        """The names in the folder, and how long each file is."""
        return {name: len(file.cached) for name, file in self._names.items()}

    def read(self, name: str, length: int) -> bytes:
        """The first bytes of a file."""
        return bytes(self._names[name].cached[:length])

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
                self._change({**self._names, new: self._names[old]}, without=old)
            case Delete(name):
                self._change(dict(self._names), without=name)
            case SyncFolder():
                if whole:
                    self._names_on_medium = dict(self._names)
                    self._unsynced_names.clear()
            case _:
                assert_never(action)
        return b""

    def _fill(self, name: str, offset: int, length: int) -> None:
        used = sum(len(file.cached) for file in self._names.values())
        if self.capacity_bytes is not None and used + length > self.capacity_bytes:
            raise DiskFull
        if name not in self._names:
            self._change({**self._names, name: _File()}, without=None)
        self._names[name].write(offset, bytes(length))

    def _change(self, names: dict[str, _File], without: str | None) -> None:
        if without is not None:
            names.pop(without, None)
        self._names = names
        self._unsynced_names.append(names)

    # -- what happens to it

    def power_cut(self) -> None:
        """The machine died and starts again: what was not synced is there, in part or not at all."""
        states = [self._names_on_medium, *self._unsynced_names]
        self._names_on_medium = self._rng.choice(states)
        every = {id(file): file for names in (*states, self._names) for file in names.values()}
        for file in every.values():
            for offset, data in file.unsynced:
                self._tear(file, offset, data)
            file.unsynced.clear()
            file.cached = bytearray(file.medium)
        self.restart()
        self._names = dict(self._names_on_medium)
        self._unsynced_names.clear()

    def restart(self) -> None:
        """The process was killed and starts again: all that it wrote is there."""
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
