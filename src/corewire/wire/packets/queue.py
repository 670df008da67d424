"""Addresses and queues: creating and deleting them."""

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
        NullableBool,
        NullableInt,
        NullableLong,
        NullableSimpleString,
        SimpleString,
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
