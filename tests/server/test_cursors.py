"""How consumers with a filter, and browsers, go through a queue without a list of their own."""

from __future__ import annotations

import gc
import tracemalloc
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.server.helpers import Session, World
from tests.server.test_queues import queue, ref

from corewire.wire import packets
from corewire_server.core import Broker, CoreConfig, Limits
from corewire_server.core.cursors import Cursor, Order

if TYPE_CHECKING:
    from corewire_server.core.queues import Queue, Ref


def looked_at(cursor: Cursor) -> list[int | None]:
    """All that it looks at, to the end."""
    return [None if one is None else one.id for one in cursor]


def filled(count: int, *, cursors: int = 1) -> tuple[Queue, list[Cursor]]:
    one = queue()
    for number in range(1, count + 1):
        one.put(ref(number))
    return one, [one.open_cursor(browses=False) for _ in range(cursors)]


def taken(one: Queue, count: int) -> list[Ref]:
    return [item for _ in range(count) if (item := one.pop()) is not None]


def test_a_message_that_was_taken_is_in_no_cursor() -> None:
    one, (cursor, other) = filled(3, cursors=2)
    first = next(iter(cursor))
    assert first is not None
    one.remove(first)
    one.pop()
    assert looked_at(cursor) == looked_at(other) == [3]


def test_nothing_is_looked_at_twice() -> None:
    one, (cursor,) = filled(3)
    assert looked_at(cursor) == [1, 2, 3]
    assert looked_at(cursor) == []
    one.put(ref(4))
    one.put(ref(5, priority=9))
    assert looked_at(cursor) == [5, 4]
    assert looked_at(cursor) == []


def test_what_comes_back_is_looked_at_again_and_nothing_else() -> None:
    one, (cursor, late) = filled(1_000, cursors=2)
    first, second, third = taken(one, 3)
    assert len(looked_at(cursor)) == 997
    one.put_back([third])
    one.put_back([first])
    assert looked_at(cursor) == [1, 3]
    one.put_back([second])
    assert looked_at(cursor) == [2]
    assert looked_at(late)[:4] == [1, 2, 3, 4]


def test_messages_that_came_back_before_are_passed_over_and_that_is_told_now_and_then() -> None:
    one, (cursor,) = filled(201)
    items = taken(one, 201)
    one.put_back(items)
    assert len(looked_at(cursor)) == 201
    (again,) = taken(one, 1)
    one.put_back([again])
    assert looked_at(cursor) == [1, None, None, None]
    assert looked_at(cursor) == []


def test_a_message_that_goes_and_comes_for_ever_leaves_nothing_behind() -> None:
    one, (cursor,) = filled(5)
    for _ in range(3_000):
        one.put_back(taken(one, 1))
    assert one.order is not None
    assert one.order.size <= 6
    assert looked_at(cursor) == [1, 2, 3, 4, 5]


def test_an_order_for_cursors_that_nobody_advances_does_not_grow_with_what_passes_by() -> None:
    one = queue()
    one.open_cursor(browses=False)
    for number in range(20_000):
        one.put(ref(number))
        one.pop()
    assert one.order is not None
    assert one.order.size <= 1_001


def test_a_cursor_weighs_the_same_however_much_waits() -> None:
    """Here a list of what waits would have 40 000 bytes."""
    one, _ = filled(5_000)
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for _ in range(5):
        for _ in one.open_cursor(browses=False):
            pass
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (after - before) / 5 < 10_000


def test_the_order_goes_with_the_last_cursor() -> None:
    one, (cursor, other) = filled(3, cursors=2)
    kept: list[bool] = []
    for leaving in (cursor, other):
        one.close_cursor(leaving)
        kept.append(one.order is not None)
    assert kept == [True, False]
    assert looked_at(one.open_cursor(browses=True)) == [1, 2, 3]


def test_a_browser_shows_nothing_again_but_what_it_has_not_reached() -> None:
    one, _ = filled(4)
    browser = one.open_cursor(browses=True)
    first, second = taken(one, 2)
    assert next(iter(browser)) is one.waiting.refs()[0]
    one.put_back([first])
    assert looked_at(browser) == [4]
    one.put_back([second])
    assert looked_at(browser) == []


# -- against a model ---------------------------------------------------------------------------------------------------

KINDS = 3  # of messages; the filter of cursor n wants those of kind n, the last cursor browses
Step = st.one_of(
    st.tuples(st.just("put"), st.integers(0, 9)),
    st.tuples(st.just("pop"), st.integers(0, 3)),
    st.tuples(st.just("back"), st.integers(0, 20)),
    st.tuples(st.just("all back"), st.just(0)),
    st.tuples(st.just("look"), st.integers(0, KINDS)),
    st.tuples(st.just("sweep"), st.just(0)),
    st.tuples(st.just("copy"), st.just(0)),
)


