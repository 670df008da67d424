"""
Local transactions: what is at stake, and how commit and rollback end (Artemis: ``ClientSessionImpl.commit``).

A transaction that lost its session is *rollback-only*: the broker has already forgotten it. Its commit then undoes the
rest on this side and says so, and the session is of use again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire.client._calls import Command, Fate, Lost
from corewire.errors import CorewireError, TransactionOutcomeUnknown, TransactionRolledBack
from corewire.wire import packets

if TYPE_CHECKING:
    from corewire.client._calls import Script
    from corewire.client._session import Session


class Transaction:
    """The transaction of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.work_done = False  #: something was sent or handed out since the last commit or rollback
        self.rollback_only: CorewireError | None = None  #: why it cannot be committed any more
        self.rolling_back = False  #: messages that come now will be given back, not handed out

    def session_lost(self, error: CorewireError) -> None:
        """The broker gave up the session, and with it what was not committed."""
        if self._session.transacted and self.work_done:
            self.rollback_only = error

    def replayed(self, error: CorewireError) -> None:
        """Sends were written again to a broker that may have run them: each may be in the transaction twice."""
        if self._session.transacted:
            self.rollback_only = error

    def commit(self) -> Script[None]:
        """Make it take effect."""
        session = self._session
        if (why := self._doomed()) is not None:
            yield from self.roll_back()
            raise TransactionRolledBack("its session was lost, so the broker rolled it back") from why
        for consumer in session.consumers.values():
            consumer.flush_acknowledgements()
        try:
            yield Command(packets.SessionCommit(), packets.NullResponse, bound=self.work_done)
        except Lost as lost:
            if lost.final and not lost.written:
                raise
            if not lost.final:
                yield from self.roll_back()
            if not lost.written:
                raise TransactionRolledBack("its session was lost before the commit") from lost.error.__cause__
            raise TransactionOutcomeUnknown("the commit was not answered") from lost.error.__cause__
        if (why := self._doomed()) is not None:  # since the commit was written
            yield from self.roll_back()
            raise TransactionOutcomeUnknown("the session was lost during the commit") from why
        self.work_done = False

    def _doomed(self) -> CorewireError | None:
        return self.rollback_only

    def roll_back(self, *, last_delivered: bool = False) -> Script[None]:
        """Undo it: sends are forgotten, messages come again, those that were handed out with a higher delivery count.

        In AUTO mode only the message in hand was handed out and not acknowledged: ``last_delivered`` counts it. In the
        other modes all that was handed out is acknowledged before, so that the broker counts each of them.

        A session that is made anew while it is to stop has nothing to undo: what came on it since is delivered, and must not
        be given back behind the back of whoever takes it.
        """
        session = self._session
        restart, lost = session.started, False
        self.rolling_back = True
        try:
            if restart:
                stop = Command(packets.SessionStop(), packets.NullResponse, Fate.DONE)
                yield stop
                lost = stop.epoch != session.epoch
            if not lost:
                for consumer in session.consumers.values():
                    consumer.give_back()
                counted = last_delivered and not session.acknowledges_in_transaction
                yield Command(packets.SessionRollback(counted), packets.NullResponse, Fate.DONE)
        finally:
            self.rolling_back = False
        self.work_done = False
        self.rollback_only = None
        if restart and not lost:
            session.post(packets.SessionStart())
