"""What a backup takes: inputs in the order of their numbers, each once, and no more than it has room for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corewire_server.replication.backup import PENDING_BYTES_MAX, Intake
from corewire_server.replication.link import Inputs, LinkProtocolError


def test_inputs_that_came_before_are_dropped_by_number() -> None:
    intake = Intake(10)
    intake.take(Inputs(11, [b"11", b"12"]))
    intake.take(Inputs(11, [b"11", b"12", b"13"]))
    intake.take(Inputs(12, [b"12"]))
    assert (intake.received, intake.executed, len(intake)) == (13, 10, 3)
    assert [intake.next() for _ in range(3)] == [b"11", b"12", b"13"]
    assert (intake.executed, intake.pending_bytes) == (13, 0)


def test_missing_inputs_are_noticed() -> None:
    intake = Intake(10)
    with pytest.raises(LinkProtocolError, match="inputs 11 to 12 are missing"):
        intake.take(Inputs(13, [b"13"]))
    assert intake.received == 10


def test_no_more_is_acknowledged_than_there_is_room_for() -> None:
    intake = Intake(0)
    each = PENDING_BYTES_MAX // 4
    intake.take(Inputs(1, [bytes(each)] * 6))
    assert (intake.received, intake.acknowledged) == (6, 4)
    intake.next()
    assert intake.acknowledged == 5
    intake.next()
    assert intake.acknowledged == 6


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 6), st.integers(0, 4)), max_size=30))
def test_everything_is_executed_once_and_in_order(frames: list[tuple[int, int, int]]) -> None:
    intake, executed = Intake(0), list[bytes]()
    for back, count, execute in frames:
        first = max(1, intake.received + 1 - back)
        intake.take(Inputs(first, [b"%d" % number for number in range(first, first + count)]))
        executed += (intake.next() for _ in range(min(execute, len(intake))))
        assert intake.acknowledged == intake.received
    executed += (intake.next() for _ in range(len(intake)))
    assert executed == [b"%d" % number for number in range(1, intake.received + 1)]
