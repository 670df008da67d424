"""
Management by messages: what is asked of the broker's resources, and what its answers say (Artemis: ``ManagementHelper``, ``JsonUtil``).

A question names a resource and an operation, or an attribute, in its properties; parameters are a JSON array in a text body. The
answer is a text: a JSON array of one, the result, or with `_AMQ_OperationSucceeded` false what went wrong.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final, Generic, TypeAlias, TypeVar, cast

from corewire.client.message import Message
from corewire.errors import ManagementError, RemoteProtocolError
from corewire.values import Address, MessageType, RoutingType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Row = TypeVar("Row")
JsonValue: TypeAlias = bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"] | None

MANAGEMENT: Final = Address("activemq.management")
BROKER: Final = "broker"
LIST_QUEUES: Final = "listQueues"
_RESOURCE: Final = "_AMQ_ResourceName"
_OPERATION: Final = "_AMQ_OperationName"
_ATTRIBUTE: Final = "_AMQ_Attribute"
_SUCCEEDED: Final = "_AMQ_OperationSucceeded"


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """A piece of a list."""

    items: Sequence[Row]
    total: int  #: what matches, on all pages


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStats:
    """A queue as a broker lists it. Counts of messages are of those that came since its start, where not of those that are there."""

    name: str
    address: str
    routing_type: RoutingType
    durable: bool
    paused: bool
    consumer_count: int
    message_count: int  #: there now, those being delivered and scheduled included
    messages_added: int
    messages_acknowledged: int
    messages_expired: int
    messages_killed: int  #: delivered too often
    delivering_count: int
    scheduled_count: int
    internal: bool  #: the broker's own


_NAMES: Final = {  # where Artemis' name is not ours in camel case
    "messages_acknowledged": "messagesAcked",
    "internal": "internalQueue",
}


def _artemis_name(field: str) -> str:
    head, *rest = field.split("_")
    return _NAMES.get(field) or head + "".join(word.capitalize() for word in rest)


_COLUMNS: Final = {field.name: _artemis_name(field.name) for field in fields(QueueStats)}


def operation_question(resource: str, operation: str, parameters: Sequence[JsonValue]) -> Message:
    """Ask for an operation. Raises TypeError or ValueError for parameters that JSON cannot hold."""
    body = json.dumps(list(parameters), allow_nan=False)
    return Message(body, properties={_RESOURCE: resource, _OPERATION: operation})


def attribute_question(resource: str, attribute: str) -> Message:
    """Ask for an attribute."""
    return Message(properties={_RESOURCE: resource, _ATTRIBUTE: attribute})


def read_answer(answer: Message, subject: str) -> JsonValue:
    """The result. Raises ManagementError if there is none because it failed, RemoteProtocolError for what is no answer."""
    succeeded = answer.properties.get(_SUCCEEDED)
    if not isinstance(succeeded, bool) or answer.type is not MessageType.TEXT:
        raise RemoteProtocolError(f"the answer to {subject} does not say whether it succeeded")
    result = None if answer.body is None else _only(_decoded(answer.text, subject), subject)
    if succeeded:
        return result
    text = "it failed without a reason" if result is None else str(result)
    raise ManagementError(text, subject=subject)


def _decoded(text: str, subject: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RemoteProtocolError(f"the answer to {subject} is no JSON: {error}") from error


def _only(result: Any, subject: str) -> JsonValue:
    results = cast("list[JsonValue]", result) if isinstance(result, list) else []
    if len(results) != 1:
        raise RemoteProtocolError(f"the answer to {subject} is not one result")
    return results[0]


# -- lists of queues -----------------------------------------------------------------------------------------------------


def queues_question(contains: str, *, page: int, page_size: int, sort: str, descending: bool) -> Message:
    """Ask for a page of the queues. Raises ValueError for a page that cannot be, and for what they cannot be sorted by."""
    if page < 1 or page_size < 1:
        raise ValueError("pages are counted from 1 and hold at least 1 row")
    if sort not in _COLUMNS:
        raise ValueError(f"queues are sorted by one of {', '.join(_COLUMNS)}, not by {sort!r}")
    options = {
        "field": "name" if contains else "",
        "operation": "CONTAINS" if contains else "",
        "value": contains,
        "sortField": _COLUMNS[sort],
        "sortOrder": "desc" if descending else "asc",
    }
    return operation_question(BROKER, LIST_QUEUES, [json.dumps(options), page, page_size])


def read_queues(result: JsonValue) -> Page[QueueStats]:
    """The page that an answer holds. Raises RemoteProtocolError for what is none."""
    subject = f"{BROKER} {LIST_QUEUES}"
    listed: Any = _decoded(result, subject) if isinstance(result, str) else result
    try:
        return Page(tuple(_queue(row) for row in listed["data"]), int(listed["count"]))
    except (KeyError, TypeError, ValueError) as error:
        raise RemoteProtocolError(f"the answer to {subject} is no list of queues: {error!r}") from error


def _queue(row: Mapping[str, Any]) -> QueueStats:
    values: dict[str, Any] = {}
    for field in fields(QueueStats):
        text = row[_COLUMNS[field.name]]
        match field.type:
            case "bool":
                values[field.name] = str(text).lower() == "true"
            case "int":
                values[field.name] = int(text)
            case "RoutingType":
                values[field.name] = RoutingType[text]
            case _:
                values[field.name] = str(text)
    return QueueStats(**values)
