"""A pair for long: two hundred kills in a row, the oldest Java client too, and more of every other fault."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import pytest
from tests.interop.pair_kills import run
from tests.interop.peers import ARTEMIS, OLDER_CLIENT, OLDEST_CLIENT
from tests.interop.test_pair_faults import spoil_link
from tests.interop.test_pair_kills import judge
from tests.interop.test_pair_orders import end_and_start

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("java")
THROTTLED_S = 20.0


@pytest.mark.parametrize(
    ("kills", "versions"),
    [(200, (ARTEMIS, OLDER_CLIENT)), (20, (OLDEST_CLIENT,))],
    ids=["two hundred", "oldest client"],
)
def test_kills(tmp_path: Path, kills: int, versions: Sequence[str]) -> None:
    judge(run(tmp_path, kills, versions))


def test_both_nodes_end_and_start_in_every_order(tmp_path: Path) -> None:
    end_and_start(tmp_path, product((False, True), (True, False), (True, False)))


def test_link_between_the_nodes_is_throttled_for_long(tmp_path: Path) -> None:
    spoil_link(tmp_path, THROTTLED_S)
