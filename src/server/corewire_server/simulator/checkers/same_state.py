"""Nodes that took the same inputs are the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from corewire_server.simulator.checkers.checker import Checker

if TYPE_CHECKING:
    from corewire_server.core.broker import Broker

WHOLE_EVERY: Final = 32
"""Steps from one comparison of the whole state to the next: that one is dear."""


class SameState(Checker):
    """
    Of two nodes of one lineage that executed the same input, the effects so far are the same; now and then the whole states
    are compared.
    """

    rule = "same state"

    def __init__(self) -> None:
        super().__init__()
        self._effects: dict[tuple[str, int], tuple[bytes, str]] = {}  # lineage, step -> digest, and whose
        self._whole: dict[tuple[str, int], tuple[bytes, str]] = {}
        self._lineages: dict[str, str] = {}  # node -> the one that it is of

    def lineage(self, now: int, node: str, lineage: str) -> None:
        self._lineages[node] = lineage

    def stepped(self, now: int, node: str, step: int, core: Broker) -> None:
        if len(self._lineages) == 1:  # nobody to compare with, and a look at the whole state is dear
            return
        place = self._lineages[node], step
        if not step % WHOLE_EVERY:
            self._compare(now, "state", self._whole, place, node, core.digest())
        self._compare(now, "effects", self._effects, place, node, core.effects_digest)

    def _compare(
        self,
        now: int,
        what: str,
        known: dict[tuple[str, int], tuple[bytes, str]],
        place: tuple[str, int],
        node: str,
        digest: bytes,
    ) -> None:
        before = known.get(place)
        if before is None:
            known[place] = digest, node
        elif before[0] != digest and before[1] != node:
            self.broken(now, f"after input {place[1]} the {what} of {node} and {before[1]} differ")
