"""
Cursors: how consumers with a filter, and browsers, go through a queue without a list of their own.

A queue that has cursors keeps one ``Order`` for all of them: of each priority what came, and what came back, both sorted by
sequence number. A cursor is a few numbers per priority, so it weighs the same however much waits. Nothing is examined twice
but what came back, and what came back is found without passing again over all that lies around it.

Whoever takes a ref leaves a tombstone in the order, as in the queue. Where a cursor stands never depends on tombstones: a
copy of the broker does not have them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from corewire_server.core.queues import Ref

_FEW: Final = 16  # that many times fewer than there are already: each is put into its place by itself
_BACK_MIN: Final = 64
_STRIDE: Final = 64

_place = attrgetter("sequence")


class Level:
    """The refs of one priority."""

    __slots__ = ("back", "came", "fresh", "most")

    def __init__(self, came: list[Ref]) -> None:
        self.came = came  # for the first time; places only grow, so it is sorted by itself
        self.back: list[Ref] = []  # came back; sorted, each place once
        self.fresh: list[int] = []  # of each of them the number of its return
        self.most = _BACK_MIN  # of them, before tombstones are dropped

    @property
    def size(self) -> int:
        """Refs, tombstones included."""
        return len(self.came) + len(self.back)

    def put_back(self, refs: Sequence[Ref], number: int) -> None:
        """Put refs, sorted, into their places."""
        if len(refs) * _FEW > len(self.back):
            self._merge(refs, number)
            return
        for ref in refs:
            at = bisect_left(self.back, ref.sequence, key=_place)
            if at < len(self.back) and self.back[at].sequence == ref.sequence:  # its own tombstone
                self.back[at], self.fresh[at] = ref, number
            else:
                self.back.insert(at, ref)
                self.fresh.insert(at, number)
        if len(self.back) > self.most:
            self._merge((), number)

    def sweep(self) -> None:
        """Drop the tombstones."""
        self.came = [ref for ref in self.came if ref.waits]
        self._merge((), 0)

    def _merge(self, refs: Sequence[Ref], number: int) -> None:
        pairs = [pair for pair in zip(self.back, self.fresh, strict=True) if pair[0].waits]
        pairs += [(ref, number) for ref in refs]
        pairs.sort(key=lambda pair: pair[0].sequence)
        self.back, self.fresh = [ref for ref, _ in pairs], [one for _, one in pairs]
        self.most = _BACK_MIN + 2 * len(pairs)


class Order:
    """What waits in a queue, for its cursors."""

    __slots__ = ("last", "levels", "returns", "size")

    def __init__(self, refs: Iterable[Ref] = (), last: int = 0) -> None:
        """The refs that wait, in order, and the last place that the queue gave to any."""
        self.last = last
        self.returns = 0  # how often refs came back
        self.levels = {priority: Level(list(run)) for priority, run in groupby(refs, key=attrgetter("priority"))}
        self.size = sum(level.size for level in self.levels.values())  # tombstones included

    def level(self, priority: int) -> Level:
        """That of this priority, made when it is first needed."""
        level = self.levels.get(priority)
        if level is None:
            level = self.levels[priority] = Level([])
            self.levels = dict(sorted(self.levels.items(), reverse=True))
        return level

    def add(self, ref: Ref) -> None:
        """Behind all of its priority."""
        self.level(ref.priority).came.append(ref)
        self.last = max(self.last, ref.sequence)
        self.size += 1

    def put_back(self, refs: Sequence[Ref]) -> dict[int, int]:
        """Put refs, sorted by sequence, into their places. Returns the lowest place of each of their priorities."""
        self.returns += 1
        lowest: dict[int, int] = {}
        for priority in {ref.priority: None for ref in refs}:
            part = [ref for ref in refs if ref.priority == priority]
            self._put(part, self.returns)
            lowest[priority] = part[0].sequence
        return lowest

    def load(self, refs: Iterable[Ref], returns: dict[int, int]) -> None:
        """Refs of a snapshot, in order; those in ``returns``, by place, came back with that number."""
        for ref in refs:
            number = returns.get(ref.sequence)
            if number is None:
                self.add(ref)
            else:
                self._put([ref], number)

    def came_back(self) -> list[int]:
        """For a snapshot: of all that came back and waits the place, and the number of its return."""
        numbers: list[int] = []
        for level in self.levels.values():
            for ref, number in zip(level.back, level.fresh, strict=True):
                if ref.waits:
                    numbers += (ref.sequence, number)
        return numbers

    def sweep(self) -> None:
        """Drop the tombstones."""
        for level in self.levels.values():
            level.sweep()
        self.size = sum(level.size for level in self.levels.values())

    def _put(self, refs: Sequence[Ref], number: int) -> None:
        level = self.level(refs[0].priority)
        size = level.size
        level.put_back(refs, number)
        self.size += level.size - size


class Place:
    """How far a cursor is in one level."""

    __slots__ = ("at", "high", "index", "settled")

    def __init__(self, at: int = 0, high: int = 0, settled: int = 0) -> None:
        self.at = at  # goes on behind this sequence number
        self.high = high  # the highest that it looked at: above ``at`` while it goes over what came back below
        self.settled = settled  # then: of what came back below, it had looked at all up to this return
        self.index = 0  # of the first behind ``at`` in ``Level.came``, unless tombstones were dropped: saves a search


class Cursor:
    """What one consumer with a filter, or one browser, has not looked at yet."""

    __slots__ = ("_order", "_places", "browses")

    def __init__(self, order: Order, *, browses: bool) -> None:
        self._order = order
        self._places: dict[int, Place] = {}
        self.browses = browses

    def __iter__(self) -> Iterator[Ref | None]:
        """
        What it has not looked at, in order: each counts as looked at when it is given out, and stays where it is.

        None says that many were passed over, which costs time, too. The queue must not change meanwhile; begin again then.
        """
        for priority, level in self._order.levels.items():
            place = self._places.get(priority)
            if place is None:
                place = self._places[priority] = Place()
            if place.at < place.high and not self.browses:
                yield from self._again(level, place)
            if place.at < self._order.last:
                yield from self._on(level, place)

    def _again(self, level: Level, place: Place) -> Iterator[Ref | None]:
        """Over what came back below the highest place that it has reached."""
        passed = 0
        back, fresh, settled = level.back, level.fresh, place.settled
        for index in range(_behind(back, place.at), len(back)):
            ref = back[index]
            if ref.sequence > place.high:
                break
            if not ref.waits:
                continue
            place.at = ref.sequence
            if fresh[index] > settled:
                yield ref
            else:
                passed += 1
                if passed % _STRIDE == 0:
                    yield None
        place.at = place.high

    def _on(self, level: Level, place: Place) -> Iterator[Ref]:
        """Over what lies behind that, in both lists."""
        came, back = level.came, level.back
        at, back_at = place.index, _behind(back, place.at)
        if not 0 < at <= len(came) or came[at - 1].sequence != place.at:
            at = _behind(came, place.at)
        while True:
            if at < len(came) and (back_at == len(back) or came[at].sequence <= back[back_at].sequence):
                ref = came[at]
                at += 1
            elif back_at < len(back):
                ref = back[back_at]
                back_at += 1
            else:
                break
            if ref.waits:
                place.at = place.high = ref.sequence
                place.index = at
                yield ref
        place.at = self._order.last

    def go_back(self, lowest: dict[int, int]) -> None:
        """Something came back, of these priorities, the lowest of it to these places. A browser shows nothing again."""
        for priority, sequence in lowest.items():
            place = self._places.get(priority)
            if place is not None:
                before = max(sequence - 1, place.high) if self.browses else sequence - 1
                if before < place.high <= place.at:
                    place.settled = self._order.returns - 1
                place.at = min(place.at, before)

    def export(self) -> list[list[int]]:
        """For a snapshot: priority, and where it is there."""
        places = sorted(self._places.items())
        return [[priority, one.at, one.high, one.settled] for priority, one in places if one.at or one.high]

    def load(self, places: Iterable[Sequence[int]]) -> None:
        """Be where that one was."""
        self._places = {priority: Place(*numbers) for priority, *numbers in places}


def _behind(refs: list[Ref], place: int) -> int:
    """The index of the first ref behind a place."""
    if not refs or refs[-1].sequence <= place:
        return len(refs)
    return bisect_right(refs, place, key=_place)
