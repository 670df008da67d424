"""
Simulated histories in which clients have every option, against a broker and a pair: no promise is broken.

So many of each kind: 100 times CAMPAIGN_FAULTS, which is 10 if it is not set, from seed CAMPAIGN_SEED, else 0.
"""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from corewire_server.cli.simulate import replay
from corewire_server.simulator.history import play
from corewire_server.simulator.scenario import Options

COUNT = 100 * int(os.environ.get("CAMPAIGN_FAULTS", "10"))
FIRST = int(os.environ.get("CAMPAIGN_SEED", "0"))
KINDS = {
    "any": Options(every_option=True),
    "exactly once": Options(every_option=True, exactly_once=True),
    "tries": Options(every_option=True, workload="tries"),
    "lacking": Options(every_option=True, workload="lacking"),
}


@pytest.mark.parametrize("nodes", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_no_history_with_every_option_breaks_a_promise(kind: str, nodes: int) -> None:
    options = replace(KINDS[kind], nodes=nodes)
    for seed in range(FIRST, FIRST + COUNT):
        history = play(seed, options)
        assert not history.violations, "\n".join([*map(str, history.violations), replay(history)])
