"""The fixed batch of histories, played once for all tests that look at it."""

from __future__ import annotations

from functools import cache

from corewire_server.simulator.history import History, play
from corewire_server.simulator.scenario import Options

SINGLE = Options()
PAIR = Options(nodes=2)
POWER = Options(faults=("power",))
JOINS = Options(nodes=2, faults=("joining", "torn", "both"))


@cache
def fixed_batch() -> tuple[History, ...]:
    """Broker alone, one that loses power, pair, and a pair whose joins are disturbed."""
    batches = ((SINGLE, 300), (POWER, 100), (PAIR, 250), (JOINS, 60))
    return tuple(play(seed, options) for options, count in batches for seed in range(count))
