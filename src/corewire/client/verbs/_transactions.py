"""Transactions of a session: local ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire.client._registry import Registry

if TYPE_CHECKING:
    from corewire._operation import Operation
    from corewire.client._ids import SessionId


class TransactionVerbs(Registry):
    """Commands that end transactions."""

    def commit(self, now: float, session: SessionId) -> Operation[None]:
        """Make what was sent and received take effect.

        Fails with TransactionRolledBack (run it again), TransactionOutcomeUnknown (it may have happened),
        DuplicateIdRejected, NotConnected.
        """
        found = self._open_session(session)
        found.only_transacted("commit")
        found.tries.check_none("commit")
        return found.run(now, found.transaction.commit())

    def rollback(
        self, now: float, session: SessionId, *, consider_last_delivered: bool = False, leaving: bool = False
    ) -> Operation[None]:
        """Undo what was sent; messages that were received, or only came, are delivered again.

        In a session that is not transacted it gives back what was not acknowledged. ``consider_last_delivered``: the message
        in hand counts as delivered. ``leaving``: it waits for no broker that is not there; until that was told, what is begun
        is undone as well, and its commit says so.
        """
        found = self._open_session(session)
        found.only_local("roll back")
        found.tries.check_none("rollback")
        script = found.transaction.roll_back(last_delivered=consider_last_delivered)
        return found.run(now, script, leaving=leaving)
