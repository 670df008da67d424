"""What brokers of a federation tell each other of their policies: values of one packet, like packets but without a type code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from corewire.wire.types import (
        Bool,
        BufferNullableBool,
        BufferNullableInt,
        BufferNullableLong,
        Connector,
        Double,
        Int,
        Long,
        NullableString,
        QueueMatchers,
        String,
        Strings,
        TransformerProperties,
    )

JAVA_PACKAGE: Final = "org.apache.activemq.artemis.core.config.federation"


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
