"""The fixed batch of histories, played once for all tests that look at it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from corewire_server.simulator.history import History, play
from corewire_server.simulator.scenario import Options

SINGLE = Options()
PAIR = Options(nodes=2)
POWER = Options(faults=("power",))
JOINS = Options(nodes=2, faults=("joining", "torn", "both"))
TRIES = Options(workload="tries")
LACKING = Options(workload="lacking")
GROUPS = replace(LACKING, every_option=True)  # some send messages of groups
ONCE = Options(exactly_once=True)


@cache
def fixed_batch() -> tuple[History, ...]:
    """
    Broker alone, one that loses power, pair, and a pair whose joins are disturbed; and both with clients that have things done
    once, that ask for what the broker lacks, or that all want exactly-once.
    """
    batches = [(SINGLE, 300), (POWER, 100), (PAIR, 250), (JOINS, 60)]
    for_both = ((TRIES, 60), (LACKING, 20), (GROUPS, 20), (ONCE, 80))
    batches += [(replace(each, nodes=nodes), count) for each, count in for_both for nodes in (1, 2)]
    return tuple(play(seed, options) for options, count in batches for seed in range(count))
