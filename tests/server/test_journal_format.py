"""Heads and batches: what was written is read, anything else is not taken for it."""

from __future__ import annotations

import pytest

from corewire_server.journal.format import (
    BATCH_HEAD_BYTES,
    SEGMENT_HEAD_BYTES,
    ZEROS,
    BatchHead,
    SegmentHead,
    clean_end,
    decode_batch_head,
    decode_segment_head,
    encode_batch,
    encode_segment_head,
    other_version,
    payload_of,
    segment_name,
    segment_number,
)
from corewire_server.records import Mark, Standing

SEGMENT = SegmentHead(
    segment=3, file_bytes=4096, first_batch=17, oldest=2, salt=99, seed=bytes(range(16)), folder=bytes(range(16, 32))
)
BATCH = BatchHead(
    flags=4,
    standing=1,
    payload_bytes=5,
    records=1,
    segment=3,
    batch=17,
    ordinal=70,
    oldest=2,
    step=900,
    epoch=6,
    place=2,
    now=1_700_000_000_000,
)


def test_segment_head_comes_back_and_every_flipped_bit_is_noticed() -> None:
    data = encode_segment_head(SEGMENT)
    assert len(data) == SEGMENT_HEAD_BYTES
    assert decode_segment_head(data + b"more") == SEGMENT
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        assert decode_segment_head(bytes(flipped)) is None
    assert decode_segment_head(data[:-1]) is None


def test_batch_comes_back_and_every_flipped_bit_is_noticed() -> None:
    data = encode_batch(BATCH, b"hello", salt=99)
    assert len(data) == BATCH_HEAD_BYTES + 5
    head = decode_batch_head(data, 0)
    assert head == BATCH
    assert head is not None
    assert head.mark == Mark(Standing.IN_STEP, 6, 2)
    assert payload_of(data, 0, head, 99) == b"hello"
    assert payload_of(data, 0, head, 98) is None
    assert payload_of(data[:-1], 0, head, 99) is None
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        other = decode_batch_head(bytes(flipped), 0)
        assert other is None or payload_of(bytes(flipped), 0, other, 99) is None
    assert decode_batch_head(data[: BATCH_HEAD_BYTES - 1], 0) is None


def test_segment_of_another_version_of_the_format_is_told_from_anything_else() -> None:
    data = encode_segment_head(SEGMENT)
    assert other_version(data) is None
    assert other_version(data[:7] + b"\1" + data[8:]) == 1
    assert other_version(b"x" + data[1:]) is None
    assert other_version(data[:7]) is None


@pytest.mark.parametrize("number", [1, 42, 9_999_999_999])
def test_segments_are_named_by_number(number: int) -> None:
    assert segment_number(segment_name(number)) == number


@pytest.mark.parametrize(
    "name", ["journal-1", "journal-00000000x1", "spare-1", "lock", "0000000001", "journal-00000000011"]
)
def test_other_files_are_no_segments(name: str) -> None:
    assert segment_number(name) is None


def test_zeros_are_a_clean_end_and_so_is_the_end_of_the_file() -> None:
    assert clean_end(b"x" + ZEROS, 1)
    assert clean_end(b"x", 1)
    assert not clean_end(b"x" + ZEROS[:-1] + b"y", 1)
