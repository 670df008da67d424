"""Segments to streams: order, repetition, loss, numbers that wrap."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from tests.server.packets import FIN, RST, Sent, Talk, ethernet

from corewire_server.cli.pcap import segment_of
from corewire_server.cli.tcp import Chunk, Direction, Reassembly

if TYPE_CHECKING:
    from collections.abc import Iterable


def play(sent: Iterable[Sent]) -> list[Chunk]:
    reassembly = Reassembly()
    chunks: list[Chunk] = []
    for number, one in enumerate(sent):
        packet = ethernet(one.packet())
        segment = segment_of(1, packet, number + 1, len(packet))
        assert segment is not None
        chunks += reassembly.segment(segment)
    return chunks + list(reassembly.end())


def stream(chunks: list[Chunk], *, client: bool = True) -> bytes:
    source = "127.0.0.1:40000" if client else "127.0.0.2:61616"
    return b"".join(chunk.data for chunk in chunks if chunk.source == source)


def lost(chunks: list[Chunk]) -> list[int]:
    return [chunk.lost for chunk in chunks if chunk.lost]


@given(data=st.binary(min_size=300, max_size=900), cuts=st.lists(st.integers(0, 900), max_size=8), draw=st.data())
def test_order_and_repetition_do_not_matter(data: bytes, cuts: list[int], draw: st.DataObject) -> None:
    talk = Talk()
    opened = talk.opened()
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    parts = [talk.says(True, data[a:b]) for a, b in itertools.pairwise(edges)]
    shuffled = draw.draw(st.permutations([*parts, *parts[:2]]))
    chunks = play([*opened, *shuffled])
    assert stream(chunks) == data
    assert lost(chunks) == []


def test_what_was_acknowledged_and_not_seen_is_lost_at_once() -> None:
    talk = Talk()
    begun = [*talk.opened(), talk.says(True, b"one")]
    talk.says(True, b"not recorded")
    chunks = play([*begun, talk.says(True, b"three"), talk.says(False, b"answer"), talk.says(True, b"four")])
    assert [(chunk.data, chunk.lost) for chunk in chunks] == [
        (b"one", 0),
        (b"answer", 0),
        (b"", 12),
        (b"three", 0),
        (b"four", 0),
    ]


def test_what_is_missing_at_the_end_is_lost_then() -> None:
    talk = Talk()
    begun = [*talk.opened(), talk.says(True, b"one")]
    talk.says(True, b"gone")
    chunks = play([*begun, talk.says(True, b"three")])
    assert (stream(chunks), lost(chunks)) == (b"onethree", [4])


def test_a_capture_may_begin_in_the_middle() -> None:
    talk = Talk()
    talk.opened()
    chunks = play([talk.says(False, b"b"), talk.says(True, b"a")])
    assert (stream(chunks), stream(chunks, client=False), lost(chunks)) == (b"a", b"b", [])
    assert {chunk.connection for chunk in chunks} == {1}


def test_each_side_ends_for_itself_and_a_port_that_is_used_again_is_another_connection() -> None:
    first, second = Talk(), Talk()
    second._next = {True: 77, False: 88}
    chunks = play(
        [
            *first.opened(),
            first.says(True, b"a"),
            first.says(True, flags=FIN | 16),
            first.says(False, b"b"),
            first.says(False, flags=RST),
            *second.opened(),
            second.says(True, b"c"),
        ]
    )
    assert [(chunk.connection, chunk.data, chunk.ended) for chunk in chunks] == [
        (1, b"a", False),
        (1, b"", True),
        (1, b"b", False),
        (1, b"", True),
        (2, b"c", False),
    ]
    assert lost(chunks) == []


@given(
    takes=st.lists(st.tuples(st.integers(0, 60), st.binary(max_size=9)), max_size=30),
    gaps=st.sets(st.integers(0, 30), max_size=5),
)
def test_what_waits_is_counted_and_in_order(takes: list[tuple[int, bytes]], gaps: set[int]) -> None:
    half = Direction(0)
    for number, (sequence, data) in enumerate(takes):
        half.take(sequence, data)
        if number in gaps:
            half.gap()
        list(half.in_turn())
        assert sorted(half.order) == sorted(half.waiting)
        assert half.waiting_bytes == sum(map(len, half.waiting.values()))
        assert all(at > half.next for at in half.waiting)
