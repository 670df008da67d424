"""Rare places that a batch of seeds must have reached, or it proves less than it seems to."""

from __future__ import annotations

from typing import Final

from corewire_server.simulator.observer import Observer

PROBES: Final[dict[str, str]] = {}


class Probes(Observer):
    """Collects the names of the places that were reached."""

    def __init__(self) -> None:
        self.reached: set[str] = set()

    def probe(self, name: str) -> None:
        self.reached.add(name)
