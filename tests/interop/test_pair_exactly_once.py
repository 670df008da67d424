"""Our pair loses its primary under applications that handle no exception. All kinds of pairs, thirty times: tests/campaign."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.interop.exactly_once_kills import Kind, run
from tests.interop.worlds import World

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


def test_each_number_is_there_once_and_in_order(java: None, tmp_path: Path) -> None:
    judged = run(Kind.OURS, tmp_path, 1, [World.TRIO, World.BLOCKING])
    assert len(judged) == 4
    assert [each for each in judged if not each.right] == []
