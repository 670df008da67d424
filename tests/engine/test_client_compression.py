"""Compressed bodies: cut as they grow, inflated piece by piece and never further than was said before."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corewire.client._compression import Cutter, Inflater, inflate
from corewire.errors import RemoteProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterable

LEVELS = (None, -1, 0, 9)


def cut(size: int, level: int | None, pieces: Iterable[bytes]) -> tuple[Cutter, list[bytes]]:
    cutter = Cutter(size, level)
    chunks: list[bytes] = []
    for piece in pieces:
        cutter.feed(piece)
        while (chunk := cutter.take()) is not None:
            chunks.append(chunk)
    cutter.finish()
    while (chunk := cutter.take()) is not None:
        chunks.append(chunk)
    return cutter, chunks


@given(st.lists(st.binary(max_size=300), max_size=8), st.integers(1, 200), st.sampled_from(LEVELS))
def test_chunks_are_of_one_size_but_the_last_which_is_shorter(
    pieces: list[bytes], size: int, level: int | None
) -> None:
    cutter, chunks = cut(size, level, pieces)
    body = b"".join(pieces)
    whole = b"".join(chunks)
    assert (whole if level is None else zlib.decompress(whole)) == body
    assert {len(chunk) for chunk in chunks[:-1]} <= {size}
    assert len(chunks[-1]) < size
    assert (cutter.ended, cutter.taken, cutter.body_bytes) == (True, len(chunks), len(body))


def test_a_body_that_fits_exactly_ends_with_an_empty_chunk() -> None:
    assert cut(10, None, [bytes(20)])[1] == [bytes(10), bytes(10), b""]


@given(st.binary(max_size=5_000), st.integers(1, 700), st.integers(1, 700))
def test_it_inflates_whatever_the_pieces(body: bytes, fed: int, taken: int) -> None:
    data = zlib.compress(body)
    stream = Inflater(len(body))
    came = b""
    for at in range(0, len(data), fed):
        stream.feed(data[at : at + fed])
        while not stream.hungry:
            came += stream.take(taken)
    stream.finish()
    assert came == body


def test_it_inflates_no_more_than_it_was_told() -> None:
    stream = Inflater(10_000)
    stream.feed(zlib.compress(bytes(100_000_000)))
    assert stream.take(6_000) == bytes(6_000)
    with pytest.raises(RemoteProtocolError, match="claims 10000 bytes and has more"):
        stream.take(6_000)


def test_a_body_in_memory_is_inflated_up_to_its_limit() -> None:
    assert inflate(zlib.compress(b"x" * 1000), 1000) == b"x" * 1000
    with pytest.raises(RemoteProtocolError, match="claims 999 bytes"):
        inflate(zlib.compress(b"x" * 1000), 999)
    for garbage in (b"", b"garbage", zlib.compress(b"x" * 1000)[:-6]):
        with pytest.raises(RemoteProtocolError):
            inflate(garbage, 1000)
