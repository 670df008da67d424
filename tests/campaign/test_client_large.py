"""Large messages, whole: 2 GiB both ways with a cut in the middle of each, and cuts at every chunk."""

from __future__ import annotations

import hashlib
import os
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

SIZE = int(os.environ.get("LARGE_MIB", "2048")) * 1_048_576
PEAK_KIB_MAX = 256 * 1024


@pytest.fixture
def stage(artemis: Artemis) -> Iterator[CutAt]:
    with CutAt(artemis.port) as stage:
        yield stage


def test_two_gibibytes_go_both_ways_in_bounded_memory(stage: CutAt, tmp_path: Path) -> None:
    path = tmp_path / "body"
    said = through_one_program(stage, "large.campaign", path, SIZE, timeout_s=3_600)
    assert (said["sent"], said["size"], said["sha256"]) == (SIZE, SIZE, digest_of(path))
    assert said["interrupted"] >= 1
    assert not said["left"]
    assert said["peak_kib"] < PEAK_KIB_MAX, said


@pytest.mark.parametrize("collect", [1_000, 1_000_000])
@pytest.mark.parametrize("way", WAYS)
def test_received_over_a_cut_at_any_chunk(stage: CutAt, way: str, collect: int) -> None:
    words = f"{WAYS[way]}&maxCollectSize={collect}"
    for at in range(1, CHUNKS + 1):
        queue = f"large.received.{way}.{collect}.{at}".replace(" ", "")
        came = receive_over_a_cut(stage, packets.SessionReceiveContinuation, at, words, queue)
        assert came == [hashlib.sha256(BODY).digest()], at


@pytest.mark.parametrize("source", ["body", "path", "pieces"])
@pytest.mark.parametrize("way", WAYS)
def test_sent_over_a_cut_at_any_chunk(stage: CutAt, way: str, source: str, tmp_path: Path) -> None:
    path = tmp_path / "body"
    path.write_bytes(BODY)
    sources = {"body": BODY, "path": path, "pieces": [BODY]}
    for kind in (packets.SessionSendContinuation, packets.SessionSendLarge):
        for at in range(1, CHUNKS + 1 if kind is packets.SessionSendContinuation else 2):
            queue = f"large.sent.{way}.{source}.{kind.NAME}.{at}".replace(" ", "")
            sent, came = send_over_a_cut(stage, kind, at, WAYS[way], queue, sources[source])
            assert sent == came, at
            assert came == 2 or way != "exactly once" or source == "pieces", at
