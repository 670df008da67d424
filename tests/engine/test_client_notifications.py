"""Notifications as messages: what is selected, and what a message of them says."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from corewire.client._notifications import read_notification, selector_for
from corewire.client.message import Message
from corewire.errors import RemoteProtocolError
from corewire.values import Long


def test_types_are_selected_by_name_and_none_means_all() -> None:
    assert selector_for(()) is None
    assert selector_for(("CONSUMER_CREATED",)) == "_AMQ_NotifType IN ('CONSUMER_CREATED')"
    assert selector_for(("A", "B_2", "A")) == "_AMQ_NotifType IN ('A', 'B_2')"


@pytest.mark.parametrize("name", ["", "consumer_created", "A'", "A B", "ÄRGER"])
def test_what_can_be_no_type_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no type of notifications"):
        selector_for((name,))


def test_a_notification_has_type_time_and_the_rest() -> None:
    properties: dict[str, Any] = {
        "_AMQ_NotifType": "BINDING_ADDED",
        "_AMQ_NotifTimestamp": Long(1_700_000_000_123),
        "_AMQ_Distance": 0,
    }
    told = read_notification(Message(properties=properties))
    assert told.type == "BINDING_ADDED"
    assert told.timestamp == datetime(2023, 11, 14, 22, 13, 20, 123_000, tzinfo=UTC)
    assert dict(told.properties) == {"_AMQ_Distance": 0}


@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"_AMQ_NotifType": "A"},
        {"_AMQ_NotifType": 7, "_AMQ_NotifTimestamp": 1},
        {"_AMQ_NotifType": "A", "_AMQ_NotifTimestamp": "now"},
        {"_AMQ_NotifType": "A", "_AMQ_NotifTimestamp": 1 << 62},
    ],
)
def test_another_message_is_no_notification(properties: dict[str, Any]) -> None:
    with pytest.raises(RemoteProtocolError, match="no notification"):
        read_notification(Message(properties=properties))
