"""Addresses and queues: creating, deleting, asking for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

if TYPE_CHECKING:
    from corewire.wire.types import (
        Bool,
        Byte,
        Bytes,
        Group,
        GroupCount,
        Int,
        Long,
        NullableBool,
        NullableInt,
        NullableLong,
        NullableSimpleString,
        SimpleString,
        SimpleStrings,
    )


@dataclass(slots=True)
class CreateAddress:
    TYPE: ClassVar[int] = -11
    NAME: ClassVar[str] = "CREATE_ADDRESS"

    address: SimpleString
    routing_types: Bytes
    requires_response: Bool = True
    auto_created: Bool = False


@dataclass(slots=True)
class CreateQueue:
    TYPE: ClassVar[int] = 34
    NAME: ClassVar[str] = "CREATE_QUEUE"

    address: SimpleString
    queue_name: SimpleString
    filter: NullableSimpleString = None
    durable: Bool = True
    temporary: Bool = False
    requires_response: Bool = True


@dataclass(slots=True)
class CreateQueueV2:
    TYPE: ClassVar[int] = -12
    NAME: ClassVar[str] = "CREATE_QUEUE_V2"

    address: SimpleString
    queue_name: SimpleString
    filter: NullableSimpleString = None
    durable: Bool = True
    temporary: Bool = False
    requires_response: Bool = True
    auto_created: Bool = False
    routing_type: Byte = -1
    max_consumers: Int = -1
    purge_on_no_consumers: Bool = False
    exclusive: Annotated[NullableBool, Group(1)] = None
    last_value: Annotated[NullableBool, Group(1)] = None
    last_value_key: Annotated[NullableSimpleString, Group(2)] = None
    non_destructive: Annotated[NullableBool, Group(2)] = None
    consumers_before_dispatch: Annotated[NullableInt, Group(2)] = None
    delay_before_dispatch: Annotated[NullableLong, Group(2)] = None
    group_rebalance: Annotated[NullableBool, Group(2)] = None
    group_buckets: Annotated[NullableInt, Group(2)] = None
    auto_delete: Annotated[NullableBool, Group(2)] = None
    auto_delete_delay: Annotated[NullableLong, Group(2)] = None
    auto_delete_message_count: Annotated[NullableLong, Group(2)] = None
    group_first_key: Annotated[NullableSimpleString, Group(3)] = None
    ring_size: Annotated[NullableLong, Group(4)] = None
    enabled: Annotated[NullableBool, Group(5)] = None
    group_rebalance_pause_dispatch: Annotated[NullableBool, Group(6)] = None
    groups_present: GroupCount = 6


@dataclass(slots=True)
class CreateSharedQueue:
    TYPE: ClassVar[int] = 36
    NAME: ClassVar[str] = "CREATE_SHARED_QUEUE"

    address: SimpleString
    queue_name: SimpleString
    filter: NullableSimpleString = None
    durable: Bool = True
    requires_response: Bool = True


@dataclass(slots=True)
class CreateSharedQueueV2:
    """Not the old layout and more: other order, other nullables."""

    TYPE: ClassVar[int] = -13
    NAME: ClassVar[str] = "CREATE_SHARED_QUEUE_V2"

    address: SimpleString
    queue_name: SimpleString
    filter: NullableSimpleString = None
    durable: Bool = True
    routing_type: Byte = -1
    requires_response: Bool = True
    max_consumers: Annotated[NullableInt, Group(1)] = None
    purge_on_no_consumers: Annotated[NullableBool, Group(1)] = None
    exclusive: Annotated[NullableBool, Group(1)] = None
    last_value: Annotated[NullableBool, Group(1)] = None
    last_value_key: Annotated[NullableSimpleString, Group(2)] = None
    non_destructive: Annotated[NullableBool, Group(2)] = None
    consumers_before_dispatch: Annotated[NullableInt, Group(2)] = None
    delay_before_dispatch: Annotated[NullableLong, Group(2)] = None
    group_rebalance: Annotated[NullableBool, Group(2)] = None
    group_buckets: Annotated[NullableInt, Group(2)] = None
    auto_delete: Annotated[NullableBool, Group(2)] = None
    auto_delete_delay: Annotated[NullableLong, Group(2)] = None
    auto_delete_message_count: Annotated[NullableLong, Group(2)] = None
    group_first_key: Annotated[NullableSimpleString, Group(3)] = None
    ring_size: Annotated[NullableLong, Group(4)] = None
    enabled: Annotated[NullableBool, Group(5)] = None
    group_rebalance_pause_dispatch: Annotated[NullableBool, Group(6)] = None
    groups_present: GroupCount = 6


@dataclass(slots=True)
class DeleteQueue:
    TYPE: ClassVar[int] = 35
    NAME: ClassVar[str] = "DELETE_QUEUE"

    queue_name: SimpleString


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


@dataclass(slots=True)
class SessionBindingQuery:
    TYPE: ClassVar[int] = 49
    NAME: ClassVar[str] = "SESS_BINDINGQUERY"

    address: SimpleString


@dataclass(slots=True)
class SessionBindingQueryResponse:
    TYPE: ClassVar[int] = 50
    NAME: ClassVar[str] = "SESS_BINDINGQUERY_RESP"

    exists: Bool
    queue_names: SimpleStrings


@dataclass(slots=True)
class SessionBindingQueryResponseV2:
    TYPE: ClassVar[int] = -8
    NAME: ClassVar[str] = "SESS_BINDINGQUERY_RESP_V2"

    exists: Bool
    queue_names: SimpleStrings
    auto_create_queues: Bool


@dataclass(slots=True)
class SessionBindingQueryResponseV3:
    TYPE: ClassVar[int] = -10
    NAME: ClassVar[str] = "SESS_BINDINGQUERY_RESP_V3"

    exists: Bool
    queue_names: SimpleStrings
    auto_create_queues: Bool
    auto_create_addresses: Bool


@dataclass(slots=True)
class SessionBindingQueryResponseV4:
    TYPE: ClassVar[int] = -15
    NAME: ClassVar[str] = "SESS_BINDINGQUERY_RESP_V4"

    exists: Bool
    queue_names: SimpleStrings
    auto_create_queues: Bool
    auto_create_addresses: Bool
    default_purge_on_no_consumers: Bool
    default_max_consumers: Int
    default_exclusive: Annotated[NullableBool, Group(1)] = None
    default_last_value: Annotated[NullableBool, Group(1)] = None
    default_last_value_key: Annotated[NullableSimpleString, Group(2)] = None
    default_non_destructive: Annotated[NullableBool, Group(2)] = None
    default_consumers_before_dispatch: Annotated[NullableInt, Group(2)] = None
    default_delay_before_dispatch: Annotated[NullableLong, Group(2)] = None
    groups_present: GroupCount = 2


@dataclass(slots=True)
class SessionBindingQueryResponseV5:
    TYPE: ClassVar[int] = -22
    NAME: ClassVar[str] = "SESS_BINDINGQUERY_RESP_V5"

    exists: Bool
    queue_names: SimpleStrings
    auto_create_queues: Bool
    auto_create_addresses: Bool
    default_purge_on_no_consumers: Bool
    default_max_consumers: Int
    default_exclusive: Annotated[NullableBool, Group(1)] = None
    default_last_value: Annotated[NullableBool, Group(1)] = None
    default_last_value_key: Annotated[NullableSimpleString, Group(2)] = None
    default_non_destructive: Annotated[NullableBool, Group(2)] = None
    default_consumers_before_dispatch: Annotated[NullableInt, Group(2)] = None
    default_delay_before_dispatch: Annotated[NullableLong, Group(2)] = None
    supports_multicast: Annotated[Bool | None, Group(3)] = True
    supports_anycast: Annotated[Bool | None, Group(3)] = True
    groups_present: GroupCount = 3
