"""Sessions: opening and re-attaching them (channel 1), and what every session channel speaks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from corewire.wire.versions import VERSION

if TYPE_CHECKING:
    from corewire.wire.types import Bool, Int, Long, NullableSimpleString, NullableString, Remaining, Since, String


@dataclass(slots=True)
class CreateSession:
    TYPE: ClassVar[int] = 30
    NAME: ClassVar[str] = "CREATESESSION"

    name: String
    session_channel_id: Long
    version: Int
    username: NullableString = None
    password: NullableString = None
    min_large_message_size: Int = 102400
    xa: Bool = False
    auto_commit_sends: Bool = True
    auto_commit_acks: Bool = True
    window_size: Int = -1
    pre_acknowledge: Bool = False
    default_address: NullableString = None


@dataclass(slots=True)
class CreateSessionV2:
    TYPE: ClassVar[int] = -18
    NAME: ClassVar[str] = "CREATESESSION_V2"

    name: String
    session_channel_id: Long
    version: Int
    username: NullableString = None
    password: NullableString = None
    min_large_message_size: Int = 102400
    xa: Bool = False
    auto_commit_sends: Bool = True
    auto_commit_acks: Bool = True
    window_size: Int = -1
    pre_acknowledge: Bool = False
    default_address: NullableString = None
    client_id: NullableString = None


@dataclass(slots=True)
class CreateSessionResponse:
    """The server's own version; both sides go by the lower of theirs."""

    TYPE: ClassVar[int] = 31
    NAME: ClassVar[str] = "CREATESESSION_RESP"

    server_version: Int = VERSION


@dataclass(slots=True)
class ReattachSession:
    TYPE: ClassVar[int] = 32
    NAME: ClassVar[str] = "REATTACH_SESSION"

    name: String
    last_confirmed_command_id: Int


@dataclass(slots=True)
class ReattachSessionResponse:
    TYPE: ClassVar[int] = 33
    NAME: ClassVar[str] = "REATTACH_SESSION_RESP"

    last_confirmed_command_id: Int
    reattached: Bool


@dataclass(slots=True)
class CheckForFailover:
    TYPE: ClassVar[int] = -4
    NAME: ClassVar[str] = "CHECK_FOR_FAILOVER"

    node_id: NullableString


@dataclass(slots=True)
class CheckForFailoverReply:
    TYPE: ClassVar[int] = -5
    NAME: ClassVar[str] = "CHECK_FOR_FAILOVER_REPLY"

    ok_to_failover: Bool


@dataclass(slots=True)
class DisconnectConsumerKill:
    TYPE: ClassVar[int] = 13
    NAME: ClassVar[str] = "DISCONNECT_CONSUMER_KILL"

    node_id: NullableSimpleString


@dataclass(slots=True)
class ExceptionResponse:
    """A request was refused. The correlation id is there only where the request had one."""

    TYPE: ClassVar[int] = 20
    NAME: ClassVar[str] = "EXCEPTION"

    code: Int
    message: NullableString
    correlation_id: Annotated[Long | None, Since("correlation_ids"), Remaining(8)] = None


@dataclass(slots=True)
class NullResponse:
    """Done. Requests without a correlation id are answered with -1."""

    TYPE: ClassVar[int] = 21
    NAME: ClassVar[str] = "NULL_RESPONSE"

    correlation_id: Annotated[Long | None, Since("correlation_ids"), Remaining(8)] = -1


@dataclass(slots=True)
class PacketsConfirmed:
    """All commands up to this number, counted from 0, were processed."""

    TYPE: ClassVar[int] = 22
    NAME: ClassVar[str] = "PACKETS_CONFIRMED"

    command_id: Int


@dataclass(slots=True)
class SessionStart:
    TYPE: ClassVar[int] = 67
    NAME: ClassVar[str] = "SESS_START"


@dataclass(slots=True)
class SessionStop:
    TYPE: ClassVar[int] = 68
    NAME: ClassVar[str] = "SESS_STOP"


@dataclass(slots=True)
class SessionClose:
    TYPE: ClassVar[int] = 69
    NAME: ClassVar[str] = "SESS_CLOSE"


@dataclass(slots=True)
class SessionAddMetadata:
    TYPE: ClassVar[int] = 104
    NAME: ClassVar[str] = "SESS_ADD_METADATA"

    key: String
    data: String


@dataclass(slots=True)
class SessionAddMetadata2:
    TYPE: ClassVar[int] = 105
    NAME: ClassVar[str] = "SESS_ADD_METADATA2"

    key: String
    data: String
    requires_confirmation: Bool = True


@dataclass(slots=True)
class SessionUniqueAddMetadata:
    """Refused with code 114 while another session has the same."""

    TYPE: ClassVar[int] = 106
    NAME: ClassVar[str] = "SESS_UNIQUE_ADD_METADATA"

    key: String
    data: String
    requires_confirmation: Bool = True
