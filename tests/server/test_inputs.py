"""Inputs as bytes, for recorded histories and replication."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corewire_server.core.inputs import (
    Announced,
    BytesReceived,
    Input,
    LinkBlocked,
    LinkClosed,
    LinkOpened,
    Promoted,
    RoomChanged,
    Stopping,
    Timeout,
    decode,
    encode,
)

LINKS = st.integers(0, (1 << 64) - 1)
INPUTS = st.one_of(
    st.builds(LinkOpened, LINKS, st.text()),
    st.builds(BytesReceived, LINKS, st.binary()),
    st.builds(LinkClosed, LINKS),
    st.just(Timeout()),
    st.just(Stopping()),
    st.builds(RoomChanged, st.booleans()),
    st.builds(LinkBlocked, LINKS, st.booleans()),
    st.builds(Promoted, st.integers(0, (1 << 32) - 1)),
    st.builds(Announced, st.text(), st.none() | st.text()),
)


@given(st.integers(0, 1 << 50), INPUTS)
def test_an_input_comes_back_as_it_was(now: int, item: Input) -> None:
    assert decode(encode(now, item)) == (now, item)


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"\x04", encode(1, Timeout()) + b"x", b"\x63" + encode(1, Timeout())[1:]),
        *(
            encode(1, Promoted(1)) + b"x",
            encode(1, Announced("a:1", None)) + b"x",
            encode(1, Announced("a:1", "b"))[:-2],
        ),
    ],
)
def test_other_bytes_are_no_input(data: bytes) -> None:
    with pytest.raises(ValueError, match="input"):
        decode(data)
