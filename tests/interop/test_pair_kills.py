"""The primary killed with SIGKILL under applications of every kind, twenty times: none of them notices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.interop.pair import Pair
from tests.interop.pair_kills import run
from tests.interop.pair_load import Load
from tests.interop.pair_watch import Watch
from tests.interop.peers import ARTEMIS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.interop.pair_kills import Series

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.usefixtures("java")]
KILLS = 20  # and two hundred: tests/campaign
LANES = "core.blocking,core.tx,jms.listener,jms.client"  # that open no more connections


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


def test_clients_that_were_given_one_address_know_the_other_by_the_topology(tmp_path: Path) -> None:
    with Pair(tmp_path) as pair, Watch(pair):
        address = f"tcp://127.0.0.1:{pair.primary.port}"
        with Load(address, versions=(ARTEMIS,), lanes=LANES) as load:
            load.await_progress()
            pair.kill(pair.primary)
            load.await_progress()
            verdict = load.finish()
        print(f"\n{verdict}\nout of step unasked: {pair.unasked()}")
    assert not verdict.faults
    assert verdict.sent == verdict.received
