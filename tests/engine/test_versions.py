"""Every gate opens at its version, and 0 counts as the specification says."""

from __future__ import annotations

import pytest

from corewire.wire.versions import OLDEST, UNNEGOTIATED, VERSION, accepted, capabilities

#: Gate, first version with it, whether "nothing negotiated yet" has it.
GATES = [
    ("topology_v2", 122, False),
    ("disconnect_consumer", 124, False),
    ("topology_v3", 125, False),
    ("artemis_names", 126, False),
    ("query_responses_v2", 126, False),
    ("binding_query_response_v3", 127, False),
    ("new_addressing", 129, True),
    ("query_responses_v3", 129, False),
    ("correlation_ids", 130, True),
    ("consumer_priority", 130, False),
    ("plain_queue_names", 130, False),
    ("client_id", 131, False),
    ("replication_operation", 131, False),
    ("commit_correlation", 132, False),
    ("long_page_numbers", 133, False),
    ("producer_ids", 134, False),
    ("binding_query_response_v5", 135, False),
    ("renamed_vote_handler", 136, False),
]


@pytest.mark.parametrize(("gate", "since", "unnegotiated"), GATES, ids=[gate for gate, *_ in GATES])
def test_a_gate_opens_at_its_version(gate: str, since: int, unnegotiated: bool) -> None:
    assert [getattr(capabilities(version), gate) for version in (since - 1, since, VERSION)] == [False, True, True]
    assert getattr(capabilities(UNNEGOTIATED), gate) is unnegotiated


def test_all_gates_are_tested() -> None:
    assert {gate for gate, *_ in GATES} | {"version"} == set(type(capabilities(VERSION)).__slots__)


def test_versions_outside_the_range_count_as_the_nearest() -> None:
    newer, older = capabilities(VERSION + 1), capabilities(OLDEST - 1)
    assert all(getattr(newer, gate) for gate, *_ in GATES)
    assert not any(getattr(older, gate) for gate, *_ in GATES)


def test_brokers_accept_all_versions_that_artemis_does() -> None:
    assert [version for version in range(-1, 200) if accepted(version)] == list(range(121, 137))
