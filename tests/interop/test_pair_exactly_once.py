"""
Pairs lose their primary under applications that handle no exception: ours, and one of Artemis whose nodes share their store. One
that replicates is killed in ``test_exactly_once.py``; all kinds thirty times in ``tests/campaign``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.interop.exactly_once_kills import Kind, run
from tests.interop.worlds import World

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("kind", "worlds"),
    [(Kind.OURS, (World.TRIO, World.BLOCKING)), (Kind.SHARED_STORE, (World.ASYNCIO, World.THREADS))],
    ids=["ours", "shared-store"],
)
def test_each_number_is_there_once_and_in_order(
    java: None, tmp_path: Path, kind: Kind, worlds: tuple[World, ...]
) -> None:
    judged = run(kind, tmp_path, 1, worlds)
    assert len(judged) == 4
    assert [each for each in judged if not each.right] == []
