"""
The tries of one `transact`: commit with a receipt, and, where the answer was lost, ask whether it had committed.

    begin ── fn runs ── commit(receipt) ──────────────── answered ──> COMMITTED
      ^                      └── unknown ── ask ── it had ──────────> COMMITTED_BEFORE
      └────── AGAIN <── rolled back           └── it had not

A question is a transaction that sends the receipt again, with an id of its own, and nothing else. Refused as a duplicate:
the try had committed. Accepted: it had not, and never will, since whatever asks stands behind the fence of its session and,
at a broker that is not ours, behind another transaction with which it waited for the storage (`_receipts`): nothing of the
old session is on its way any more. Where the answer to the question is lost as well, its own id is asked for first, in the
same way: if the question was accepted, the try had not committed; if not, it is asked anew, with another id.
(With the receipt alone, a question whose answer was lost would find its own receipt, and take it for the try's.)

After a commit that was refused the session is stopped, rolled back and emptied before anything else, so that the next try
finds its messages in order.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from corewire._foreign_channel import ForeignChannel
from corewire.client._calls import Call, Lost
from corewire.errors import (
    CorewireError,
    DuplicateIdRejected,
    LocalProtocolError,
    TransactionOutcomeUnknown,
    TransactionRolledBack,
)

if TYPE_CHECKING:
    from corewire.client._calls import Script
    from corewire.client._session import Session


class TryOutcome(Enum):
    """What became of a try of `transact`."""

    COMMITTED = 1
    COMMITTED_BEFORE = 2  #: nobody knew at first; its receipt says that it did commit, so its result counts
    AGAIN = 3  #: nothing of it happened, nor will


@dataclass(slots=True)
class Try:
    """One try, from its begin to the end of its script: that may come after its caller was told that nobody knows."""

    call: Call[TryOutcome] | None = None
    asking: bool = False
    hurried: bool = False  #: somebody's deadline has passed


class Tries:
    """See the module. One session has one try at a time."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._open = False  # fn runs
        self._try = Try()

    def check_none(self, verb: str) -> None:
        """Raise LocalProtocolError while a try is open: it ends by itself."""
        if self._open:
            raise LocalProtocolError(
                f"{verb} has no place inside of transact, which commits or rolls back by itself",
                subject=f"session {self._session.name}",
            )

    def begin(self) -> None:
        """A try begins."""
        session = self._session
        session.only_transacted("transact")
        self.check_none("transact")
        if session.transaction.work_done or session.transaction.rollback_only is not None:
            raise LocalProtocolError(
                "there is uncommitted work, which would become part of the transaction",
                subject=f"session {session.name}",
                hint="Commit or roll back before transact.",
            )
        self._open, self._try = True, Try()

    def end(self) -> None:
        """No more tries: whoever waits for one to end waits for an answer that is on its way, but for no broker to come back
        and for no question."""
        self._open = False
        self._try.hurried = True
        if self._session.locked or self._try.asking:
            self._tell_unknown()

    def link_lost(self) -> None:
        """What was not answered is unknown for now."""
        if self._try.hurried:
            self._tell_unknown()

    def commit(self, now: float, *, last: bool) -> Call[TryOutcome]:
        """End the try."""
        if not self._open:
            raise LocalProtocolError("there is no try to commit", subject=f"session {self._session.name}")
        self._open = False
        call = self._try.call = self._session.run(now, self._end_try(self._try, last=last))
        return call

    def _tell_unknown(self) -> None:
        call = self._try.call
        if call is not None and not call.done and self._session.context.exactly_once:
            error = TransactionOutcomeUnknown("the deadline passed before it was known whether the try had committed")
            self._session.context.fail(call, error)

    def _end_try(self, trying: Try, *, last: bool) -> Script[TryOutcome]:
        session = self._session
        node_id = session.node_id
        receipts = (session.context.duplicate_id(),) if session.context.exactly_once else ()
        try:
            yield from session.transaction.commit(receipts)
        except TransactionRolledBack:
            if last:
                raise
            return TryOutcome.AGAIN
        except TransactionOutcomeUnknown:
            if last or trying.hurried or not receipts:
                raise
            trying.asking = True
            had_committed = yield from self._ask(trying, receipts[0], node_id)
            return TryOutcome.COMMITTED_BEFORE if had_committed else TryOutcome.AGAIN
        except CorewireError:
            if session.error is None:
                yield from session.transaction.roll_back()
            raise
        return TryOutcome.COMMITTED

    def _ask(self, trying: Try, receipt: str, node_id: str | None) -> Script[bool]:
        """Find out whether the transaction with this receipt had committed; False: nor will it.

        ``open_ids`` begins with it; each further one belongs to a question about the one before, with unknown outcome.
        """
        open_ids = [receipt]
        while True:
            if trying.hurried:
                raise TransactionOutcomeUnknown("the deadline passed")
            answer = yield from self._question(open_ids, node_id)
            if answer is None:
                continue
            open_ids.pop()
            if open_ids and answer:  # that question was accepted: so what it asked about had not committed
                open_ids.pop()
                answer = False
            if not open_ids:
                return answer

    def _question(self, open_ids: list[str], node_id: str | None) -> Script[bool | None]:
        """Ask about the last of these; None: ask again. A question of unknown outcome is added to them."""
        session = self._session
        if node_id is None or session.node_id != node_id:
            raise TransactionOutcomeUnknown(
                "the commit was not answered, and this is another broker, which cannot know"
            )
        question = session.context.duplicate_id()
        asked = False
        try:
            if isinstance(session.channel, ForeignChannel):
                yield from session.transaction.commit((session.context.duplicate_id(),))
            asked = True
            yield from session.transaction.commit((open_ids[-1], question))
        except DuplicateIdRejected:
            yield from session.transaction.roll_back()
            return True
        except TransactionRolledBack:
            return None
        except TransactionOutcomeUnknown:
            if asked:
                open_ids.append(question)
            return None
        except Lost as lost:
            raise TransactionOutcomeUnknown("the commit was not answered, and nobody could be asked") from lost.error
        except CorewireError as error:
            raise TransactionOutcomeUnknown("the commit was not answered, and the question was refused") from error
        return False
