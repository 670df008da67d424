"""The primary killed with SIGKILL under applications of every kind, twenty times: none of them notices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.interop.pair_kills import run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.interop.pair_kills import Series

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.usefixtures("java")]
KILLS = 20  # and two hundred: tests/campaign


def judge(series: Series) -> None:
    """Half of the nodes hold back what goes to their backup, so that it never gets all of it: still nobody may notice."""
    print(f"\n{series}")
    assert series.verdict is not None
    assert series.digests is not None
    assert not series.verdict.faults
    assert series.verdict.sent == series.verdict.received
    assert series.fell_out == 0
    assert series.joins >= 3
    assert series.digests.compared > 20
    assert not series.digests.differing


def test_no_application_notices_a_kill_and_both_nodes_agree_on_every_state(tmp_path: Path) -> None:
    judge(run(tmp_path, KILLS))
