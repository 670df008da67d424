"""Commands that wait for a link."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from corewire.client._backlog import KNOWN_BYTES, Backlog
from corewire.client._calls import Command
from corewire.wire import packets


def command(deadline: float | None = None, size: int = 10) -> Command:
    return Command(packets.SessionStop(), packets.NullResponse, deadline=deadline, size=size)


def test_they_keep_their_order_and_are_counted() -> None:
    backlog = Backlog()
    commands = [command(size=size) for size in (1, 2, 3)]
    for each in commands:
        backlog.append(each)
    backlog.discard(commands[1])
    backlog.discard(commands[1])
    assert (list(backlog), len(backlog), backlog.size) == ([commands[0], commands[2]], 2, 4 + 2 * KNOWN_BYTES)
    assert backlog.take_all() == [commands[0], commands[2]]
    assert (len(backlog), backlog.size, backlog.deadline()) == (0, 0, None)


@given(st.lists(st.tuples(st.none() | st.integers(0, 20), st.booleans())), st.integers(0, 20))
def test_those_that_waited_too_long_are_found_once(waiting: list[tuple[int | None, bool]], now: int) -> None:
    backlog = Backlog()
    commands = [command(deadline) for deadline, _ in waiting]
    for each in commands:
        backlog.append(each)
    for each, (_, withdrawn) in zip(commands, waiting, strict=True):
        if withdrawn:
            backlog.discard(each)
    left = [deadline for deadline, withdrawn in waiting if deadline is not None and not withdrawn]
    assert backlog.deadline() == min(left, default=None)
    assert len(backlog.expire(now)) == sum(deadline <= now for deadline in left)
    assert backlog.expire(now) == []
    assert backlog.deadline() == min((deadline for deadline in left if deadline > now), default=None)


def test_those_that_were_taken_back_are_not_kept() -> None:
    backlog = Backlog()
    for _ in range(10_000):
        each = command(30.0)
        backlog.append(each)
        backlog.discard(each)
    assert len(backlog._clock) < 100
