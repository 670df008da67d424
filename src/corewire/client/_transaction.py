"""
Local transactions: what is at stake, and how commit and rollback end (Artemis: ``ClientSessionImpl.commit``).

A transaction that lost its session is *rollback-only*: the broker has already forgotten it. Its commit then undoes the
rest on this side and says so, and the session is of use again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire.client._calls import Command, Fate, Lost
from corewire.client._receipts import receipt
from corewire.errors import CorewireError, TransactionOutcomeUnknown, TransactionRolledBack
from corewire.wire import packets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from corewire.client._calls import Script
    from corewire.client._session import Session


class Transaction:
    """The transaction of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.work_done = False  #: something was sent or handed out since the last commit or rollback
        self.rollback_only: CorewireError | None = None  #: why it cannot be committed any more
        self.undoing = 0  #: rollbacks that are under way: messages that come now will be given back, not handed out

    @property
    def open(self) -> bool:
        """Whether what is done now belongs to it."""
        return self._session.transacted

    @property
    def binds(self) -> bool:
        """Whether what is sent now is of no use on a session that was made anew, even if it was not written before."""
        return False

    def announce(self, now: float) -> None:
        """The session was made anew: tell the broker what it must know before anything is done. Nothing, of a local one."""

    def session_lost(self, error: CorewireError) -> None:
        """The broker gave up the session, and with it what was not committed."""
        if self._session.transacted and self.work_done:
            self.rollback_only = error

    def replayed(self, error: CorewireError) -> None:
        """Sends were written again to a broker that may have run them: each may be in the transaction twice."""
        if self._session.transacted:
            self.rollback_only = error

    def commit(self, receipts: Sequence[str] = ()) -> Script[None]:
        """Make it take effect, together with receipts that have these ids.

        What is done from the call on belongs to the next transaction: so where an answer takes so long that the caller was told
        that nobody knows, and goes on. Where the session is lost then, that is for the next commit to tell.
        """
        session = self._session
        if self.undoing and self.rollback_only is None:
            self.rollback_only = TransactionRolledBack("a rollback is still under way, and undoes it")
        if (why := self.rollback_only) is not None:
            yield from self.roll_back()
            raise TransactionRolledBack("it was rolled back before the commit") from why
        for consumer in session.consumers.values():
            consumer.flush_acknowledgements()
        if session.error is None:
            for each in receipts:
                session.post(receipt(session.context, each))
        at_stake, self.work_done = self.work_done, False
        bound = at_stake or bool(receipts)
        try:
            yield Command(packets.SessionCommit(), packets.NullResponse, bound=bound, settled=bool(receipts))
        except Lost as lost:
            if lost.final and not lost.written:
                raise
            if not lost.final and self.rollback_only is None:
                yield from self.roll_back()
            if not lost.written:
                raise TransactionRolledBack("its session was lost before the commit") from lost.error.__cause__
            raise TransactionOutcomeUnknown("the commit was not answered") from lost.error.__cause__
        except CorewireError:
            self.work_done = self.work_done or at_stake
            raise

    def _stopped(self) -> Script[bool]:
        """Have nothing delivered any more. Returns whether the session was made anew meanwhile."""
        stop = Command(packets.SessionStop(), packets.NullResponse, Fate.DONE)
        yield stop
        return stop.epoch != self._session.epoch

    def roll_back(self, *, last_delivered: bool = False) -> Script[None]:
        """Undo it: sends are forgotten, messages come again, those that were handed out with a higher delivery count.

        In AUTO mode only the message in hand was handed out and not acknowledged: ``last_delivered`` counts it. In the
        other modes all that was handed out is acknowledged before, so that the broker counts each of them.

        A session that is made anew while it is to stop has nothing to undo: what came on it since is delivered, and must not
        be given back behind the back of whoever takes it.
        """
        session = self._session
        restart = session.started
        self.work_done, self.rollback_only = False, None
        for consumer in session.consumers.values():
            consumer.acknowledgements.copies.give_back()
        self.undoing += 1
        try:
            lost = restart and (yield from self._stopped())
            if not lost:
                for consumer in session.consumers.values():
                    consumer.give_back()
                if session.transacted and self.work_done and self.rollback_only is None:
                    # Somebody did not wait, or waited too long.
                    self.rollback_only = TransactionRolledBack("a rollback that was still under way undid it")
                counted = last_delivered and not session.acknowledges_in_transaction
                yield Command(packets.SessionRollback(counted), packets.NullResponse, Fate.DONE)
            if not self.work_done:
                self.rollback_only = (
                    None  # what was written again meanwhile was undone with the rest, or lost with its session
                )
        finally:
            self.undoing -= 1
        if restart and not lost and not self.undoing:  # else messages would come before the next rollback is through
            session.post(packets.SessionStart())
