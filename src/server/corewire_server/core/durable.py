"""
The records that bring the durable part of a state back: what a node that joins writes into its own new journal.

They bear the ids that later records will name. Messages are put down in an order in which every queue has its own again: one
that is in several queues comes when all before it in each of them have come. What is delivered, or acknowledged in an open
transaction, is durable still and has its place like what waits; so has what an open transaction holds of a deleted queue,
which ``recover`` clears away.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Final

from corewire_server.core import records
from corewire_server.core.store import noted_deliveries
from corewire_server.records import Op

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from corewire.values import QueueConfiguration, RoutingType
    from corewire_server.core.queues import Fan, Queue, Ref
    from corewire_server.core.state import State
    from corewire_server.records import Record

_sequence: Final = attrgetter("sequence")


def records_of(state: State) -> Iterator[Record]:
    """What counts now, in the order in which ``recover`` wants it. Made as it is read, while the state may go on."""
    store = state.store
    return _records(
        store.ids_kept,
        [(one.id, one.name, one.routing_types, one.auto_created) for one in store.addresses if not one.temporary],
        [(one.id, one.config) for one in store.queues.values() if one.keeps],
        _Kept(state),
        [(name, seen.keys(), seen.records()) for name, seen in store.duplicates.items()],
    )


def _records(
    ids_kept: int,
    addresses: list[tuple[int, str, frozenset[RoutingType], bool]],
    queues: list[tuple[int, QueueConfiguration]],
    messages: _Kept,
    duplicates: list[tuple[str, list[bytes], list[int]]],
) -> Iterator[Record]:
    if ids_kept:
        yield records.ids(ids_kept)
    for address_id, name, routing_types, auto_created in addresses:
        yield records.address(Op.ADD, address_id, name, routing_types, auto_created=auto_created)
    for queue_id, config in queues:
        yield records.queue(queue_id, config)
    yield from messages.records()
    for name, keys, record_ids in duplicates:
        for key, record_id in zip(keys, record_ids, strict=True):
            yield records.duplicate(record_id, name, key)


class _Kept:
    """The messages that the journal has, by queue and place."""

    def __init__(self, state: State) -> None:
        self._lines: dict[int, list[Ref]] = {}  # by id of the queue
        self._counts: dict[Ref, int] = {}  # deliveries that the journal knows of, where there were any
        for queue in state.store.queues.values():
            if queue.keeps:
                self._take(queue, [*queue.waiting, *queue.stuck], out=0)
        for session in state.sessions.values():
            for consumer in session.consumers.values():
                self._take(consumer.queue, consumer.unacked.values(), out=1)
            for queue, ref in session.transaction.acked:
                self._take(queue, (ref,), out=1)
        self._holders: dict[Fan, list[int]] = {}
        for queue_id, line in self._lines.items():
            line.sort(key=_sequence)
            for ref in line:
                if ref.fan is not None:
                    self._holders.setdefault(ref.fan, []).append(queue_id)
        self._next = dict.fromkeys(self._lines, 0)

    def _take(self, queue: Queue, refs: Iterable[Ref], *, out: int) -> None:
        """``out``: so many deliveries of each were not noted yet, because it is delivered."""
        kept = [ref for ref in refs if ref.kept]
        if kept:
            self._lines.setdefault(queue.id, []).extend(kept)
            self._counts.update((ref, noted_deliveries(ref.deliveries - out)) for ref in kept if ref.deliveries > out)

    def records(self) -> Iterator[Record]:
        """All messages, each with what is to be said about its deliveries."""
        for first in self._lines:
            path = [first]  # queues that stand before a message which the next one does not have at hand yet
            while path:
                queue_id = path[-1]
                ref = self._head(queue_id)
                if ref is None:
                    path.pop()
                elif (late := self._late(ref.fan)) is None:
                    yield from self._put_down(ref, [queue_id] if ref.fan is None else self._holders[ref.fan])
                    del path[1:]  # for the first may have its message at hand now
                else:
                    assert late not in path, "queues have their messages in the order of their arrival"
                    path.append(late)

    def _head(self, queue_id: int) -> Ref | None:
        line, at = self._lines[queue_id], self._next[queue_id]
        return line[at] if at < len(line) else None

    def _late(self, fan: Fan | None) -> int | None:
        """A queue that has other messages before this one."""
        for queue_id in () if fan is None else self._holders[fan]:
            head = self._head(queue_id)
            assert head is not None
            if head.fan is not fan:
                return queue_id
        return None

    def _put_down(self, ref: Ref, queue_ids: list[int]) -> Iterator[Record]:
        yield records.message(ref.id, ref.message, queue_ids)
        for queue_id in queue_ids:
            head = self._head(queue_id)
            assert head is not None
            if head in self._counts:
                yield records.deliveries(head.id, queue_id, self._counts[head])
            self._next[queue_id] += 1
