"""What was on the disk is there after a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from corewire_server.records import Op
from corewire_server.simulator.checkers.checker import Checker, was_restored

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from corewire_server.core.broker import Broker
    from corewire_server.records import Record

Live: TypeAlias = "dict[int, list[Record]]"
"""Records that are live, by what they are of: what added it, and what was said of it later."""


class RecoveryExact(Checker):
    """
    A process finds on its disk exactly the records of its predecessor up to one input, never part of what an input wrote.
    And its core makes of them what they were made of: the same messages in the same queues, if nothing was lost. What it found may
    go with the power as long as it has not served: a process that was killed leaves what it had not synced.
    """

    rule = "recovery"

    def __init__(self) -> None:
        super().__init__()
        self._base: dict[str, Live] = {}  # node -> what is live and synced for certain
        self._since: dict[str, list[tuple[int, Sequence[Record]]]] = {}  # node -> what its steps wrote since
        self._cores: dict[str, Broker] = {}
        self._expected: dict[str, dict[str, list[int]]] = {}  # node -> what its new core must have

    def appended(self, now: int, node: str, step: int, records: Sequence[Record]) -> None:
        self._since.setdefault(node, []).append((step, records))

    def rewritten(self, now: int, node: str, step: int, records: Sequence[Record]) -> None:
        self._base[node] = live([records])
        self._since[node] = []

    def recovered(self, now: int, node: str, step: int, records: Sequence[Record], *, power_lost: bool) -> None:
        found = live([records])
        since = self._since.get(node, [])
        kept = self._since[node] = [each for each in since if each[0] <= step]
        expected = self._live(node)
        if expected != found:
            self.broken(now, f"{node} has on its disk, of inputs up to {step}: {difference(expected, found)}")
            self._base[node], self._since[node] = found, []
        core = self._cores.pop(node, None)
        if core is not None and len(kept) == len(since):
            self._expected[node] = durable(core)
        else:
            self._expected.pop(node, None)

    def _live(self, node: str) -> Live:
        return live((written for _, written in self._since.get(node, ())), self._base.get(node))

    def serving(self, now: int, node: str, epoch: int, serves: bool) -> None:
        if serves:  # its own claim is on the disk, behind all that it found there
            self._base[node], self._since[node] = self._live(node), []

    def core_made(self, now: int, node: str, core: Broker) -> None:
        self._cores[node] = core
        before = self._expected.pop(node, None)
        if before is None or was_restored(core):
            return
        after = durable(core)
        for queue in sorted(before.keys() | after.keys()):
            if before.get(queue) != after.get(queue):
                self.broken(now, f"{node} made of its disk {queue} with {after.get(queue)}, not {before.get(queue)}")


def live(steps: Iterable[Iterable[Record]], base: Live | None = None) -> Live:
    """What is live after these steps. (The core keeps what belongs together in one step, so there are no transactions.)"""
    found: Live = {} if base is None else {key: list(records) for key, records in base.items()}
    for records in steps:
        for record in records:
            if record.op == Op.DELETE:
                found.pop(record.id, None)
            elif record.op == Op.ADD or record.id in found:
                found.setdefault(record.id, []).append(record)
    return found


def difference(expected: Live, found: Live) -> str:
    """In words."""
    words = [f"{len(which)} {word} (ids {', '.join(map(str, which[:5]))})" for word, which in (
        ("records too few", sorted(expected.keys() - found.keys())),
        ("records too many", sorted(found.keys() - expected.keys())),
        ("that say something else", sorted(key for key in expected.keys() & found.keys() if expected[key] != found[key])),
    ) if which]  # fmt: skip
    return ", ".join(words)


def durable(core: Broker) -> dict[str, list[int]]:
    """Ids of the messages that the journal must have, by queue."""
    state = core.state
    messages = {
        name: [ref.id for ref in queue.waiting if ref.kept] for name, queue in state.store.queues.items() if queue.keeps
    }
    for session in state.sessions.values():
        for queue, ref in session.transaction.acked:
            if ref.kept and not queue.dropped:
                messages[queue.config.name].append(ref.id)
        for consumer in session.consumers.values():
            if consumer.queue.config.name in messages and not consumer.browses:
                messages[consumer.queue.config.name] += [ref.id for ref in consumer.unacked.values() if ref.kept]
    return {name: sorted(ids) for name, ids in messages.items()}
