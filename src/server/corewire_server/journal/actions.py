"""
What the journal asks of the disk: a closed union. A job is performed in order, in one thread, and answered as a whole.

File names are plain names in the journal's folder.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Fill:
    """Write ``length`` zeros at ``offset``; the file is made if it is not there. The only action that may find no room."""

    file: str
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class WriteAt:
    """Write within a file that was filled before."""

    file: str
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class ReadAt:
    """Read; what was read is the answer to the job."""

    file: str
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Sync:
    """Return when all that was written to the file is on the medium."""

    file: str


@dataclass(frozen=True, slots=True)
class Rename:
    """Give a file another name, one that is free."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove a file, if it is there."""

    file: str


@dataclass(frozen=True, slots=True)
class SyncFolder:
    """Return when the names of the folder are on the medium."""


Action: TypeAlias = Fill | WriteAt | ReadAt | Sync | Rename | Delete | SyncFolder


@dataclass(frozen=True, slots=True)
class DiskJob:
    """Do ``actions`` in order, then tell the node: done, failed at one of them, or no room for the Fill."""

    ticket: int
    actions: tuple[Action, ...]
