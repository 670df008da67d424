"""A primary's journal on its way to a backup (channel 2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

if TYPE_CHECKING:
    from corewire.wire.types import (
        Bool,
        Byte,
        Data,
        FileType,
        IfEqual,
        IfNot,
        Int,
        Long,
        Longs,
        MaybeData,
        NullableSimpleString,
        Operation,
        PagedMessage,
        PageNumber,
        Remainder,
        Remaining,
        SimpleString,
        Since,
        String,
    )


@dataclass(slots=True)
class ReplicationResponse:
    TYPE: ClassVar[int] = 90
    NAME: ClassVar[str] = "REPLICATION_RESPONSE"


@dataclass(slots=True)
class ReplicationResponseV2:
    TYPE: ClassVar[int] = -9
    NAME: ClassVar[str] = "REPLICATION_RESPONSE_V2"

    synchronization_is_finished_acknowledgement: Bool


@dataclass(slots=True)
class ReplicationAppend:
    """Operations: 0 update, 1 add, 2 event."""

    TYPE: ClassVar[int] = 91
    NAME: ClassVar[str] = "REPLICATION_APPEND"

    journal_id: Byte
    operation: Operation
    id: Long
    record_type: Byte
    data: Data


@dataclass(slots=True)
class ReplicationAppendTx:
    TYPE: ClassVar[int] = 92
    NAME: ClassVar[str] = "REPLICATION_APPEND_TX"

    journal_id: Byte
    operation: Operation
    tx_id: Long
    id: Long
    record_type: Byte
    data: Data


@dataclass(slots=True)
class ReplicationDelete:
    TYPE: ClassVar[int] = 93
    NAME: ClassVar[str] = "REPLICATION_DELETE"

    journal_id: Byte
    id: Long


@dataclass(slots=True)
class ReplicationDeleteTx:
    TYPE: ClassVar[int] = 94
    NAME: ClassVar[str] = "REPLICATION_DELETE_TX"

    journal_id: Byte
    tx_id: Long
    id: Long
    data: Data = b""


@dataclass(slots=True)
class ReplicationPrepare:
    TYPE: ClassVar[int] = 95
    NAME: ClassVar[str] = "REPLICATION_PREPARE"

    journal_id: Byte
    tx_id: Long
    data: Data


@dataclass(slots=True)
class ReplicationCommitRollback:
    TYPE: ClassVar[int] = 96
    NAME: ClassVar[str] = "REPLICATION_COMMIT_ROLLBACK"

    journal_id: Byte
    rollback: Bool
    tx_id: Long


@dataclass(slots=True)
class ReplicationPageWrite:
    TYPE: ClassVar[int] = 97
    NAME: ClassVar[str] = "REPLICATION_PAGE_WRITE"

    page_number: PageNumber
    paged_message: PagedMessage
    address: Annotated[NullableSimpleString, Since("long_page_numbers")] = None


@dataclass(slots=True)
class ReplicationPageEvent:
    TYPE: ClassVar[int] = 98
    NAME: ClassVar[str] = "REPLICATION_PAGE_EVENT"

    store_name: SimpleString
    page_number: PageNumber
    is_delete: Bool


@dataclass(slots=True)
class ReplicationLargeMessageBegin:
    TYPE: ClassVar[int] = 99
    NAME: ClassVar[str] = "REPLICATION_LARGE_MESSAGE_BEGIN"

    message_id: Long


@dataclass(slots=True)
class ReplicationLargeMessageWrite:
    TYPE: ClassVar[int] = 101
    NAME: ClassVar[str] = "REPLICATION_LARGE_MESSAGE_WRITE"

    message_id: Long
    data: Data


@dataclass(slots=True)
class ReplicationLargeMessageEnd:
    """A plain close passes record -1, so 1 is on the wire."""

    TYPE: ClassVar[int] = 100
    NAME: ClassVar[str] = "REPLICATION_LARGE_MESSAGE_END"

    message_id: Long
    negated_pending_record_id: Annotated[Long | None, Remaining(8)] = 1
    is_delete: Annotated[Bool | None, Remaining()] = False


@dataclass(slots=True)
class ReplicationSyncFile:
    """A piece of a file: 0 journal, 1 page, 2 large message. No data closes it. Artemis pads with what its buffer held."""

    TYPE: ClassVar[int] = 103
    NAME: ClassVar[str] = "REPLICATION_SYNC_FILE"

    file_id: Long
    file_type: Annotated[FileType | None, IfNot("file_id", -1)] = None
    journal: Annotated[Byte | None, IfEqual("file_type", 0)] = None
    store_name: Annotated[SimpleString | None, IfEqual("file_type", 1)] = None
    data: Annotated[MaybeData, IfNot("file_id", -1)] = None
    padding: Remainder = b""


@dataclass(slots=True)
class ReplicationStartFinishSync:
    TYPE: ClassVar[int] = 120
    NAME: ClassVar[str] = "REPLICATION_START_FINISH_SYNC"

    synchronization_is_finished: Bool
    allows_auto_fail_back: Bool
    node_id: String
    data_type: Annotated[Byte | None, Remaining()] = None
    ids: Annotated[Longs | None, IfNot("data_type", None)] = None


@dataclass(slots=True)
class ReplicationScheduledFailover:
    """0 stop was called, otherwise fail over."""

    TYPE: ClassVar[int] = 121
    NAME: ClassVar[str] = "REPLICATION_SCHEDULED_FAILOVER"

    problem: Int
