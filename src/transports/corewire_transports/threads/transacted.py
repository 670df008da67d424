# Made from the anyio one by scripts/gen_facades.py. Do not edit.
"""Sessions with transactions, for plain threads."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from threading import get_ident
from typing import TYPE_CHECKING, Unpack

from corewire.errors import CorewireError, LocalProtocolError
from corewire_transports._deadline import move_on_after
from corewire_transports.threads.session import Session

if TYPE_CHECKING:
    from collections.abc import Generator

    from corewire import AckMode, Body, Destination, Headers, Message, SessionId
    from corewire_transports.threads.client import Client
    from corewire_transports.threads.received import ReceivedMessage

__all__ = ["TransactedSession"]


class TransactedSession(Session):
    """A session in which sends and acknowledgements take effect at commit. One user at a time.

    A transaction belongs to the thread that began it: until it was committed or rolled back, sending, receiving, committing and
    rolling back in another one raise LocalProtocolError.
    """

    def __init__(self, client: Client, handle: SessionId, ack_mode: AckMode) -> None:
        super().__init__(client, handle, ack_mode)
        self._counts_on_return = False
        self._threads: dict[SessionId, int] = {}  # its own, while a transaction is open

    def _use(self) -> None:
        caller = get_ident()
        if self._threads.setdefault(self._id, caller) != caller:  # in one step, whoever else comes
            raise LocalProtocolError(
                "another thread is at work in this transaction", subject=repr(self), hint="Open a session per thread."
            )

    def commit(self) -> None:
        """Make what was sent and received take effect.

        Raises TransactionRolledBack (run it again), TransactionOutcomeUnknown (it may have happened), DuplicateIdRejected, the
        error of a send in it, or LocalProtocolError in another thread than the one that began it.
        """
        self._use()
        try:
            with move_on_after(None, shield=True):
                self._driver.call(self._engine.commit, self._id)
        finally:
            self._threads.clear()

    def rollback(self) -> None:
        """Undo what was sent; messages that were received are delivered again."""
        self._use()
        try:
            with move_on_after(None, shield=True):
                self._driver.call(self._engine.rollback, self._id)
        finally:
            self._threads.clear()

    @contextmanager
    def transaction(self) -> Generator[None]:
        """Commit at the end of the block, roll back if it raises. Raises as `commit`."""
        try:
            yield
        except BaseException:
            with suppress(CorewireError):  # the block's own exception says more
                self.rollback()
            raise
        self.commit()

    def request(
        self,
        destination: str | Destination,
        body: Body | Message = None,
        /,
        *,
        timeout: float | None = None,
        **headers: Unpack[Headers],
    ) -> ReceivedMessage:
        """Not for transacted sessions: raises LocalProtocolError, since the question would wait for the commit."""
        raise LocalProtocolError(
            "the session is transacted: the question would wait for the commit", subject=repr(self)
        )

    def recover(self) -> None:
        """Not for transacted sessions: raises LocalProtocolError."""
        raise LocalProtocolError("a transacted session is rolled back, not recovered", subject=repr(self))

    @property
    def rollback_only(self) -> bool:
        """Whether the open transaction cannot be committed any more: its session was lost."""
        return self._engine.rollback_only(self._id)
