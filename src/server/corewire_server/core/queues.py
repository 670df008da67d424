"""
Queues: what waits, in which order, and how it comes back.

A message in a queue is a ``Ref``. The refs that wait lie in ten deques by priority (``Waiting``). Taking from the middle, as a
consumer with a filter or an expiry does, leaves a tombstone: ``ref.waits`` is False and everybody skips it. A ref that was
taken never comes back itself; its return is a copy, put into its old place by sequence number, so a forgotten tombstone can
never wake up.

A consumer with a filter, and a browser, goes through a queue by a ``Cursor``; while there are any, the queue keeps an ``Order``
for them (``cursors.py``). Whoever takes a ref through one list leaves a tombstone in the other; a list with too many of them
is swept.
"""

from __future__ import annotations

from collections import deque
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Final

from corewire_server.core.cursors import Cursor, Order
from corewire_server.core.records import raw_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from corewire.values import QueueConfiguration
    from corewire_server.core.addresses import Address
    from corewire_server.core.consumers import Consumer
    from corewire_server.core.filters import Filter
    from corewire_server.core.link import Link

PRIORITIES: Final = 10
REF_BYTES: Final = 400  # what a waiting message costs beside its bytes (performance.md 8)
_SWEEP_FROM: Final = 1_000


class Fan:
    """Shared by the refs of a message that went to several queues: how many still hold it."""

    __slots__ = ("kept", "refs")

    def __init__(self, refs: int, kept: int) -> None:
        self.refs = refs
        self.kept = kept  # of them, those that the journal has


class Ref:
    """One message in one queue. Bytes and numbers only, so that the garbage collector has nothing to follow."""

    __slots__ = ("deliveries", "expiration", "fan", "id", "kept", "message", "priority", "sequence", "waits")

    def __init__(
        self, message_id: int, message: bytes, priority: int, expiration: int, kept: bool, fan: Fan | None
    ) -> None:
        self.id = message_id
        self.message = message  # as SESS_RECEIVE_MSG carries it, with the id in it
        self.priority = priority  # 0..9
        self.expiration = expiration  # milliseconds since the epoch; 0: never
        self.kept = kept  # a durable message in a durable queue: the journal has it
        self.fan = fan
        self.deliveries = 0
        self.sequence = 0  # place in its queue
        self.waits = False

    def __lt__(self, other: Ref) -> bool:
        """For the heap of deadlines, when a copy meets its tombstone: any order will do."""
        return self.sequence < other.sequence

    def __hash__(self) -> int:
        """Compiled, a class that can be compared has none by itself."""
        return self.id

    def again(self) -> Ref:
        """The same message, about to wait once more."""
        copy = Ref(self.id, self.message, self.priority, self.expiration, self.kept, self.fan)
        copy.deliveries = self.deliveries
        copy.sequence = self.sequence
        return copy


class Waiting:
    """Refs in order of priority (9 first), then of sequence number."""

    __slots__ = ("_levels", "_top", "size")

    def __init__(self, refs: Iterable[Ref] = ()) -> None:
        self._levels: list[deque[Ref] | None] = [None] * PRIORITIES  # made when first used
        self._top = -1  # no level above holds anything
        self.size = 0  # tombstones included
        for ref in refs:
            self.append(ref)

    def append(self, ref: Ref) -> None:
        """Behind all of its priority."""
        priority = ref.priority
        level = self._levels[priority]
        if level is None:
            level = self._levels[priority] = deque()
        level.append(ref)
        self.size += 1
        if priority > self._top:
            self._top = priority

    def pop(self) -> Ref | None:
        """Take the first that still waits."""
        while self._top >= 0:
            level = self._levels[self._top]
            if level:
                ref = level.popleft()
                self.size -= 1
                if ref.waits:
                    return ref
            else:
                self._top -= 1
        return None

    def put_back(self, refs: list[Ref]) -> None:
        """Put refs, sorted by sequence, into their places."""
        for priority in range(PRIORITIES):
            part = [ref for ref in refs if ref.priority == priority]
            if part:
                self._levels[priority] = _merged(self._levels[priority], part)
                self._top = max(self._top, priority)
        self.size += len(refs)

    def sweep(self) -> None:
        """Drop the tombstones."""
        self.size = 0
        for priority, level in enumerate(self._levels):
            if level:
                self._levels[priority] = swept = deque(ref for ref in level if ref.waits)
                self.size += len(swept)

    def refs(self) -> list[Ref]:
        """What waits, in order, at once."""
        return [ref for level in reversed(self._levels) if level for ref in level if ref.waits]

    def __iter__(self) -> Iterator[Ref]:
        """What waits, in order."""
        for level in reversed(self._levels):
            for ref in level or ():
                if ref.waits:
                    yield ref


def _merged(level: deque[Ref] | None, refs: list[Ref]) -> deque[Ref]:
    if not level:
        return deque(refs)
    last = refs[-1].sequence
    ahead: list[Ref] = []
    while level and level[0].sequence < last:
        ahead.append(level.popleft())
    if ahead:
        refs = sorted([*ahead, *refs], key=_by_sequence)
    level.extendleft(reversed(refs))
    return level


def _by_sequence(ref: Ref) -> int:
    return ref.sequence


def is_kept(config: QueueConfiguration) -> bool:
    """Whether a queue survives a restart."""
    return config.durable and not config.temporary


