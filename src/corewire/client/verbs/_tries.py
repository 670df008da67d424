"""`transact`: tries of a transaction, each ended by a receipt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire.client._registry import Registry

if TYPE_CHECKING:
    from corewire._operation import Operation
    from corewire.client._ids import SessionId
    from corewire.client._tries import TryOutcome


class TryVerbs(Registry):
    """Commands of whoever runs something in a transaction until it took effect once."""

    def begin_try(self, now: float, session: SessionId) -> None:
        """What is sent and received from now on belongs to a try; `commit_try` ends it, or `end_tries` and a rollback.

        Raises LocalProtocolError where the session is not transacted, has uncommitted work, or is in a try already.
        """
        self._open_session(session).tries.begin()

    def commit_try(self, now: float, session: SessionId, *, last: bool = False) -> Operation[TryOutcome]:
        """Commit the try. With ``exactly_once`` an answer that was lost is found out by the try's receipt, however long that
        takes. ``last``: no other try follows, so nobody is asked, and instead of AGAIN it fails with TransactionRolledBack.

        Fails with TransactionOutcomeUnknown where nobody is asked or nobody knows; with what the broker refused it for, as
        DuplicateIdRejected; with NotConnected where it was never written. Then it is rolled back.
        """
        return self._open_session(session).tries.commit(now, last=last)

    def end_tries(self, now: float, session: SessionId) -> None:
        """No further try, and no more questions: a commit under way ends with its answer, or, as soon as there is no link,
        with TransactionOutcomeUnknown. A try that is open is to be rolled back then."""
        found = self._context.sessions.get(session)
        if found is not None:
            found.tries.end()

    def check_no_try(self, session: SessionId, verb: str) -> None:
        """Raise LocalProtocolError for what has no place inside of a try."""
        self._session(session).tries.check_none(verb)
