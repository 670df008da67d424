"""What each type means for a channel: whether it counts, whether it answers, who may be sent it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.engine.wire_samples import PACKETS

from corewire.errors import RemoteProtocolError
from corewire.wire import packets, registry
from corewire.wire.framing import frame_header
from corewire.wire.versions import VERSION

UNCOUNTED = {
    *("PING", "DISCONNECT", "DISCONNECT_V2", "DISCONNECT_V3", "DISCONNECT_CONSUMER_KILL", "PACKETS_CONFIRMED"),
    *("CREATESESSION", "CREATESESSION_V2", "CREATESESSION_RESP", "REATTACH_SESSION", "REATTACH_SESSION_RESP"),
    "SESS_ADD_METADATA",
}
BY_FIELD = {"SESS_ADD_METADATA2", "SESS_UNIQUE_ADD_METADATA"}
RESPONSES = {
    *("EXCEPTION", "NULL_RESPONSE", "CREATESESSION_RESP", "REATTACH_SESSION_RESP", "SESS_XA_RESP"),
    *("SESS_QUEUEQUERY_RESP", "SESS_QUEUEQUERY_RESP_V2", "SESS_QUEUEQUERY_RESP_V3", "SESS_XA_INDOUBT_XIDS_RESP"),
    *("SESS_BINDINGQUERY_RESP", *(f"SESS_BINDINGQUERY_RESP_V{number}" for number in range(2, 6))),
    *("SESS_XA_SET_TIMEOUT_RESP", "SESS_XA_GET_TIMEOUT_RESP", "CLUSTER_CONNECT_REPLY", "BACKUP_REQUEST_RESPONSE"),
    *("QUORUM_VOTE_REPLY", "CHECK_FOR_FAILOVER_REPLY"),
}


@pytest.mark.parametrize("cls", [cls for cls in PACKETS if cls.NAME not in BY_FIELD], ids=lambda cls: cls.NAME)
def test_counting_and_answering_are_as_in_the_catalogue(cls: Any) -> None:
    frame = frame_header(cls.TYPE, 10, 0)
    assert registry.is_countable(frame) is (cls.NAME not in UNCOUNTED)
    assert registry.is_response(cls.TYPE) is (cls.NAME in RESPONSES)


@pytest.mark.parametrize("requires", [True, False])
@pytest.mark.parametrize("cls", [packets.SessionAddMetadata2, packets.SessionUniqueAddMetadata])
def test_metadata_counts_if_its_own_field_says_so(cls: Any, requires: bool) -> None:
    assert registry.is_countable(registry.encode(cls("key", "data", requires), 10, VERSION)) is requires


def test_metadata_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(RemoteProtocolError):
        registry.is_countable(frame_header(105, 10, 0))


def test_names_and_classes_are_found_by_type() -> None:
    for packet in PACKETS:
        assert registry.packet_class(packet.TYPE) == packet
        assert registry.packet_name(packet.TYPE) == packet.NAME
    assert registry.packet_class(102) is None
    assert registry.packet_name(102) == "type 102"


def test_clients_have_no_decoder_for_what_brokers_are_sent() -> None:
    names = {cls.NAME for cls in PACKETS if registry.is_for_brokers_only(cls.TYPE)}
    assert {"SESS_SEND", "SESS_SEND_LARGE", "CREATE_PRODUCER", "CLUSTER_CONNECT", "REPLICATION_RESPONSE_V2"} <= names
    assert not names & {"SESS_RECEIVE_MSG", "SESS_RECEIVE_LARGE_MSG", "SESS_SEND_CONTINUATION", "CLUSTER_TOPOLOGY_V4"}