class Queue:
    """A queue: what waits in it, who takes from it."""

    __slots__ = (
        *(
            "address",
            "browsers",
            "config",
            "consumers",
            "cursors",
            "dirty",
            "dropped",
            "expiring",
            "filter",
            "forced",
            "id",
        ),
        *(
            "idle_since",
            "in_delivery",
            "keeps",
            "marked",
            "order",
            "owner",
            "raw_id",
            "sequence",
            "stuck",
            "transient",
            "turn",
            "used",
            "waiting",
            "waits",
        ),
    )

    def __init__(
        self, queue_id: int, config: QueueConfiguration, address: Address, queue_filter: Filter | None
    ) -> None:
        self.id = queue_id
        self.raw_id = raw_id(queue_id)
        self.keeps = is_kept(config)  # its durable messages are in the journal
        self.config = config  # resolved: no attribute is None but those that may be
        self.address = address
        self.filter = queue_filter
        self.waiting = Waiting()
        self.waits = 0  # refs that wait, without tombstones
        self.in_delivery = 0  # refs at consumers or acknowledged in an open transaction
        self.sequence = 0
        self.consumers: list[Consumer] = []  # in order of creation, browsers included
        self.browsers = 0  # of them
        self.turn = 0  # who is asked next
        self.cursors: list[Cursor] = []
        self.order: Order | None = None  # for them
        self.stuck: list[Ref] = []  # should have gone elsewhere and cannot: until a restart, or the queue's end
        self.expiring: list[tuple[int, int, Ref]] = []  # heap by deadline and place
        self.dirty = False  # already in line for delivery
        self.forced: list[tuple[Consumer, int]] = []  # consumers that want to know when they have all there is
        self.owner: Link | None = None  # the connection of a temporary queue
        self.dropped = False  # deleted; consumers and transactions may still hold messages of it
        self.transient = False  # a subscription that goes with its last consumer
        self.idle_since: int | None = None  # when its last consumer left
        self.used = False  # something left it
        self.marked = False  # the next scan deletes it, if it is still unused

    @property
    def message_count(self) -> int:
        """Messages here: waiting, in delivery, and those that cannot leave."""
        return self.waits + self.in_delivery + len(self.stuck)

    @property
    def consumer_count(self) -> int:
        """Consumers, without browsers."""
        return len(self.consumers) - self.browsers

    def put(self, ref: Ref) -> None:
        """A new message, behind all others of its priority."""
        self.sequence = ref.sequence = self.sequence + 1
        ref.waits = True
        self.waits += 1
        self.waiting.append(ref)
        if self.order is not None:
            self.order.add(ref)
            self.tidy()
        if ref.expiration:
            self._watch(ref)

    def load(self, refs: Iterable[Ref]) -> None:
        """Messages that have their places already come behind all others of their priority; no consumer is here yet."""
        for ref in refs:
            ref.waits = True
            self.waits += 1
            self.waiting.append(ref)
            if ref.expiration:
                self._watch(ref)

    def pop(self) -> Ref | None:
        """Take the first message."""
        ref = self.waiting.pop()
        if ref is not None:
            ref.waits = False
            self.waits -= 1
        return ref

    def remove(self, ref: Ref) -> None:
        """Take this message, which waits somewhere in the middle."""
        ref.waits = False
        self.waits -= 1
        self._sweep(self.waiting)
        self.tidy()

    def put_back(self, refs: Iterable[Ref]) -> None:
        """Messages that had been taken come back to their places."""
        returned = sorted((ref.again() for ref in refs), key=_by_sequence)
        for ref in returned:
            ref.waits = True
            if ref.expiration:
                self._watch(ref)
        self.waits += len(returned)
        self.waiting.put_back(returned)
        if self.order is not None:
            lowest = self.order.put_back(returned)
            for cursor in self.cursors:
                cursor.go_back(lowest)
            self.tidy()

    def open_cursor(self, *, browses: bool) -> Cursor:
        """A view of what waits, for one consumer that does not take simply the first."""
        if self.order is None:
            self.order = Order(self.waiting.refs(), self.sequence)
        cursor = Cursor(self.order, browses=browses)
        self.cursors.append(cursor)
        return cursor

    def close_cursor(self, cursor: Cursor) -> None:
        """End a view."""
        self.cursors.remove(cursor)
        if not self.cursors:
            self.order = None

    def tidy(self) -> None:
        """Keep no tombstones for cursors that nobody advances."""
        if self.order is not None:
            self._sweep(self.order)

    def expired(self, now: int, most: int) -> list[Ref]:
        """Take what waits past its time, up to ``most``."""
        gone: list[Ref] = []
        while self.expiring and self.expiring[0][0] <= now and len(gone) < most:
            ref = heappop(self.expiring)[2]
            if ref.waits:
                self.remove(ref)
                gone.append(ref)
        return gone

    def _watch(self, ref: Ref) -> None:
        if len(self.expiring) > _SWEEP_FROM + 2 * self.waits:
            self.expiring = [entry for entry in self.expiring if entry[2].waits]
            heapify(self.expiring)
        heappush(self.expiring, (ref.expiration, ref.sequence, ref))

    def _sweep(self, refs: Waiting | Order) -> None:
        if refs.size > _SWEEP_FROM + 2 * self.waits:
            refs.sweep()
