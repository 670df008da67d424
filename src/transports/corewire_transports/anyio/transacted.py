"""Sessions with transactions, for asyncio and trio, through anyio."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from threading import get_ident
from typing import TYPE_CHECKING, TypeVar, Unpack

from anyio import move_on_after

from corewire import TryOutcome
from corewire.errors import CorewireError, LocalProtocolError, TransactionRolledBack, Unblocked
from corewire_transports.anyio.session import Session

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from corewire import AckMode, Body, Destination, Headers, Message, SessionId
    from corewire_transports.anyio.client import Client
    from corewire_transports.anyio.received import ReceivedMessage

__all__ = ["TransactedSession"]

R = TypeVar("R")


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
                "another thread is at work in this transaction",
                subject=f"session {self.name}",
                hint="Open a session per thread.",
            )

    async def commit(self) -> None:
        """Make what was sent and received take effect.

        Raises TransactionRolledBack (run it again), TransactionOutcomeUnknown (it may have happened), DuplicateIdRejected, the
        error of a send in it, or LocalProtocolError in another thread than the one that began it, or inside of `transact`.
        """
        self._use()
        try:
            with move_on_after(None, shield=True):
                await self._driver.call(self._engine.commit, self._id)
        finally:
            self._threads.clear()

    async def rollback(self) -> None:
        """Undo what was sent; messages that were received are delivered again. Raises LocalProtocolError as `commit`."""
        self._use()
        try:
            with move_on_after(None, shield=True):
                await self._driver.call(self._engine.rollback, self._id)
        finally:
            self._threads.clear()

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[None]:
        """Commit at the end of the block, roll back if it raises. Raises as `commit`."""
        self._engine.check_no_try(self._id, "transaction()")
        try:
            yield
        except BaseException:
            await self._leave()
            raise
        await self.commit()

    async def _leave(self) -> None:
        """Undo what is open, because of an exception that says more than whatever comes of this. Waits for no broker that is not
        there."""
        try:
            with suppress(CorewireError), move_on_after(None, shield=True):
                self._use()
                await self._driver.call(self._engine.rollback, self._id, leaving=True)
        finally:
            self._threads.clear()

    async def transact(
        self, fn: Callable[[TransactedSession], Awaitable[R]], /, *, attempts_max: int | None = None
    ) -> R:
        """Run ``fn`` with this session and commit; again when it was rolled back by a failure. Returns what the committed run did.

        ``fn`` runs again on TransactionRolledBack and Unblocked; so what it does elsewhere happens again, too. Whatever else it
        raises rolls back and is raised. Where the answer to the commit was lost, ``exactlyOnce`` finds out by a receipt whether it
        had committed, and waits for the broker as long as that takes; without, TransactionOutcomeUnknown is raised.

        ``attempts_max``: so often may ``fn`` run (at least 1). After the last run nobody is asked: it ends with the
        TransactionRolledBack, Unblocked or TransactionOutcomeUnknown of that run. A deadline while it is not known whether the
        try committed raises TransactionOutcomeUnknown.

        Raises LocalProtocolError where there is uncommitted work, and, inside of ``fn``, from `commit`, `rollback`,
        `transaction` and `transact`; DuplicateIdRejected for ids of the application's own; NotConnected.
        """
        if attempts_max is not None and attempts_max < 1:
            raise ValueError("attempts_max is at least 1")
        attempts = 0
        while True:
            attempts += 1
            last = attempts == attempts_max
            self._use()
            self._driver.begin(self._engine.begin_try, self._id)
            try:
                result = await fn(self)
            except BaseException as failure:
                self._driver.begin(self._engine.end_tries, self._id)
                if last or not isinstance(failure, (TransactionRolledBack, Unblocked)):
                    await self._leave()
                    raise
                with suppress(CorewireError):  # then the next try says it
                    await self._driver.call(self._engine.rollback, self._id)
            else:
                if await self._commit_try(last=last) is not TryOutcome.AGAIN:
                    return result

    async def _commit_try(self, *, last: bool) -> TryOutcome:
        try:
            trying = self._driver.begin(self._engine.commit_try, self._id, last=last)
            try:
                await self._driver.wait(trying)
            except self._driver.interruption:  # a commit that is on its way is waited for, but nothing more
                self._driver.begin(self._engine.end_tries, self._id)
                with move_on_after(None, shield=True):
                    await self._driver.wait(trying)
                if trying.result() is TryOutcome.AGAIN:
                    raise
            return trying.result()
        finally:
            self._threads.clear()

    async def request(
        self,
        destination: str | Destination,
        body: Body | Message = None,
        /,
        *,
        timeout: float | None = None,  # noqa: ASYNC109
        **headers: Unpack[Headers],
    ) -> ReceivedMessage:
        """Not for transacted sessions: raises LocalProtocolError, since the question would wait for the commit."""
        raise LocalProtocolError(
            "the session is transacted: the question would wait for the commit", subject=f"session {self.name}"
        )

    async def recover(self) -> None:
        """Not for transacted sessions: raises LocalProtocolError."""
        raise LocalProtocolError("a transacted session is rolled back, not recovered", subject=f"session {self.name}")

    @property
    def rollback_only(self) -> bool:
        """Whether the open transaction cannot be committed any more: its session was lost."""
        return self._engine.rollback_only(self._id)
