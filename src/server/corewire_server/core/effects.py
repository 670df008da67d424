"""What the core asks the outside to do: a closed union, performed in order; what others can see waits in the gate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from corewire_server.records import Record


@dataclass(slots=True)
class SendBytes:
    """Write to a link. Visible, so the gate holds it."""

    link: int
    data: bytes


@dataclass(slots=True)
class CloseLink:
    """Close a link once what was sent before is out. Visible, so the gate holds it."""

    link: int


@dataclass(slots=True)
class Append:
    """Keep these records, all or none, after those of every Append before."""

    records: tuple[Record, ...]


@dataclass(slots=True)
class Log:
    """One line for people, at a level of ``logging`` by name. Not gated."""

    level: str
    text: str


Effect: TypeAlias = SendBytes | CloseLink | Append | Log
