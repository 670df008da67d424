"""Streams cut at any byte into the frames that were sent, and limits that are judged before anything is waited for."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corewire.errors import RemoteProtocolError
from corewire.wire.framing import FRAME_BYTES_MAX, FrameReader, channel_id, frame_header, packet_type

frames_ = st.lists(st.binary(max_size=50).map(lambda payload: frame_header(10, 0, len(payload)) + payload), max_size=8)


def fed(reader: FrameReader, stream: bytes, cuts: list[int]) -> list[bytes]:
    found: list[bytes] = []
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    for start, end in itertools.pairwise(edges):
        found += reader.feed(stream[start:end])
    return found


@given(frames=frames_, cuts=st.lists(st.integers(0, 500), max_size=20))
def test_frames_come_out_as_they_went_in_wherever_the_stream_is_cut(frames: list[bytes], cuts: list[int]) -> None:
    reader = FrameReader()
    assert fed(reader, b"".join(frames), cuts) == frames
    assert reader.rest == b""


@given(frames=frames_)
def test_frames_come_out_byte_by_byte(frames: list[bytes]) -> None:
    reader = FrameReader()
    assert [frame for byte in b"".join(frames) for frame in reader.feed(bytes([byte]))] == frames


@given(frames=frames_, cut=st.integers(0, 500))
def test_another_reader_goes_on_from_the_rest(frames: list[bytes], cut: int) -> None:
    stream = b"".join(frames)
    first, second = FrameReader(), FrameReader()
    found = first.feed(stream[:cut])
    found += second.feed(first.rest)
    assert found + second.feed(stream[cut:]) == frames


def test_a_large_frame_is_collected_and_joined_once() -> None:
    frame = frame_header(71, 10, 1_000_000) + bytes(1_000_000)
    reader = FrameReader()
    pieces = [frame[at : at + 4096] for at in range(0, len(frame), 4096)]
    results = [reader.feed(piece) for piece in pieces[:-1]]
    assert not any(results)
    assert reader.feed(pieces[-1] + frame[:5]) == [frame]
    assert reader.rest == frame[:5]


@pytest.mark.parametrize("length", [8, 0, -1, -(2**31), 1000 - 3, 2**31 - 1])
def test_a_length_outside_the_limits_is_refused_before_the_frame_is_there(length: int) -> None:
    reader = FrameReader(frame_bytes_max=1000)
    with pytest.raises(RemoteProtocolError) as caught:
        reader.feed(length.to_bytes(4, "big", signed=True))
    assert caught.value.offset == 0


def test_the_limit_counts_the_whole_frame_and_may_change() -> None:
    reader = FrameReader(frame_bytes_max=20)
    small, large = frame_header(10, 0, 7) + bytes(7), frame_header(10, 0, 8) + bytes(8)
    assert reader.feed(small) == [small]
    reader.frame_bytes_max = 21
    assert reader.feed(large) == [large]
    reader.frame_bytes_max = 20
    with pytest.raises(RemoteProtocolError, match="a frame of 21 bytes, above the limit of 20"):
        reader.feed(large)


def test_the_largest_legal_length_is_waited_for() -> None:
    reader = FrameReader(FRAME_BYTES_MAX)
    assert reader.feed((FRAME_BYTES_MAX - 4).to_bytes(4, "big")) == []


@given(kind=st.integers(-128, 127), channel=st.integers(-(2**63), 2**63 - 1))
def test_type_and_channel_are_read_from_the_header(kind: int, channel: int) -> None:
    frame = frame_header(kind, channel, 0)
    assert (packet_type(frame), channel_id(frame), len(frame)) == (kind, channel, 13)
