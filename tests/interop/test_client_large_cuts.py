"""Large messages over cut links: some positions of those that the campaign has all of, and a body much larger than its memory may be."""

from __future__ import annotations

import hashlib
from itertools import count
from typing import TYPE_CHECKING

import pytest
from tests.interop.large_cuts import (
    BODY,
    CHUNKS,
    WAYS,
    CutAt,
    digest_of,
    receive_over_a_cut,
    send_over_a_cut,
    through_one_program,
)

from corewire.wire import packets

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.interop.artemis import Artemis

pytestmark = pytest.mark.slow
SIZE = 32 * 1_048_576
GROWTH_KIB_MAX = 16 * 1024
_numbers = count(1)


@pytest.fixture
def stage(artemis: Artemis) -> Iterator[CutAt]:
    with CutAt(artemis.port) as stage:
        yield stage


@pytest.fixture
def queue() -> str:
    return f"large.cut.{next(_numbers)}"


@pytest.mark.parametrize("collect", [1_000, 1_000_000])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("at", [1, 2, 5, CHUNKS - 1, CHUNKS])
def test_what_is_received_over_a_cut_is_what_was_sent(
    stage: CutAt, queue: str, at: int, way: str, collect: int
) -> None:
    words = f"{WAYS[way]}&maxCollectSize={collect}"
    came = receive_over_a_cut(stage, packets.SessionReceiveContinuation, at, words, queue)
    assert came == [hashlib.sha256(BODY).digest()]
    assert stage.proxy.cuts


@pytest.mark.parametrize("source", ["body", "path", "pieces"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("at", [1, 6, CHUNKS])
def test_what_is_sent_over_a_cut_comes_whole_or_not_at_all(
    stage: CutAt, queue: str, at: int, way: str, source: str, tmp_path: Path
) -> None:
    path = tmp_path / "body"
    path.write_bytes(BODY)
    sources = {"body": BODY, "path": path, "pieces": [BODY]}
    sent, came = send_over_a_cut(stage, packets.SessionSendContinuation, at, WAYS[way], queue, sources[source])
    assert sent == came  # the cut took the chunk along
    if way == "exactly once" and source != "pieces":
        assert came == 2
    else:
        assert came >= 1
    assert stage.proxy.cuts


def test_a_body_larger_than_the_memory_goes_both_ways(stage: CutAt, queue: str, tmp_path: Path) -> None:
    path = tmp_path / "body"
    said = through_one_program(stage, queue, path, SIZE, timeout_s=120)
    assert (said["sent"], said["size"], said["sha256"]) == (SIZE, SIZE, digest_of(path))
    assert said["interrupted"] >= 1
    assert said["reconnects"] >= 2
    assert not said["left"]
    assert said["grew_kib"] < GROWTH_KIB_MAX, said
