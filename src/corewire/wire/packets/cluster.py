"""Brokers among themselves: cluster control (channel 3) and federation (channel 4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from corewire.wire.types import (
        Bool,
        Connector,
        FederationPolicies,
        FederationStream,
        FederationTransformers,
        Int,
        Long,
        NullableSimpleString,
        NullableString,
        OptionalConnector,
        OptionalCredentials,
        Remainder,
        SimpleString,
        String,
    )


@dataclass(slots=True)
class ClusterConnect:
    TYPE: ClassVar[int] = 125
    NAME: ClassVar[str] = "CLUSTER_CONNECT"

    cluster_user: String
    cluster_password: String


@dataclass(slots=True)
class ClusterConnectReply:
    TYPE: ClassVar[int] = 126
    NAME: ClassVar[str] = "CLUSTER_CONNECT_REPLY"

    authorized: Bool


@dataclass(slots=True)
class NodeAnnounce:
    TYPE: ClassVar[int] = 111
    NAME: ClassVar[str] = "NODE_ANNOUNCE"

    node_id: String
    backup_group_name: NullableString
    backup: Bool
    current_event_id: Long
    connector: OptionalConnector
    backup_connector: OptionalConnector
    scale_down_group_name: NullableString = None


@dataclass(slots=True)
class BackupRegistration:
    TYPE: ClassVar[int] = 115
    NAME: ClassVar[str] = "BACKUP_REGISTRATION"

    cluster_user: String
    cluster_password: String
    backup_wants_fail_back: Bool
    connector: Connector


@dataclass(slots=True)
class BackupRegistrationFailed:
    """0 exception, 1 authentication, 2 already replicating."""

    TYPE: ClassVar[int] = 116
    NAME: ClassVar[str] = "BACKUP_REGISTRATION_FAILED"

    problem: Int


@dataclass(slots=True)
class BackupRequest:
    TYPE: ClassVar[int] = 127
    NAME: ClassVar[str] = "BACKUP_REQUEST"

    backup_size: Int
    journal_directory: NullableString
    bindings_directory: NullableString
    large_messages_directory: NullableString
    paging_directory: NullableString
    node_id: NullableSimpleString


@dataclass(slots=True)
class BackupRequestResponse:
    TYPE: ClassVar[int] = -1
    NAME: ClassVar[str] = "BACKUP_REQUEST_RESPONSE"

    backup_started: Bool


@dataclass(slots=True)
class ScaleDownAnnouncement:
    TYPE: ClassVar[int] = -6
    NAME: ClassVar[str] = "SCALEDOWN_ANNOUNCEMENT"

    target_node_id: SimpleString
    scaled_down_node_id: SimpleString


@dataclass(slots=True)
class QuorumVote:
    """The vote is laid out as its handler likes."""

    TYPE: ClassVar[int] = -2
    NAME: ClassVar[str] = "QUORUM_VOTE"

    handler_name: SimpleString
    vote: Remainder


@dataclass(slots=True)
class QuorumVoteReply:
    TYPE: ClassVar[int] = -3
    NAME: ClassVar[str] = "QUORUM_VOTE_REPLY"

    handler_name: SimpleString
    vote: Remainder


@dataclass(slots=True)
class FederationDownstreamConnect:
    TYPE: ClassVar[int] = -16
    NAME: ClassVar[str] = "FEDERATION_DOWNSTREAM_CONNECT"

    name: String
    credentials: OptionalCredentials
    policies: FederationPolicies
    transformers: FederationTransformers
    stream: FederationStream
