"""Local transactions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

if TYPE_CHECKING:
    from corewire.wire.types import Bool, Long, Remaining, Since


@dataclass(slots=True)
class SessionCommit:
    """Answered always; the id is there only if the caller waits."""

    TYPE: ClassVar[int] = 43
    NAME: ClassVar[str] = "SESS_COMMIT"

    correlation_id: Annotated[Long | None, Since("commit_correlation"), Remaining(8)] = None


@dataclass(slots=True)
class SessionRollback:
    TYPE: ClassVar[int] = 44
    NAME: ClassVar[str] = "SESS_ROLLBACK"

    consider_last_message_as_delivered: Bool = False
