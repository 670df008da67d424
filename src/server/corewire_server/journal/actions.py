"""
What the journal asks of the disk: a closed union. A job is performed in order, in one thread, and answered as a whole.

File names are plain names in the journal's folder. An *aside* is a folder beside it that holds the files of an earlier journal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

ASIDE_PREFIX: Final = "aside-"


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


@dataclass(frozen=True, slots=True)
class SetAside:
    """
    Move all files of the folder to a new aside at once, and return when that is on the medium: the folder is empty then.

    A crash leaves all of them here or all there. A name that is taken is a failure, and so nothing is ever replaced.
    Raises ValueError for a name that is none of an aside.
    """

    name: str

    def __post_init__(self) -> None:
        _check_aside(self.name)


@dataclass(frozen=True, slots=True)
class DropAside:
    """
    Remove an aside with all that is in it, if it is there. A crash may leave some of it.

    Raises ValueError for a name that is none of an aside.
    """

    name: str

    def __post_init__(self) -> None:
        _check_aside(self.name)


def _check_aside(name: str) -> None:
    if not name.startswith(ASIDE_PREFIX) or "/" in name or "\\" in name:
        raise ValueError(f"{name!r} is no name of an aside")


Action: TypeAlias = Fill | WriteAt | ReadAt | Sync | Rename | Delete | SyncFolder | SetAside | DropAside


@dataclass(frozen=True, slots=True)
class DiskJob:
    """Do ``actions`` in order, then tell the node: done, failed at one of them, or no room for the Fill."""

    ticket: int
    actions: tuple[Action, ...]
