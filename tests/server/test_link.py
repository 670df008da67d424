"""The replication link's frames: what one side writes the other reads, and nothing else is taken for a frame."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from struct import pack
from typing import TYPE_CHECKING, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.server.link_frames import frames, proven, unproven

from corewire_server.replication import link
from corewire_server.replication.link import LinkProtocolError, LinkReader, encode

if TYPE_CHECKING:
    from collections.abc import Iterable

CLAIM = link.Claim(role=link.Role.WAITING)


def trusting() -> LinkReader:
    reader = LinkReader()
    reader.trust()
    return reader


def read(reader: LinkReader, pieces: Iterable[bytes]) -> list[link.Frame]:
    return [frame for piece in pieces for frame in reader.feed(piece)]


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    ends = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[begin:end] for begin, end in itertools.pairwise(ends)]


@given(st.lists(frames, max_size=5), st.lists(st.integers(0, 5000), max_size=8))
def test_frames_come_as_they_were_sent_however_they_are_cut(sent: list[link.Frame], places: list[int]) -> None:
    data = link.PREAMBLE + b"".join(map(encode, sent))
    assert read(trusting(), cut(data, places)) == sent


@given(proven)
def test_frame_byte_by_byte(frame: link.Frame) -> None:
    data = link.PREAMBLE + encode(frame)
    assert read(trusting(), [data[at : at + 1] for at in range(len(data))]) == [frame]


@given(frames)
def test_frame_that_is_cut_short_is_waited_for(frame: link.Frame) -> None:
    reader = trusting()
    assert read(reader, [link.PREAMBLE, encode(frame)[:-1]]) == []


@given(st.binary(max_size=300))
def test_garbage_is_refused_or_waited_for(data: bytes) -> None:
    try:
        read(trusting(), [data])
    except LinkProtocolError:
        pass
    else:
        assert data[:8] == link.PREAMBLE[: len(data)]


@given(st.integers(0, 255), st.binary(max_size=300))
def test_garbage_in_a_frame_is_refused_or_read(kind: int, body: bytes) -> None:
    data = link.PREAMBLE + pack(">IB", len(body) + 1, kind) + body
    try:
        found = read(trusting(), [data])
    except LinkProtocolError:
        return
    assert len(found) == 1


@given(frames, st.integers(0), st.integers(0, 255))
def test_frame_with_a_wrong_byte_is_refused_read_or_waited_for(frame: link.Frame, place: int, byte: int) -> None:
    data = bytearray(encode(frame))
    data[place % len(data)] = byte
    reader = trusting()
    try:
        read(reader, [link.PREAMBLE, bytes(data)])
    except LinkProtocolError:
        with pytest.raises(LinkProtocolError):
            read(reader, [b""])


def test_bytes_behind_a_frame_are_refused() -> None:
    for frame in (link.Told(1, 2), link.Hello(bytes(32), CLAIM), link.Inputs(1, [b"a"])):
        whole = encode(frame)
        with pytest.raises(LinkProtocolError):
            read(trusting(), [link.PREAMBLE, pack(">I", len(whole) - 4 + 1) + whole[4:] + b"x"])


def test_lengths_of_inputs_must_fit_their_frame() -> None:
    whole = bytearray(encode(link.Inputs(1, [b"one", b"two"])))
    assert whole[20] == 3  # the last byte of the first length
    for length in (2, 4, 200):
        whole[20] = length
        with pytest.raises(LinkProtocolError, match="add up"):
            read(trusting(), [link.PREAMBLE, bytes(whole)])
    whole[16] = 200  # so many inputs
    with pytest.raises(LinkProtocolError, match="lengths"):
        read(trusting(), [link.PREAMBLE, bytes(whole)])


def test_another_version_is_named() -> None:
    with pytest.raises(LinkProtocolError, match="version"):
        read(LinkReader(), [link.PREAMBLE[:-1] + b"\x02"])
    with pytest.raises(LinkProtocolError, match="ARTEMIS"):
        read(LinkReader(), [b"ARTEMIS\x00"])


def test_first_bytes_that_cannot_become_a_preamble_are_refused_at_once() -> None:
    with pytest.raises(LinkProtocolError):
        read(LinkReader(), [b"G"])


@given(unproven)
def test_who_has_proven_nothing_may_say_hello(frame: link.Frame) -> None:
    assert read(LinkReader(), [link.PREAMBLE + encode(frame)]) == [frame]


@given(proven)
def test_who_has_proven_nothing_may_say_nothing_else(frame: link.Frame) -> None:
    with pytest.raises(LinkProtocolError):
        read(LinkReader(), [link.PREAMBLE + encode(frame)])


def test_longest_hello_is_small_enough_for_somebody_unproven() -> None:
    long = "x" * link.TEXT_BYTES_MAX
    claim = replace(CLAIM, node_id=long, client_address=long, link_address=long, machine=long.encode())
    answer = link.Answer(link.Word.REFUSED, claim, text=long)
    assert read(LinkReader(), [link.PREAMBLE + encode(answer)]) == [answer]


@pytest.mark.parametrize("trusted", [False, True])
def test_announced_length_beyond_the_limit_is_refused_before_its_bytes_come(trusted: bool) -> None:
    limit = link.FRAME_BYTES_MAX if trusted else link.UNPROVEN_FRAME_BYTES_MAX
    for length, welcome in ((limit, True), (limit + 1, False), (2**32 - 1, False), (0, False)):
        reader = trusting() if trusted else LinkReader()
        head = link.PREAMBLE + pack(">I", length)
        if welcome:
            assert read(reader, [head]) == []
        else:
            with pytest.raises(LinkProtocolError, match="welcome"):
                read(reader, [head])


def test_trust_counts_from_the_next_frame_of_the_same_bytes() -> None:
    answer, slice_ = link.Answer(link.Word.LINK, CLAIM), link.SnapshotSlice(bytes(60_000))
    reader, found = LinkReader(), list[link.Frame]()
    for frame in reader.feed(link.PREAMBLE + encode(answer) + encode(slice_)):
        found.append(frame)
        reader.trust()
    assert found == [answer, slice_]


def test_frames_that_nobody_asked_for_come_with_the_next_bytes() -> None:
    reader = trusting()
    first, second, third = link.Told(1, 2), link.HandOver(3), link.HeartBeat(4, 5)
    assert next(iter(reader.feed(link.PREAMBLE + encode(first) + encode(second)))) == first
    assert list(reader.feed(encode(third))) == [second, third]


def test_text_that_a_terminal_would_obey_is_refused() -> None:
    whole = encode(link.Answer(link.Word.REFUSED, CLAIM, text="gone"))
    with pytest.raises(LinkProtocolError, match="printable"):
        read(LinkReader(), [link.PREAMBLE, whole.replace(b"gone", b"\x1b[2J")])


def test_largest_frame_goes_through_and_a_larger_one_is_not_made() -> None:
    largest = link.SnapshotSlice(bytes(link.FRAME_BYTES_MAX - 1))
    assert read(trusting(), [link.PREAMBLE, encode(largest)]) == [largest]
    with pytest.raises(ValueError, match="no frame"):
        encode(link.SnapshotSlice(bytes(link.FRAME_BYTES_MAX)))


@pytest.mark.parametrize(
    "frame",
    [
        link.Challenge(b"short"),
        link.Hello(bytes(32), CLAIM, b"short"),
        link.Hello(bytes(32), replace(CLAIM, folder=b"")),
        link.Hello(bytes(32), replace(CLAIM, node_id="x" * (link.TEXT_BYTES_MAX + 1))),
        link.Hello(bytes(32), replace(CLAIM, node_id="\x1b[2J")),
        link.Report({"lag": float("nan")}),
    ],
)
def test_fields_of_a_wrong_size_are_not_sent(frame: link.Frame) -> None:
    with pytest.raises(ValueError, match=r"bytes|JSON|printable"):
        encode(frame)


@pytest.mark.parametrize("text", [b"", b"[]", b"nonsense", b"[" * 100_000, b"\xff", b"9" * 5000])
def test_report_that_is_no_object_is_refused(text: bytes) -> None:
    with pytest.raises(LinkProtocolError):
        read(trusting(), [link.PREAMBLE, pack(">IB", len(text) + 1, 33) + text])


PAGE = (Path(__file__).parents[2] / "docs/protocol/replication-link.md").read_text()


def test_page_names_every_frame_role_and_word_with_its_number() -> None:
    samples: list[link.Frame] = [
        *(link.Challenge(bytes(32)), link.Hello(bytes(32), CLAIM), link.Answer(link.Word.GO, CLAIM)),
        *(link.SnapshotBegin(1, 1, b"", 1), link.SnapshotSlice(b""), link.SnapshotEnd(b""), link.Inputs(1, [])),
        *(link.Told(1, 1), link.HeartBeat(1, 1), link.HandOver(1), link.Ack(1, 1, 1, 1, 1, 1)),
        *(link.Command("show", {}), link.Report({})),
    ]
    assert {type(sample) for sample in samples} == set(get_args(link.Frame))
    rows = [(encode(sample)[4], type(sample).__name__) for sample in samples]
    rows += [(word.value, word.name) for word in link.Word]
    assert [row for row in rows if f"| {row[0]} | {row[1]} |" not in PAGE] == []
    assert ", ".join(f"{role.value} {role.name.lower()}" for role in link.Role) in PAGE
    assert link.PREAMBLE.hex(" ") in PAGE
