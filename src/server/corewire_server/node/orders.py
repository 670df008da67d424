"""What a node tells its driver to do: a closed union, performed in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from corewire_server.core.effects import CloseLink, Log, SendBytes
from corewire_server.journal.actions import DiskJob


@dataclass(slots=True)
class Halt:
    """Stop at once, without another byte to anybody: what was promised can no longer be kept."""

    reason: str


Order: TypeAlias = SendBytes | CloseLink | Log | DiskJob | Halt
