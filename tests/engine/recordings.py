"""The captures of real peers as a sequence of what happened on their links (tests/vectors/captures/README.md)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from corewire._connection import Role

FOLDER = Path(__file__).parent.parent / "vectors" / "captures"
CAPTURES = sorted(FOLDER.glob("*.txt"))

_FRAME = re.compile(r"(\d+) (C>S|S>C) ([0-9a-f{}*]+)")
_RUN = re.compile(r"\{([0-9a-f]+)\*(\d+)\}")
_OPENED = re.compile(r"! (\d+) open ")
_ENDED = re.compile(r"! (\d+) (cut|eof|reset)")
_LOST = re.compile(r"! (\d+) .*was not passed on")
_PART = re.compile(r"! (\d+) only (\d+) bytes of the frame above")


@dataclass(frozen=True)
class Opened:
    link: int


@dataclass(frozen=True)
class Ended:
    link: int


@dataclass(frozen=True)
class Written:
    """One side wrote a frame; ``arrived`` of its bytes reached the other."""

    link: int
    by: Role
    frame: bytes
    arrived: int


Item: TypeAlias = Opened | Ended | Written


def read(path: Path) -> list[Item]:
    """Return what happened, in the order of the recording."""
    items: list[Item] = []
    for line in path.read_text().splitlines():
        if found := _FRAME.match(line):
            frame = bytes.fromhex(_RUN.sub(lambda run: run[1] * int(run[2]), found[3]))
            by = Role.CLIENT if found[2] == "C>S" else Role.SERVER
            items.append(Written(int(found[1]), by, frame, len(frame)))
            continue
        if found := _LOST.match(line) or _PART.match(line):
            _shorten(items, int(found[1]), int(found[2]) if found.re is _PART else 0)
        if found := _OPENED.match(line):
            items.append(Opened(int(found[1])))
        elif found := _ENDED.match(line):
            items.append(Ended(int(found[1])))
    return items


def _shorten(items: list[Item], link: int, arrived: int) -> None:
    """Only so many bytes of the last frame of the link were passed on."""
    for index in range(len(items) - 1, -1, -1):
        item = items[index]
        if isinstance(item, Written) and item.link == link:
            items[index] = replace(item, arrived=arrived)
            return
