"""Queues: asking for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

if TYPE_CHECKING:
    from corewire.wire.types import (
        Bool,
        Byte,
        Group,
        GroupCount,
        Int,
        Long,
        NullableBool,
        NullableInt,
        NullableLong,
        NullableSimpleString,
        SimpleString,
    )


@dataclass(slots=True)
class SessionQueueQuery:
    TYPE: ClassVar[int] = 45
    NAME: ClassVar[str] = "SESS_QUEUEQUERY"

    queue_name: SimpleString


@dataclass(slots=True)
class SessionQueueQueryResponse:
    TYPE: ClassVar[int] = 46
    NAME: ClassVar[str] = "SESS_QUEUEQUERY_RESP"

    exists: Bool
    durable: Bool
    temporary: Bool
    consumer_count: Int
    message_count: Long
    filter: NullableSimpleString
    address: NullableSimpleString
    name: NullableSimpleString


@dataclass(slots=True)
class SessionQueueQueryResponseV2:
    TYPE: ClassVar[int] = -7
    NAME: ClassVar[str] = "SESS_QUEUEQUERY_RESP_V2"

    exists: Bool
    durable: Bool
    temporary: Bool
    consumer_count: Int
    message_count: Long
    filter: NullableSimpleString
    address: NullableSimpleString
    name: NullableSimpleString
    auto_create_queues: Bool


@dataclass(slots=True)
class SessionQueueQueryResponseV3:
    TYPE: ClassVar[int] = -14
    NAME: ClassVar[str] = "SESS_QUEUEQUERY_RESP_V3"

    exists: Bool
    durable: Bool
    temporary: Bool
    consumer_count: Int
    message_count: Long
    filter: NullableSimpleString
    address: NullableSimpleString
    name: NullableSimpleString
    auto_create_queues: Bool
    auto_created: Bool
    purge_on_no_consumers: Bool
    routing_type: Byte
    max_consumers: Int
    exclusive: Annotated[NullableBool, Group(1)] = None
    last_value: Annotated[NullableBool, Group(1)] = None
    default_consumer_window_size: Annotated[NullableInt, Group(2)] = None
    last_value_key: Annotated[NullableSimpleString, Group(3)] = None
    non_destructive: Annotated[NullableBool, Group(3)] = None
    consumers_before_dispatch: Annotated[NullableInt, Group(3)] = None
    delay_before_dispatch: Annotated[NullableLong, Group(3)] = None
    group_rebalance: Annotated[NullableBool, Group(3)] = None
    group_buckets: Annotated[NullableInt, Group(3)] = None
    auto_delete: Annotated[NullableBool, Group(3)] = None
    auto_delete_delay: Annotated[NullableLong, Group(3)] = None
    auto_delete_message_count: Annotated[NullableLong, Group(3)] = None
    group_first_key: Annotated[NullableSimpleString, Group(4)] = None
    ring_size: Annotated[NullableLong, Group(5)] = None
    enabled: Annotated[NullableBool, Group(6)] = None
    group_rebalance_pause_dispatch: Annotated[NullableBool, Group(7)] = None
    configuration_managed: Annotated[NullableBool, Group(8)] = None
    groups_present: GroupCount = 8
