"""Addresses: asking for them and the queues bound to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

if TYPE_CHECKING:
    from corewire.wire.types import (
        Bool,
        Group,
        GroupCount,
        Int,
        NullableBool,
        NullableInt,
        NullableLong,
        NullableSimpleString,
        SimpleString,
        SimpleStrings,
    )


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
