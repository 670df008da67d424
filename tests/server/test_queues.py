"""What waits, in which order, and how it comes back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from corewire.values import QueueConfiguration, RoutingType
from corewire_server.core.addresses import Address
from corewire_server.core.queues import Queue, Ref


def queue() -> Queue:
    config = QueueConfiguration(name="q", address="q", routing_type=RoutingType.ANYCAST)
    address = Address(1, "q", frozenset((RoutingType.ANYCAST,)), auto_created=False, temporary=False)
    return Queue(2, config, address, None)


def ref(number: int, priority: int = 4, expiration: int = 0) -> Ref:
    return Ref(number, b"", priority, expiration, False, None)


def drain(one: Queue) -> list[int]:
    ids: list[int] = []
    while (item := one.pop()) is not None:
        ids.append(item.id)
    return ids


def test_returns_go_to_their_old_places_between_those_that_stayed() -> None:
    one = queue()
    for number in range(6):
        one.put(ref(number))
    taken = [item for _ in range(4) if (item := one.pop()) is not None]
    one.put_back([taken[3], taken[0]])
    one.put_back([taken[2]])
    one.put_back([taken[1]])
    assert drain(one) == [0, 1, 2, 3, 4, 5]


def test_deadlines_of_messages_that_are_gone_are_not_kept() -> None:
    one = queue()
    for number in range(20_000):
        one.put(ref(number, expiration=10**15))
        one.pop()
    assert len(one.expiring) <= 1_002


def test_expired_messages_are_taken_once() -> None:
    one = queue()
    for number, deadline in enumerate((30, 10, 20)):
        one.put(ref(number, expiration=deadline))
    assert [item.id for item in one.expired(20, 1)] == [1]
    assert [item.id for item in one.expired(20, 9)] == [2]
    assert one.expired(20, 9) == []
    assert drain(one) == [0]


Step = st.one_of(
    st.tuples(st.just("put"), st.integers(0, 9)),
    st.tuples(st.just("pop"), st.just(0)),
    st.tuples(st.just("back"), st.integers(0, 20)),
    st.tuples(st.just("take"), st.integers(0, 20)),
)


@given(st.lists(Step, max_size=60))
def test_a_queue_is_a_sorted_list(steps: list[tuple[str, int]]) -> None:
    """Against a model: refs by (priority, place), whatever is taken from the head or the middle, and comes back."""
    one = queue()
    waiting: list[tuple[int, int, int]] = []
    taken: list[Ref] = []
    number = 0
    for what, value in steps:
        if what == "put":
            number += 1
            one.put(ref(number, priority=value))
            waiting.append((-value, number, number))
        elif what == "pop":
            item = one.pop()
            waiting.sort()
            assert (item.id if item else None) == (waiting.pop(0)[2] if waiting else None)
            taken += [item] if item else []
        elif what == "back" and taken:
            item = taken.pop(value % len(taken))
            one.put_back([item])
            waiting.append((-item.priority, item.sequence, item.id))
        elif what == "take" and one.waits:
            refs = one.waiting.refs()
            item = refs[value % len(refs)]
            one.remove(item)
            waiting.remove((-item.priority, item.sequence, item.id))
            taken.append(item)
    assert one.waits == len(waiting)
    assert drain(one) == [entry[2] for entry in sorted(waiting)]
