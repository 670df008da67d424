"""Management as messages: what is asked as Artemis' helper asks it, and whatever an answer holds is a result or an error."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corewire.client._management import (
    QueueStats,
    attribute_question,
    operation_question,
    queues_question,
    read_answer,
    read_queues,
)
from corewire.client.message import Message
from corewire.errors import ManagementError, RemoteProtocolError
from corewire.values import RoutingType

DONE = {"_AMQ_OperationSucceeded": True}
FAILED = {"_AMQ_OperationSucceeded": False}
ROW = {
    "name": "orders",
    "address": "shop",
    "routingType": "ANYCAST",
    "durable": "true",
    "paused": "false",
    "consumerCount": "2",
    "messageCount": "7",
    "messagesAdded": "100",
    "messagesAcked": "93",
    "messagesExpired": "1",
    "messagesKilled": "4",
    "deliveringCount": "3",
    "scheduledCount": "5",
    "internalQueue": "false",
    "ringSize": "-1",
}
jsons = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_an_operation_is_named_in_properties_and_its_parameters_stand_in_the_body() -> None:
    question = operation_question("queue.orders", "moveMessages", ["a = 'x'", "other", True, 3, None])
    assert question.properties == {"_AMQ_ResourceName": "queue.orders", "_AMQ_OperationName": "moveMessages"}
    assert question.text == '["a = \'x\'", "other", true, 3, null]'
    assert operation_question("broker", "getNodeID", []).text == "[]"


def test_an_attribute_needs_no_body() -> None:
    question = attribute_question("broker", "Version")
    assert question.properties == {"_AMQ_ResourceName": "broker", "_AMQ_Attribute": "Version"}
    assert question.body is None


@given(jsons)
def test_a_result_is_what_the_answer_holds(result: Any) -> None:
    assert read_answer(Message(json.dumps([result]), properties=DONE), "broker x") == result


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ('["AMQ229067: Cannot find resource with name nope"]', "AMQ229067: Cannot find resource"),
        ("[null]", "it failed without a reason"),
    ],
)
def test_a_failure_says_why_and_of_what(body: str, text: str) -> None:
    with pytest.raises(ManagementError, match=text) as failed:
        read_answer(Message(body, properties=FAILED), "nope x")
    assert failed.value.subject == "nope x"


@pytest.mark.parametrize(
    "answer",
    [
        Message("[1]"),
        Message("[1]", properties={"_AMQ_OperationSucceeded": "true"}),
        Message(b"[1]", properties=DONE),
        Message(None, properties=DONE),
        *(Message(body, properties=DONE) for body in ("", "[", "1", "[]", "[1, 2]", "{}", "nonsense")),
    ],
    ids=repr,
)
def test_what_is_no_answer_is_the_brokers_mistake(answer: Message) -> None:
    with pytest.raises(RemoteProtocolError):
        read_answer(answer, "broker x")


@pytest.mark.parametrize(
    "deep", ["[" * 100_000, "[" * 100_000 + "]" * 100_000, '{"a":' * 100_000], ids=["open", "closed", "maps"]
)
def test_json_that_is_nested_without_end_is_the_brokers_mistake(deep: str) -> None:
    for properties in (DONE, FAILED):
        with pytest.raises(RemoteProtocolError, match="no JSON"):
            read_answer(Message(deep, properties=properties), "broker x")
    with pytest.raises(RemoteProtocolError, match="no JSON"):
        read_queues(deep)


def test_a_page_of_queues_is_asked_for_as_artemis_sorts_and_filters() -> None:
    question = queues_question("ord", page=2, page_size=10, sort="messages_acknowledged", descending=True)
    options, page, size = json.loads(question.text)
    assert (page, size) == (2, 10)
    assert json.loads(options) == {
        "field": "name",
        "operation": "CONTAINS",
        "value": "ord",
        "sortField": "messagesAcked",
        "sortOrder": "desc",
    }


def test_a_page_of_queues_is_read_from_text() -> None:
    page = read_queues(json.dumps({"data": [ROW], "count": 51}))
    assert page.total == 51
    assert page.items == (
        QueueStats(
            name="orders",
            address="shop",
            routing_type=RoutingType.ANYCAST,
            durable=True,
            paused=False,
            consumer_count=2,
            message_count=7,
            messages_added=100,
            messages_acknowledged=93,
            messages_expired=1,
            messages_killed=4,
            delivering_count=3,
            scheduled_count=5,
            internal=False,
        ),
    )


@given(jsons | st.fixed_dictionaries({"data": jsons, "count": jsons}) | st.text())
def test_what_is_no_page_is_the_brokers_mistake(result: Any) -> None:
    with suppress(RemoteProtocolError):
        read_queues(result)


@pytest.mark.parametrize("column", ["messageCount", "durable", "routingType"])
def test_a_row_that_lacks_something_is_the_brokers_mistake(column: str) -> None:
    row = {name: value for name, value in ROW.items() if name != column}
    with pytest.raises(RemoteProtocolError, match=column):
        read_queues(json.dumps({"data": [row], "count": 1}))
