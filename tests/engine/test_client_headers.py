"""Headers: each keyword to its field or property, and refusals that name the header."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from corewire.client import _headers
from corewire.client._headers import Draft, apply, instant, kept_when_forwarded, message_id_text
from corewire.values import Address, Byte, Long, Queue, Topic

V1 = "ID:123e4567-e89b-12d3-b456-426614174000"


def draft(**headers: Any) -> Draft:
    made = Draft(0, b"", {})
    apply(made, headers)
    return made


@pytest.mark.parametrize(
    ("headers", "properties"),
    [
        ({"correlation_id": "c"}, {"JMSCorrelationID": "c"}),
        ({"correlation_id": b"c"}, {"JMSCorrelationID": b"c"}),
        ({"jms_type": "t"}, {"JMSType": "t"}),
        ({"reply_to": "orders"}, {"JMSReplyTo": "queue://orders"}),
        ({"reply_to": Topic("t", temporary=True)}, {"JMSReplyTo": "temp-topic://t"}),
        ({"reply_to": Queue("q")}, {"JMSReplyTo": "queue://q"}),
        ({"reply_to": Address("a")}, {"JMSReplyTo": "a"}),
        ({"group_id": "g", "group_sequence": -1}, {"_AMQ_GROUP_ID": "g", "_AMQ_GROUP_SEQUENCE": -1}),
        ({"duplicate_id": b"d"}, {"_AMQ_DUPL_ID": b"d"}),
        ({"last_value": "k"}, {"_AMQ_LVQ_NAME": "k"}),
        ({"content_type": "text/csv"}, {"_AMQ_CONTENT_TYPE": "text/csv"}),
        ({"deliver_at": datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)}, {"_AMQ_SCHED_DELIVERY": 1000}),
        (
            {"deliver_at": datetime(1970, 1, 1, 1, 0, 1, tzinfo=timezone(timedelta(hours=1)))},
            {"_AMQ_SCHED_DELIVERY": 1000},
        ),
        ({"properties": {"a": 1, "b": bytearray(b"x")}}, {"a": 1, "b": b"x"}),
    ],
)
def test_a_header_becomes_a_property(headers: dict[str, Any], properties: dict[str, object]) -> None:
    assert draft(**headers).properties == properties


def test_headers_become_fields() -> None:
    made = draft(durable=False, priority=9, ttl=1.5, delivery_delay=timedelta(minutes=5), message_id=V1)
    assert (made.durable, made.priority, made.ttl, made.delay) == (False, 9, 1500, 300_000)
    assert message_id_text(made.user_id or b"") == V1
    assert (draft(ttl=0.0001).ttl, draft(delivery_delay=0).delay) == (1, 0)
    assert type(draft(deliver_at=datetime(2027, 1, 1, tzinfo=UTC)).properties["_AMQ_SCHED_DELIVERY"]) is Long


@pytest.mark.parametrize(
    ("headers", "error", "words"),
    [
        ({"timeToLive": 5}, TypeError, "'timeToLive' is no header"),
        ({"durable": 1}, TypeError, "durable: bool, not int"),
        ({"priority": "high"}, TypeError, "priority: int, not str"),
        ({"priority": True}, TypeError, "priority: int, not bool"),
        ({"priority": 10}, ValueError, "priority: 0 to 9, not 10"),
        ({"ttl": "60"}, TypeError, "ttl: int or float or timedelta, not str"),
        ({"ttl": 0}, ValueError, "ttl: more than 0"),
        ({"ttl": -1}, ValueError, "ttl: seconds from 0 on"),
        ({"ttl": float("inf")}, ValueError, "ttl: seconds from 0 on"),
        ({"ttl": 1e300}, ValueError, "ttl: seconds from 0 on"),
        ({"delivery_delay": timedelta(days=-1)}, ValueError, "delivery_delay: seconds from 0 on"),
        ({"deliver_at": 5}, TypeError, "deliver_at: datetime, not int"),
        ({"deliver_at": datetime(2027, 1, 1)}, ValueError, "deliver_at: a datetime with a time zone"),  # noqa: DTZ001
        ({"deliver_at": datetime(1969, 1, 1, tzinfo=UTC)}, ValueError, "deliver_at: after 1970"),
        ({"deliver_at": datetime(2027, 1, 1, tzinfo=UTC), "delivery_delay": 1}, ValueError, "excludes delivery_delay"),
        ({"properties": [1]}, TypeError, "properties: Mapping, not list"),
        ({"properties": {7: 1}}, TypeError, "properties: 7 is no name"),
        ({"properties": {"": 1}}, TypeError, "properties: '' is no name"),
        ({"properties": {"a": [1]}}, TypeError, "properties: 'a': a value is"),
        ({"properties": {"a": 1 << 63}}, ValueError, "properties: 'a': .* 64 bits"),
        ({"properties": {"_AMQ_GROUP_ID": "x"}}, ValueError, "properties: '_AMQ_GROUP_ID' is set by group_id="),
        ({"properties": {"JMSXGroupSeq": 1}}, ValueError, "is set by group_sequence="),
        ({"properties": {"_AMQ_ROUTING_TYPE": Byte(1)}}, ValueError, "is set by the client itself"),
        ({"correlation_id": 7}, TypeError, "correlation_id: str or bytes, not int"),
        ({"reply_to": 7}, TypeError, "reply_to: str or Queue or Topic or Address, not int"),
        ({"reply_to": "tpoic://x"}, ValueError, "reply_to: "),
        ({"group_sequence": 1 << 31}, ValueError, "group_sequence: "),
        ({"duplicate_id": 7}, TypeError, "duplicate_id: "),
        ({"message_id": 7}, TypeError, "message_id: str, not int"),
        ({"message_id": "ID:7"}, ValueError, "message_id: ID: and a UUID of version 1"),
        ({"message_id": "ID:123e4567-e89b-42d3-b456-426614174000"}, ValueError, "version 1"),
        ({"message_id": V1[3:]}, ValueError, "message_id: ID: and"),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_header(
    headers: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        draft(**headers)


def test_a_delay_and_a_point_in_time_replace_each_other() -> None:
    made = draft(delivery_delay=5)
    apply(made, {"deliver_at": datetime(2027, 1, 1, tzinfo=UTC)})
    assert made.delay == 0
    apply(made, {"delivery_delay": 5})
    assert (made.delay, made.properties) == (5000, {})


def test_new_properties_replace_the_old_but_not_what_has_a_keyword() -> None:
    made = draft(properties={"a": 1}, group_id="g")
    apply(made, {"properties": {"b": 2}})
    assert made.properties == {"b": 2, "_AMQ_GROUP_ID": "g"}


def test_what_belongs_to_the_journey_is_not_forwarded() -> None:
    journey: dict[str, Any] = dict.fromkeys(
        [
            *("_AMQ_DUPL_ID", "_AMQ_ROUTE_TO", "_AMQ_ROUTE_TObridge", "_AMQ_ORIG_ADDRESS", "_AMQ_ORIG_QUEUE"),
            *("_AMQ_SCHED_DELIVERY", "_AMQ_LARGE_SIZE", "_AMQ_GROUP_SEQUENCE", "_AMQ_ROUTING_TYPE", "__AMQ_CID"),
        ]
    )
    kept: dict[str, Any] = {"a": Byte(1), "JMSCorrelationID": "c", "_AMQ_GROUP_ID": "g", "_AMQ_CONTENT_TYPE": "t"}
    assert kept_when_forwarded({**journey, **kept}) == kept


def test_points_in_time_that_no_calendar_reaches_are_none() -> None:
    assert instant(1000) == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert instant(0) is None
    assert instant(-5) is None
    assert instant((1 << 63) - 1) is None
    assert _headers.KEYWORDS["_AMQ_LVQ_NAME"] == "last_value"
