"""Frames out of files in pieces: the version of each link is followed, and it does not matter how a file is cut."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING

import pytest
from tests.engine.wire_vectors import CAPTURES, captured

from corewire.wire import registry
from corewire.wire.framing import MAGIC
from corewire.wire.packets import CreateSession, Ping, SubscribeTopologyV2
from corewire.wire.pieces import Piece, negotiated, pieces, reader

if TYPE_CHECKING:
    from pathlib import Path

PING = registry.encode(Ping(connection_ttl=60_000), 0, 136)
CREATE = registry.encode(CreateSession("s", 10, 131), 1, 131)


@pytest.mark.parametrize("path", CAPTURES[::5], ids=lambda path: path.stem)
def test_recordings_give_each_frame_the_version_of_its_link(path: Path) -> None:
    found = [piece for piece in pieces(path.read_bytes()) if piece.frame is not None]
    assert [(piece.frame, piece.version) for piece in found] == [(one.frame, one.version) for one in captured(path)]


def test_a_stream_with_its_beginning_is_followed_and_one_without_is_not() -> None:
    found = [piece.version for piece in pieces(MAGIC + PING + CREATE + PING)]
    assert found == [0, 0, 0, 131]
    assert [piece.version for piece in pieces(PING + CREATE + PING, version=129)] == [129, 129, 129]


@pytest.mark.parametrize(
    "data",
    [
        MAGIC + PING + CREATE + PING[:6],
        PING + b"\0\0\0\1" + bytes(30),
        b"\0\0",
        f"# note\n{PING.hex()}\n\nwhat\n129\t{PING.hex()}".encode(),
        f"0 C>S {MAGIC.hex()}\n0 C>S {CREATE.hex()}  # x\n0 C>S {PING.hex()}\n0 S>C {{00*zz}}\n".encode(),
    ],
)
def test_it_does_not_matter_how_a_file_is_cut(data: bytes) -> None:
    whole = list(pieces(data))
    one_by_one = reader(data)
    found: list[Piece] = []
    for at in range(len(data)):
        found += one_by_one.feed(data[at : at + 1])
    assert [*found, *one_by_one.end()] == whole


def test_only_what_should_not_be_there_is_bad() -> None:
    assert [piece.bad for piece in pieces(MAGIC + PING + PING[:3])] == [False, False, True]
    assert [piece.bad for piece in pieces(f"0 C>S {MAGIC.hex()}\nnonsense\n{PING.hex()}\n")] == [False, True, False]


def test_tables_of_vectors_are_read() -> None:
    (piece,) = pieces(f"PING\t10\t21\t{PING.hex()}\t128\n")
    assert (piece.frame, piece.version) == (PING, 128)


def test_first_offers_decide_and_newer_clients_are_cut_to_what_we_speak() -> None:
    assert negotiated(CREATE, 0) == 131
    assert negotiated(CREATE, 136) == 136
    topology = registry.encode(SubscribeTopologyV2(cluster_connection=False, client_version=140), 0, 136)
    assert negotiated(topology, 0) == 136
    assert negotiated(topology[:-2], 0) == 0  # broken
    assert negotiated(PING, 0) == 0


def test_a_short_line_of_a_recording_cannot_ask_for_all_memory() -> None:
    claim = f"0 C>S {{{'00' * 500}*9999999}}"
    noted, honest = pieces(f"{claim}\n0 C>S {PING.hex()}")
    assert (noted.frame, noted.note, noted.bad) == (None, "more than 67108864 bytes", True)
    assert honest.frame == PING


def test_a_frame_of_many_reads_is_not_copied_with_each() -> None:
    read, reads = bytes(1 << 20), 16
    stream = reader(b"\x00\x7f\xff\xff")
    tracemalloc.start()
    try:
        assert list(stream.feed(b"\x7f\xff\xff\xf0")) == []  # the length of a frame of 2 GiB
        for _ in range(reads):
            assert list(stream.feed(read)) == []
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 2 * len(read)
    (piece,) = stream.end()
    assert piece.note == f"{4 + reads * len(read)} bytes of a frame of {2**31 - 12}"


def test_what_comes_behind_a_broken_stream_is_not_kept() -> None:
    broken = reader(bytes(20))
    (piece,) = broken.feed(bytes(20))
    assert piece.bad
    tracemalloc.start()
    try:
        for _ in range(8):
            assert list(broken.feed(bytes(1 << 20))) == []
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 1 << 20
    assert list(broken.end()) == []
