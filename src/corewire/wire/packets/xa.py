"""Distributed transactions, which few programs have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

if TYPE_CHECKING:
    from corewire.wire.types import Bool, Int, Long, NullableString, Remaining, Since, Xid, Xids


@dataclass(slots=True)
class SessionXaStart:
    TYPE: ClassVar[int] = 51
    NAME: ClassVar[str] = "SESS_XA_START"

    xid: Xid


@dataclass(slots=True)
class SessionXaEnd:
    TYPE: ClassVar[int] = 52
    NAME: ClassVar[str] = "SESS_XA_END"

    xid: Xid
    failed: Bool = False


@dataclass(slots=True)
class SessionXaCommit:
    TYPE: ClassVar[int] = 53
    NAME: ClassVar[str] = "SESS_XA_COMMIT"

    xid: Xid
    one_phase: Bool


@dataclass(slots=True)
class SessionXaPrepare:
    TYPE: ClassVar[int] = 54
    NAME: ClassVar[str] = "SESS_XA_PREPARE"

    xid: Xid


@dataclass(slots=True)
class SessionXaResponse:
    TYPE: ClassVar[int] = 55
    NAME: ClassVar[str] = "SESS_XA_RESP"

    error: Bool
    response_code: Int
    message: NullableString
    correlation_id: Annotated[Long | None, Since("correlation_ids"), Remaining(8)] = None


@dataclass(slots=True)
class SessionXaRollback:
    TYPE: ClassVar[int] = 56
    NAME: ClassVar[str] = "SESS_XA_ROLLBACK"

    xid: Xid


@dataclass(slots=True)
class SessionXaJoin:
    TYPE: ClassVar[int] = 57
    NAME: ClassVar[str] = "SESS_XA_JOIN"

    xid: Xid


@dataclass(slots=True)
class SessionXaSuspend:
    TYPE: ClassVar[int] = 58
    NAME: ClassVar[str] = "SESS_XA_SUSPEND"


@dataclass(slots=True)
class SessionXaResume:
    TYPE: ClassVar[int] = 59
    NAME: ClassVar[str] = "SESS_XA_RESUME"

    xid: Xid


@dataclass(slots=True)
class SessionXaForget:
    TYPE: ClassVar[int] = 60
    NAME: ClassVar[str] = "SESS_XA_FORGET"

    xid: Xid


@dataclass(slots=True)
class SessionXaFailed:
    TYPE: ClassVar[int] = 39
    NAME: ClassVar[str] = "SESS_XA_FAILED"

    xid: Xid


@dataclass(slots=True)
class SessionXaInDoubtXids:
    TYPE: ClassVar[int] = 61
    NAME: ClassVar[str] = "SESS_XA_INDOUBT_XIDS"


@dataclass(slots=True)
class SessionXaInDoubtXidsResponse:
    TYPE: ClassVar[int] = 62
    NAME: ClassVar[str] = "SESS_XA_INDOUBT_XIDS_RESP"

    xids: Xids


@dataclass(slots=True)
class SessionXaSetTimeout:
    TYPE: ClassVar[int] = 63
    NAME: ClassVar[str] = "SESS_XA_SET_TIMEOUT"

    seconds: Int


@dataclass(slots=True)
class SessionXaSetTimeoutResponse:
    TYPE: ClassVar[int] = 64
    NAME: ClassVar[str] = "SESS_XA_SET_TIMEOUT_RESP"

    ok: Bool


@dataclass(slots=True)
class SessionXaGetTimeout:
    TYPE: ClassVar[int] = 65
    NAME: ClassVar[str] = "SESS_XA_GET_TIMEOUT"


@dataclass(slots=True)
class SessionXaGetTimeoutResponse:
    TYPE: ClassVar[int] = 66
    NAME: ClassVar[str] = "SESS_XA_GET_TIMEOUT_RESP"

    seconds: Int
