"""Values that several packets share, laid out field by field like packets but without a type code."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

from corewire import values

if TYPE_CHECKING:
    from corewire.wire.types import (
        Bool,
        BufferNullableBool,
        BufferNullableInt,
        BufferNullableLong,
        Byte,
        Connector,
        ConnectorParameters,
        Data,
        Double,
        IfEqual,
        IfNot,
        Int,
        Long,
        Longs,
        NullableSimpleString,
        NullableString,
        PersisterId,
        QueueMatchers,
        String,
        Strings,
        TransformerProperties,
    )

FEDERATION_PACKAGE: Final = "org.apache.activemq.artemis.core.config.federation"
INT_MIN: Final = -(2**31)
INT_MAX: Final = 2**31 - 1


def parameter_tag(value: bool | int | str) -> int:
    """Return the type byte of a connector's parameter: 0 bool, 1 int, 2 long, 3 string."""
    if isinstance(value, str):
        return 3
    if isinstance(value, bool):
        return 0
    return 2 if isinstance(value, values.Long) or not INT_MIN <= value <= INT_MAX else 1


@dataclass(slots=True, frozen=True)
class Xid:
    """A branch of a distributed transaction. On the wire the branch qualifier comes first."""

    format_id: Int
    branch_qualifier: Data
    global_transaction_id: Data


@dataclass(slots=True)
class TransportConfiguration:
    """
    How a node can be reached.

    Parameters of real peers are mostly strings, ``port`` and ``sslEnabled`` too; an ``int`` is written with 32 bits where it
    fits, ``values.Long`` always with 64. Keys that begin with ``EXTRA`` are the connector's extra properties.
    """

    EXTRA = "$.EP."

    name: String
    factory_class_name: String
    params: ConnectorParameters = field(default_factory=dict[str, bool | int | str])


@dataclass(slots=True)
class PersistedMessage:
    """A message as the persister of ordinary core messages writes it."""

    persister_id: PersisterId
    message_id: Long
    address: NullableSimpleString
    message: Data


@dataclass(slots=True)
class PagedMessage:
    """A message in a page file: a large one as its headers, any other as its persister wrote it."""

    transaction_id: Long
    large_type: Byte  #: 0 none, 1 core large, -1 old core large, 2 another protocol's
    headers: Annotated[Data | None, IfEqual("large_type", 1)]
    persisted: Annotated[PersistedMessage | None, IfNot("large_type", 1)]
    queue_ids: Longs


@dataclass(slots=True)
class FederationCredentials:
    user: NullableString
    password: NullableString


@dataclass(slots=True)
class QueueMatcher:
    address_match: NullableString
    queue_match: NullableString


@dataclass(slots=True)
class FederationQueuePolicy:
    name: String
    include_federated: Bool
    priority_adjustment: BufferNullableInt
    transformer_ref: NullableString
    includes: QueueMatchers
    excludes: QueueMatchers


@dataclass(slots=True)
class FederationAddressPolicy:
    name: String
    auto_delete: BufferNullableBool
    auto_delete_delay: BufferNullableLong
    auto_delete_message_count: BufferNullableLong
    max_hops: Int
    transformer_ref: NullableString
    includes: Strings
    excludes: Strings
    enable_divert_bindings: Bool


@dataclass(slots=True)
class FederationPolicySet:
    name: String
    policy_refs: Strings


FederationPolicy: TypeAlias = FederationQueuePolicy | FederationAddressPolicy | FederationPolicySet


@dataclass(slots=True)
class TransformerProperty:
    key: String
    value: String


@dataclass(slots=True)
class FederationTransformer:
    name: String
    transformer_class: String
    properties: TransformerProperties


@dataclass(slots=True)
class FederationConnection:
    """How the other side is to be called back. Artemis writes the retry interval twice and reads the second as maximum."""

    user: NullableString
    password: NullableString
    share_connection: Bool
    priority_adjustment: Int
    client_failure_check_period: Long
    connection_ttl: Long
    retry_interval: Long
    retry_interval_multiplier: Double
    max_retry_interval: Long
    initial_connect_attempts: Int
    reconnect_attempts: Int
    call_timeout: Long
    call_failover_timeout: Long


@dataclass(slots=True)
class FederationStream:
    name: String
    connection: FederationConnection
    policy_refs: Strings
    upstream: Connector
