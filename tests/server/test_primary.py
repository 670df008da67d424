"""What a primary sends: every input once, in order, from where the backup is, and never too much at a time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corewire_server.replication.link import Frame, Inputs, LinkProtocolError, SnapshotEnd, SnapshotSlice
from corewire_server.replication.primary import FRAME_BYTES, SLICES_AT_ONCE, WINDOW_BYTES, Feed


def fed(last: int = 0, slices: int = 0) -> Feed:
    feed = Feed(last)
    feed.begin(iter([b"slice"] * slices), b"digest")
    return feed


def inputs(frames: list[Frame]) -> dict[int, bytes]:
    return {
        frame.first + at: item for frame in frames if isinstance(frame, Inputs) for at, item in enumerate(frame.items)
    }


def test_nothing_is_kept_while_nobody_follows() -> None:
    feed = Feed(7)
    assert (feed.add(None), feed.add(None), feed.kept_bytes) == (8, 9, 0)
    assert feed.take() == []


def test_snapshot_goes_first_a_few_slices_at_a_time_and_then_what_came_meanwhile() -> None:
    feed = fed(last=10, slices=3)
    feed.add(b"11")
    first = feed.take()
    assert first == [SnapshotSlice(b"slice")] * SLICES_AT_ONCE
    feed.add(b"12")
    second = feed.take()
    assert second[:2] == [SnapshotSlice(b"slice"), SnapshotEnd(b"digest")]
    assert inputs(second) == {11: b"11", 12: b"12"}
    assert not feed.snapshot_taken
    feed.take_slices(3)
    feed.executed = 10
    assert feed.snapshot_taken


def test_slices_under_way_are_bounded_by_acknowledgement() -> None:
    feed = Feed(0)
    feed.begin(iter([bytes(1 << 16)] * 100), b"")
    for _ in range(100):
        feed.take()
    hungry = [feed.hungry]
    assert feed.slices_sent == WINDOW_BYTES >> 16
    feed.take_slices(2)
    hungry.append(feed.hungry)
    assert hungry == [False, True]
    assert len(feed.take()) == 2


def test_inputs_under_way_are_bounded_by_acknowledgement() -> None:
    feed = fed()
    feed.take()
    for _ in range(100):
        feed.add(bytes(50_000))
    frames = feed.take()
    assert all(sum(map(len, frame.items)) <= FRAME_BYTES for frame in frames if isinstance(frame, Inputs))
    sent = len(inputs(frames))
    assert WINDOW_BYTES <= sent * 50_000 < WINDOW_BYTES + FRAME_BYTES
    assert feed.take() == []
    feed.acknowledge(sent)
    assert inputs(feed.take())
    assert feed.kept_bytes == (100 - sent) * 50_000


def test_input_larger_than_a_frame_goes_alone() -> None:
    feed = fed()
    feed.take()
    for size in (10, FRAME_BYTES + 1, 10):
        feed.add(bytes(size))
    assert [len(frame.items) for frame in feed.take() if isinstance(frame, Inputs)] == [1, 1, 1]


def test_what_was_never_sent_cannot_be_acknowledged() -> None:
    feed = fed(last=5, slices=1)
    with pytest.raises(LinkProtocolError):
        feed.acknowledge(6)
    with pytest.raises(LinkProtocolError):
        feed.take_slices(1)


@given(st.lists(st.sampled_from(["add", "take", "ack", "reset"]), max_size=60), st.data())
def test_backup_gets_every_input_once_however_often_the_link_breaks(moves: list[str], data: st.DataObject) -> None:
    feed = fed(last=3)
    feed.take()
    under_way: dict[int, bytes] = {}  # sent on this link
    have, said = 3, dict[int, bytes]()
    for move in moves:
        if move == "add":
            number = feed.add(b"%d" % feed.last)
            said[number] = b"%d" % (number - 1)
        elif move == "take":
            new = inputs(feed.take())
            assert list(new) == list(range(feed.sent - len(new) + 1, feed.sent + 1))
            under_way |= new
        else:
            received = [number for number in under_way if number > have]
            some = data.draw(st.integers(0, len(received)))
            have += some
            if move == "ack":
                feed.acknowledge(have)
            else:
                assert feed.can_resume(have)
                feed.resume(have)
                under_way = {}
        assert all(said[number] == item for number, item in under_way.items())
    feed.resume(have)
    rest = inputs(feed.take())
    assert list(rest) == list(range(have + 1, feed.last + 1))
    assert not feed.can_resume(feed.last + 1)
    assert not feed.can_resume(feed.acknowledged - 1)
