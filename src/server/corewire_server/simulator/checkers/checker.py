"""What all checkers have in common: they listen, and name what must not have happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from corewire_server.simulator.observer import Observer

if TYPE_CHECKING:
    from corewire_server.core.broker import Broker

_KEPT: Final = 5  # violations of one rule: the others follow from the first


class Violation(NamedTuple):
    """A promise was broken."""

    now: int  # the world's time in microseconds
    rule: str  # the checker
    text: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.text} (at {self.now / 1e6:.6f} s)"


class Checker(Observer):
    """One promise. ``violations``: how it was broken, oldest first; empty as long as it holds."""

    rule: ClassVar[str]

    def __init__(self) -> None:
        self.violations: list[Violation] = []

    def broken(self, now: int, text: str) -> None:
        """The promise is broken."""
        if len(self.violations) < _KEPT:
            self.violations.append(Violation(now, self.rule, text))


class DiskChecker(Checker):
    """One promise that is a smaller one where a node serves from what it found on its disk: what only memory had is gone."""

    def __init__(self) -> None:
        super().__init__()
        self._from_disk: set[str] = set()

    def core_made(self, now: int, node: str, core: Broker) -> None:
        if was_restored(core):
            self._from_disk.discard(node)
        else:
            self._from_disk.add(node)

    def serving(self, now: int, node: str, epoch: int, serves: bool) -> None:
        if serves and node in self._from_disk:
            self._from_disk.discard(node)
            self.memory_lost()

    def memory_lost(self) -> None:
        """A node serves, and knows nothing but what its disk had."""
        raise NotImplementedError


def was_restored(core: Broker) -> bool:
    """Whether a core that was just made has the state of another one, and has not to read it from a disk."""
    return core.effects_digest[:8] != bytes(8)
