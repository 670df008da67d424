"""The recorded frames of ``tests/vectors``: those of the reference encoders, and the captures of real peers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from corewire.wire import registry
from corewire.wire.framing import MAGIC
from corewire.wire.packets import CreateSession, CreateSessionV2, SubscribeTopologyV2
from corewire.wire.versions import UNNEGOTIATED, VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parent.parent / "vectors"
CAPTURES = sorted(path for path in (FOLDER / "captures").glob("*.txt"))
RECORDED = re.compile(r"(\d+) ([CS]>[CS]) ([0-9a-f{}*]+)")
RUN = re.compile(r"\{([0-9a-f]+)\*(\d+)\}")


@dataclass(frozen=True)
class Vector:
    name: str
    type: int
    size: int
    frame: bytes
    version: int


@dataclass(frozen=True)
class Captured:
    """A frame of a capture, and the version that its link had negotiated before it was written."""

    line: int
    link: int
    direction: str
    frame: bytes
    version: int


def vectors() -> list[Vector]:
    lines = (FOLDER / "wire.tsv").read_text().splitlines()
    rows = (line.split("\t") for line in lines if not line.startswith("#"))
    return [
        Vector(name, int(code), int(size), bytes.fromhex(raw), int(version)) for name, code, size, raw, version in rows
    ]


def captured(path: Path) -> Iterator[Captured]:
    """Yield the frames of a capture in order; the magic is left out."""
    versions: dict[int, int] = {}
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        found = RECORDED.match(line)
        if found is None:
            continue
        link, raw = int(found[1]), RUN.sub(lambda run: run[1] * int(run[2]), found[3])
        frame = bytes.fromhex(raw)
        if frame == MAGIC:
            continue
        version = versions.get(link, UNNEGOTIATED)
        yield Captured(number, link, found[2], frame, version)
        match registry.decode(frame, version):
            case SubscribeTopologyV2(client_version=offered):
                versions[link] = min(offered, VERSION)
            case CreateSession(version=offered) | CreateSessionV2(version=offered) if version == UNNEGOTIATED:
                versions[link] = min(offered, VERSION)
            case _:
                pass
