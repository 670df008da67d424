"""
What a negotiated version allows: named booleans, so that no other module compares numbers (docs/protocol/versions.md).

A connection begins with version 0, "nothing negotiated yet", which counts as new for the message layout and for
correlation ids and as old for everything else (Artemis: ``CoreRemotingConnection``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

VERSION: Final = 136  #: what we offer and answer
OLDEST: Final = 121  #: the oldest version that brokers take
OLDEST_SPOKEN: Final = 129  #: the oldest version with today's addresses and messages: the oldest that we serve
UNNEGOTIATED: Final = 0


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What both sides of a connection of one version understand."""

    version: int
    topology_v2: bool  #: CLUSTER_TOPOLOGY_V2
    disconnect_consumer: bool  #: DISCONNECT_CONSUMER
    topology_v3: bool  #: CLUSTER_TOPOLOGY_V3, DISCONNECT_V2
    artemis_names: bool  #: class and parameter names of connectors are Artemis', not HornetQ's
    query_responses_v2: bool  #: SESS_QUEUEQUERY_RESP_V2, SESS_BINDINGQUERY_RESP_V2
    binding_query_response_v3: bool
    new_addressing: bool  #: today's message layout, addresses without ``jms.queue.``
    query_responses_v3: bool  #: SESS_QUEUEQUERY_RESP_V3, SESS_BINDINGQUERY_RESP_V4
    correlation_ids: bool  #: responses name their request
    consumer_priority: bool
    plain_queue_names: bool  #: binding queries of ``address::queue`` are answered with plain queue names
    client_id: bool  #: CREATESESSION_V2, CLUSTER_TOPOLOGY_V4, DISCONNECT_V3
    replication_operation: bool  #: three kinds of replicated records, not two
    commit_correlation: bool  #: SESS_COMMIT has a correlation id
    long_page_numbers: bool
    producer_ids: bool  #: CREATE_PRODUCER, and sender ids in sends
    binding_query_response_v5: bool
    renamed_vote_handler: bool


def _capabilities(version: int) -> Capabilities:
    new = version or VERSION  # the two gates that take 0 for new
    return Capabilities(
        version=version,
        topology_v2=version >= 122,
        disconnect_consumer=version >= 124,
        topology_v3=version >= 125,
        artemis_names=version >= 126,
        query_responses_v2=version >= 126,
        binding_query_response_v3=version >= 127,
        new_addressing=new >= 129,
        query_responses_v3=version >= 129,
        correlation_ids=new >= 130,
        consumer_priority=version >= 130,
        plain_queue_names=version >= 130,
        client_id=version >= 131,
        replication_operation=version >= 131,
        commit_correlation=version >= 132,
        long_page_numbers=version >= 133,
        producer_ids=version >= 134,
        binding_query_response_v5=version >= 135,
        renamed_vote_handler=version >= 136,
    )


_KNOWN: Final = {version: _capabilities(version) for version in (UNNEGOTIATED, *range(OLDEST, VERSION + 1))}


def capabilities(version: int) -> Capabilities:
    """
    Return what ``version`` allows, 0 being "nothing negotiated yet".

    Numbers above ``VERSION`` count as ``VERSION`` does, numbers below ``OLDEST`` as ``OLDEST``; refusing them is up to
    whoever negotiates.
    """
    known = _KNOWN.get(version)
    return _capabilities(version) if known is None else known


def accepted(version: int) -> bool:
    """Tell whether a broker takes sessions of this version (others are answered with code 108)."""
    return OLDEST <= version <= VERSION
