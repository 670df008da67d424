"""The fixed batch reaches the rare places: else it would prove less than it seems to."""

from __future__ import annotations

from collections import Counter

import pytest
from tests.simulation.batch import fixed_batch

from corewire.errors import TransactionOutcomeUnknown, TransactionRolledBack
from corewire_server.simulator.faults import KINDS
from corewire_server.simulator.probes import PAIR, SINGLE, Probes


@pytest.mark.slow
@pytest.mark.parametrize(("nodes", "names"), [(1, SINGLE), (2, PAIR)], ids=["single", "pair"])
def test_every_rare_place_is_reached(nodes: int, names: frozenset[str]) -> None:
    reached = Counter[str]()
    for history in fixed_batch():
        if history.options.nodes == nodes:
            reached.update(history.probes)
    assert not names - reached.keys()
    assert not reached.keys() - (SINGLE | PAIR)  # each has a name in probes.py


@pytest.mark.slow
def test_every_kind_of_fault_happens() -> None:
    assert {kind for history in fixed_batch() for kind in history.faults} >= KINDS.keys()


def test_commits_in_flight_are_seen_from_outside() -> None:
    probes = Probes()
    probes.call_began(1, "client", 7, "commit", None)
    probes.fault(2, "kill", "a")
    probes.call_ended(3, "client", 7, TransactionOutcomeUnknown("?"))
    probes.fault(4, "kill", "a")
    probes.call_began(5, "client", 8, "send", None)
    probes.call_ended(6, "client", 8, TransactionRolledBack("?"))
    assert probes.reached == {"a commit was on its way at a kill", "the outcome of a commit was unknown"}


def test_what_nodes_say_of_themselves_is_heard() -> None:
    probes = Probes()
    probes.log(1, "a", "warning", "journal-1 at byte 7: the last write, of 9 bytes, is torn and dropped")
    probes.log(2, "a", "warning", "client: link closed: nothing came for its time to live")
    probes.ended(3, "a", "stopped itself: the disk failed")
    probes.event(4, "client", "FailedOver")
    assert len(probes.reached) == 4
