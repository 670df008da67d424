# Made from the anyio one by scripts/gen_facades.py. Do not edit.
"""Sessions that take part in distributed transactions, for one thread that turns the engine itself."""

from __future__ import annotations

from enum import Enum
from threading import get_ident
from typing import TYPE_CHECKING, TypeVar, Unpack

from corewire import AckMode
from corewire.errors import LocalProtocolError
from corewire_transports._deadline import move_on_after
from corewire_transports.blocking.session import Session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from corewire import Body, Destination, Headers, Message, Operation, SessionId, Xid
    from corewire.client._xa import XaVerb
    from corewire.errors import XaCode
    from corewire_transports.blocking.client import Client
    from corewire_transports.blocking.received import ReceivedMessage

__all__ = ["XaSession", "XaVote"]

T = TypeVar("T")


class XaVote(Enum):
    """What a broker answers to `XaSession.xa_prepare`."""

    OK = 0  #: it will commit whenever it is told to, also after a restart
    READ_ONLY = 3  #: there is nothing to commit: the branch is over


class XaSession(Session):
    """Verbs of ``javax.transaction.xa.XAResource``. All raise XaError, and NotConnected or ObjectClosed once all is over.

    What is sent and received between `xa_start` and `xa_end` belongs to the branch; outside it takes effect at once. One user at
    a time, and in one thread from the start of a branch to its end; other steps may be taken by any session of the broker.

    After a failure that lost the session XAER_RMFAIL means: roll the branch back. XA_RETRY, of `xa_commit` alone, means: commit
    again; XAER_NOTA is then the answer for a branch that was committed before. The steps are shielded from cancellation.
    """

    def __init__(self, client: Client, handle: SessionId) -> None:
        super().__init__(client, handle, AckMode.AUTO)
        self._counts_on_return = False
        self._worker: int | None = None  # the thread that works on a branch

    def _use(self) -> None:
        if self._worker is not None and self._worker != get_ident():
            raise LocalProtocolError(
                "another thread is at work in this branch",
                subject=f"session {self.name}",
                hint="Open a session per thread.",
            )

    def xa_start(self, xid: Xid, /) -> None:
        """Begin a branch. Raises XaError: XAER_DUPID if it is known, XAER_PROTO inside another one, XAER_RMFAIL."""
        self._enter("start", xid)

    def xa_join(self, xid: Xid, /) -> None:
        """Work on a branch that was begun in another session. Raises XaError: XAER_NOTA if there is none, XAER_PROTO, XAER_RMFAIL."""
        self._enter("join", xid)

    def xa_suspend(self) -> None:
        """Leave the branch for a while. Raises XaError: XAER_PROTO outside of branches, XAER_RMFAIL."""
        self._leave("suspend", None)

    def xa_resume(self, xid: Xid, /) -> None:
        """Go on with a suspended branch. Raises XaError: XAER_NOTA, XAER_PROTO if it is not suspended, XAER_RMFAIL."""
        self._enter("resume", xid)

    def xa_end(self, xid: Xid, /, *, failed: bool = False) -> None:
        """Leave the branch for good; ``failed``: it is to be rolled back. Raises XaError: XAER_NOTA, XAER_PROTO, XAER_RMFAIL."""
        self._leave("end", xid, flag=failed)

    def xa_prepare(self, xid: Xid, /) -> XaVote:
        """Make sure that the branch can be committed. Artemis always votes OK.

        Raises XaError: XAER_NOTA, XAER_PROTO before its end; XAER_RMFAIL: it was rolled back, or is to be.
        """
        vote = self._do("prepare", xid)
        return XaVote.OK if vote is None else XaVote.READ_ONLY

    def xa_commit(self, xid: Xid, /, *, one_phase: bool = False) -> None:
        """Commit a prepared branch; ``one_phase``: one that is ended, without preparing it.

        Raises XaError: XA_RETRY (commit again), XAER_NOTA, XAER_PROTO, XA_HEURCOM and XA_HEURRB (it was decided otherwise: see
        `xa_forget`); in one phase XAER_RMFAIL, after which nobody knows.
        """
        self._do("commit", xid, flag=one_phase)

    def xa_rollback(self, xid: Xid, /) -> None:
        """Undo a branch. Messages that came to this session are delivered again. Raises XaError as `xa_commit`, or XAER_RMFAIL."""
        self._do("rollback", xid)

    def xa_recover(self) -> Sequence[Xid]:
        """The branches that wait for a decision, and those decided heuristically and not forgotten. Raises XaError: XAER_RMFAIL."""
        return self._shielded(self._driver.begin(self._engine.xa_recover, self._id))

    def xa_forget(self, xid: Xid, /) -> None:
        """Let the broker forget a heuristic decision. Raises XaError: XAER_NOTA, XAER_RMFAIL."""
        self._do("forget", xid)

    def xa_set_timeout(self, seconds: int, /) -> bool:
        """How long a branch of this session may stay unprepared before the broker rolls it back; 0: as the broker is configured.

        Returns whether the broker does so. Raises XaError: XAER_INVAL for a negative number, XAER_RMFAIL.
        """
        return self._shielded(self._driver.begin(self._engine.xa_set_timeout, self._id, seconds))

    def xa_get_timeout(self) -> int:
        """Seconds, as the broker is configured (Artemis does not tell what was set). Raises XaError: XAER_RMFAIL."""
        return self._shielded(self._driver.begin(self._engine.xa_get_timeout, self._id))

    def _enter(self, verb: XaVerb, xid: Xid) -> None:
        self._use()
        self._do(verb, xid)
        self._worker = get_ident()

    def _leave(self, verb: XaVerb, xid: Xid | None, *, flag: bool = False) -> None:
        self._use()
        try:
            self._do(verb, xid, flag=flag)
        finally:
            self._worker = None

    def _do(self, verb: XaVerb, xid: Xid | None, *, flag: bool = False) -> XaCode | None:
        return self._shielded(self._driver.begin(self._engine.xa, self._id, verb, xid, flag=flag))

    def _shielded(self, operation: Operation[T]) -> T:
        with move_on_after(None, shield=True):
            self._driver.wait(operation)
        return operation.result()

    def request(
        self,
        destination: str | Destination,
        body: Body | Message = None,
        /,
        *,
        timeout: float | None = None,
        **headers: Unpack[Headers],
    ) -> ReceivedMessage:
        """Not for XA sessions: raises LocalProtocolError, since the question would wait for the commit."""
        raise LocalProtocolError("the question would wait for the end of the branch", subject=f"session {self.name}")

    def recover(self) -> None:
        """Not for XA sessions: raises LocalProtocolError."""
        raise LocalProtocolError("a branch is rolled back, not recovered", subject=f"session {self.name}")
