"""Exactly-once, whole: thirty kills of each kind of pair under applications of all worlds, judged by a client in Java."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.interop import crowd_kills
from tests.interop.exactly_once_kills import Kind, run

if TYPE_CHECKING:
    from pathlib import Path

KILLS = 30


@pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.value)
def test_each_number_is_there_once_and_in_order(java: None, tmp_path: Path, kind: Kind) -> None:
    judged = run(kind, tmp_path, KILLS)
    assert len(judged) == 8
    assert [each for each in judged if not each.right] == []


@pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.value)
def test_what_competing_workers_forward_is_there_once(java: None, tmp_path: Path, kind: Kind) -> None:
    judged = crowd_kills.run(kind, tmp_path, KILLS)
    assert (judged.missing, judged.doubled) == (0, 0)
