"""Branches of distributed transactions: the commands of an ``XAResource``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire.client._registry import Registry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from corewire._operation import Operation
    from corewire.client._ids import SessionId
    from corewire.client._xa import XaVerb
    from corewire.errors import XaCode
    from corewire.values import Xid


class XaVerbs(Registry):
    """Commands about branches, for sessions made with ``xa``. All fail with XaError and nothing else.

    They raise LocalProtocolError for other sessions, and as all commands for those that are closed.
    """

    def xa(
        self, now: float, session: SessionId, verb: XaVerb, xid: Xid | None, *, flag: bool = False
    ) -> Operation[XaCode | None]:
        """One step of a branch; ``suspend`` is about the current one and takes no Xid.

        ``flag``: ``end``: the work has failed; ``commit``: in one phase, without ``prepare``. The result is XA_RDONLY where
        ``prepare`` found nothing to decide, else None.
        """
        return self._open_session(session).branches.run(now, verb, xid, flag=flag)

    def xa_recover(self, now: float, session: SessionId) -> Operation[Sequence[Xid]]:
        """The branches that wait for a decision at the broker, and those decided heuristically and not forgotten yet."""
        return self._open_session(session).branches.recover(now)

    def xa_set_timeout(self, now: float, session: SessionId, seconds: int) -> Operation[bool]:
        """How long a branch may stay unprepared, those of this session from now on; 0: as the broker is configured."""
        return self._open_session(session).branches.set_timeout(now, seconds)

    def xa_get_timeout(self, now: float, session: SessionId) -> Operation[int]:
        """Seconds that the broker is configured for (Artemis does not tell what was set for the session)."""
        return self._open_session(session).branches.get_timeout(now)