class Model:
    """Two queues that are done the same to; the other one is swept and copied, which nobody may see. And a plain list."""

    def __init__(self) -> None:
        self.queues = (queue(), queue())
        self.cursors = [
            [*(one.open_cursor(browses=False) for _ in range(KINDS)), one.open_cursor(browses=True)]
            for one in self.queues
        ]
        self.taken: tuple[list[Ref], list[Ref]] = ([], [])
        self.shown: dict[int, int] = {}  # by the browser: the highest place of each priority
        self.number = 0

    def act(self, what: str, value: int) -> None:
        match what:
            case "put":
                self.number += 1
                for one in self.queues:
                    one.put(ref(self.number, priority=value))
            case "pop":
                for one, held in zip(self.queues, self.taken, strict=True):
                    held += taken(one, value)
            case "back" | "all back" if self.taken[0]:
                for one, held in zip(self.queues, self.taken, strict=True):
                    some = held[:] if what == "all back" else [held[value % len(held)]]
                    one.put_back(some)
                    held[:] = [item for item in held if item not in some]
            case "look":
                self.look(value)
            case "sweep":
                self.order.sweep()
            case "copy":
                self.copy()
            case _:
                pass

    @property
    def order(self) -> Order:
        order = self.queues[1].order
        assert order is not None
        return order

    def look(self, number: int) -> None:
        """A consumer looks for the first that it wants and takes it; the browser is shown the next one."""
        found = [self._first(one[number], number) for one in self.cursors]
        assert [item and item.id for item in found] == [self._expected(number)] * 2
        for one, held, item in zip(self.queues, self.taken, found, strict=True):
            if item is not None and number < KINDS:
                one.remove(item)
                held.append(item)
            elif item is not None:
                self.shown[item.priority] = item.sequence

    def _first(self, cursor: Cursor, number: int) -> Ref | None:
        return next((item for item in cursor if item and (number == KINDS or item.id % KINDS == number)), None)

    def _expected(self, number: int) -> int | None:
        refs = self.queues[0].waiting.refs()
        if number == KINDS:
            return next((item.id for item in refs if item.sequence > self.shown.get(item.priority, 0)), None)
        return next((item.id for item in refs if item.id % KINDS == number), None)

    def copy(self) -> None:
        old, one = self.order, self.queues[1]
        order = one.order = Order((), one.sequence)
        order.returns = old.returns
        for priority in old.levels:
            order.level(priority)
        numbers = old.came_back()
        order.load(one.waiting.refs(), dict(zip(numbers[::2], numbers[1::2], strict=True)))
        cursors = self.cursors[1]
        self.cursors[1] = one.cursors = [Cursor(order, browses=cursor.browses) for cursor in cursors]
        for copied, cursor in zip(one.cursors, cursors, strict=True):
            copied.load(cursor.export())


@given(st.lists(Step, max_size=80))
def test_a_cursor_finds_the_first_that_it_wants_and_its_place_knows_nothing_of_tombstones(
    steps: list[tuple[str, int]],
) -> None:
    model = Model()
    for what, value in [*steps, *(("look", number) for number in range(KINDS + 1))]:
        model.act(what, value)
        one, other = ([cursor.export() for cursor in cursors] for cursors in model.cursors)
        assert one == other
        assert [item.id for item in model.queues[0].waiting] == [item.id for item in model.queues[1].waiting]


# -- in the broker -----------------------------------------------------------------------------------------------------


def coloured(world: World, colours: list[str]) -> Session:
    session = world.connect().session()
    session.queue("q")
    for number, colour in enumerate(colours):
        session.publish("q", str(number), blocking=False, properties={"colour": colour})
    return session


@pytest.mark.parametrize("copied", [False, True])
def test_what_comes_back_is_given_out_again_without_another_look_at_all_the_others(copied: bool) -> None:
    """A filter looks at ten messages in a step. ``copied``: the broker was replaced by its snapshot in the middle."""
    world = World(CoreConfig(node_seed=b"", limits=Limits(examined_per_turn_max=10)))
    coloured(world, ["blue", "red", *["blue"] * 150, "red"])
    session = world.connect().session(auto_commit_acks=False)
    session.consume("q", selector="colour = 'red'")
    world.settle()
    first, last = session.deliveries()
    assert [first.text, last.text] == ["1", "152"]
    session.acknowledge(last)
    if copied:
        digest = world.broker.digest()
        world.broker = Broker.restore(world.config, world.broker.snapshot())
        assert world.broker.digest() == digest
    session.done(packets.SessionRollback())
    session.tell(packets.SessionStart())
    assert [(item.text, item.count) for item in session.deliveries()] == [("1", 2), ("152", 2)]
    assert world.broker.next_timeout() != world.now


def test_filtered_messages_come_again_in_their_order_whoever_gave_them_back_last() -> None:
    world = World()
    maker = coloured(world, ["red"] * 6)
    one, other, late = (world.connect().session() for _ in range(3))
    first = one.consume("q", selector="colour = 'red'")
    assert len(one.texts()) == 6
    for _ in range(3):
        maker.publish("q", "more", blocking=False, properties={"colour": "red"})
    one.read()
    late.consume("q", selector="colour <> 'blue'", credit=0)
    one.done(packets.SessionConsumerClose(first))
    second = other.consume("q", selector="colour = 'red'", credit=1)
    assert other.texts() == ["0"]
    late.tell(packets.SessionFlowToken(0, 1))
    assert late.texts() == ["1"]
    other.done(packets.SessionConsumerClose(second))
    late.tell(packets.SessionFlowToken(0, -1))
    assert late.texts() == ["0", "2", "3", "4", "5", "more", "more", "more"]
