"""What ``pair_node.py`` printed of the state of both nodes: it must be the same wherever two executed the same inputs."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

EVERY = 100
LINE = re.compile(r"^DIGEST (\d+ \d+) (\w+ \w+)$", re.MULTILINE)


class Digests(NamedTuple):
    """Of all starts of both nodes."""

    printed: int  #: points, each an epoch and a number of steps
    compared: int  #: of them, by two nodes
    differing: list[str]  #: and not the same

    def __str__(self) -> str:
        return f"digests at {self.printed} points, {self.compared} compared, {len(self.differing)} differ"


def compare(folder: Path) -> Digests:
    """Read the logs in ``folder``. Inputs that a killed node alone had are of an epoch of their own, and compared with nothing."""
    seen: dict[str, list[str]] = defaultdict(list)
    for log in sorted(folder.glob("*.log")):
        for point, digests in LINE.findall(log.read_text(errors="replace")):
            seen[point].append(digests)
    twice = {point: digests for point, digests in seen.items() if len(digests) > 1}
    return Digests(len(seen), len(twice), sorted(point for point, digests in twice.items() if len(set(digests)) > 1))
