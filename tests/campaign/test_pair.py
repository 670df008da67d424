"""A pair for long: two hundred kills in a row, and the oldest Java client too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.interop.pair_kills import run
from tests.interop.peers import ARTEMIS, OLDER_CLIENT, OLDEST_CLIENT
from tests.interop.test_pair_kills import judge

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("java")


@pytest.mark.parametrize(
    ("kills", "versions"),
    [(200, (ARTEMIS, OLDER_CLIENT)), (20, (OLDEST_CLIENT,))],
    ids=["two hundred", "oldest client"],
)
def test_kills(tmp_path: Path, kills: int, versions: Sequence[str]) -> None:
    judge(run(tmp_path, kills, versions))
