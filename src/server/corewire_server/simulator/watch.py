"""
The broker cores as they are, and an observer that looks over their shoulders.

An input has one number on both nodes of a pair, and a restarted node counts on where its journal ends. A core counts only its
own steps and those of the one that it was copied from; so the number of its first step has to be learnt once. Inputs of the
same number are the same input only within one *lineage*: a node begins one when it starts from its disk or is promoted, and
follows that of the primary when it joins.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from corewire_server.core import Broker, Restorer
from corewire_server.core.effects import Append
from corewire_server.core.inputs import Promoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from corewire_server.core import CoreConfig
    from corewire_server.core.effects import Effect
    from corewire_server.core.inputs import Input
    from corewire_server.records import Record
    from corewire_server.simulator.world import World


class WatchedCore:
    """One core of one process. ``step``: the number of the last input that it has in it."""

    def __init__(self, core: Broker, world: World, node: str, step: int | None) -> None:
        self.core = core
        self.lineage = ""
        self.number = step  # None: it came as a snapshot, and its process does not know yet
        self._world = world
        self._node = node

    @property
    def node_id(self) -> str:
        """The UUID of this broker, as clients see it."""
        return self.core.node_id

    @property
    def effects_digest(self) -> bytes:
        """Number of steps and checksum of all their effects."""
        return self.core.effects_digest

    def step(self, now: int, item: Input) -> list[Effect]:
        """One input in, its effects out."""
        assert self.number is not None
        self.number += 1
        observer, time = self._world.observer, self._world.now
        if isinstance(item, Promoted):
            self._part()
        effects = self.core.step(now, item)
        for effect in effects:
            if isinstance(effect, Append):
                observer.appended(time, self._node, self.number, effect.records)
        observer.stepped(time, self._node, self.number, self.core)
        return effects

    @property
    def pledged_bytes(self) -> int:
        """What the journal must have room for beyond what was appended."""
        return self.core.pledged_bytes

    def next_timeout(self) -> int | None:
        """When the core wants the Timeout input."""
        return self.core.next_timeout()

    def recover(self, records: Iterable[Record]) -> None:
        """Take the live records of the journal."""
        self.core.recover(records)
        assert self.number is not None
        self._world.observer.core_made(self._world.now, self._node, self.core)
        self._part()

    def _part(self) -> None:
        self._world.lineages += 1
        self.follow(f"{self._node}{self._world.lineages}")

    def follow(self, lineage: str) -> None:
        """From the next input on its inputs are those of this lineage."""
        self.lineage = lineage
        self._world.observer.lineage(self._world.now, self._node, lineage)

    def snapshot(self) -> Iterator[bytes]:
        """The whole state."""
        self._world.snapshots[self.core.effects_digest] = self.lineage
        return self.core.snapshot()

    def records(self) -> Iterator[Record]:
        """What the journal of a node that joined begins with."""
        return self.core.records()


class WatchedRestorer:
    """Makes a core from a snapshot."""

    def __init__(self, cores: WatchedCores, config: CoreConfig) -> None:
        self._cores = cores
        self._restorer = Restorer(config)

    def feed(self, data: bytes) -> None:
        """The next slice."""
        self._restorer.feed(data)

    def finish(self) -> WatchedCore:
        """After the last one."""
        return self._cores.watch(self._restorer.finish(), None)


class WatchedCores:
    """Makes the cores of one process. ``step``: the last input that its journal knows of."""

    def __init__(self, world: World, node: str, config: CoreConfig, step: int) -> None:
        self._world = world
        self._node = node
        self._config = config
        self._step = step
        self.newest: WatchedCore | None = None

    def make(self, seed: bytes) -> WatchedCore:
        """An empty one."""
        return self.watch(Broker(_with_seed(self._config, seed)), self._step)

    def restorer(self, seed: bytes) -> WatchedRestorer:
        """For a snapshot."""
        return WatchedRestorer(self, _with_seed(self._config, seed))

    def watch(self, core: Broker, step: int | None) -> WatchedCore:
        """Look over the shoulder of a new one."""
        self.newest = WatchedCore(core, self._world, self._node, step)
        return self.newest

    def learn(self, step: int) -> None:
        """The newest one has executed all up to ``step``: its process says so when it has loaded a snapshot."""
        newest = self.newest
        if newest is not None and newest.number is None:
            newest.number = step
            observer, now = self._world.observer, self._world.now
            observer.core_made(now, self._node, newest.core)
            newest.follow(self._world.snapshots[newest.core.effects_digest])
            observer.rewritten(now, self._node, step, list(newest.core.records()))


def _with_seed(config: CoreConfig, seed: bytes) -> CoreConfig:
    return replace(config, node_seed=seed)
