"""Rows of the table about committing."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from tests.interop.cells import Error, Moment, Outcome, Packets, Row

from corewire.errors import TransactionOutcomeUnknown, TransactionRolledBack
from corewire.wire import packets

if TYPE_CHECKING:
    from corewire_transports.anyio import Client, Consumer, TransactedSession


class _Committing(Row):
    """A message was taken, and another sent."""

    words = "`commit`"
    ask: ClassVar[Packets] = (packets.SessionCommit,)
    answer: ClassVar[Packets] = (packets.NullResponse,)
    recreated: ClassVar[Error] = TransactionOutcomeUnknown
    given_up: ClassVar[Error] = TransactionOutcomeUnknown
    begun_recreated: ClassVar[Error] = TransactionRolledBack  # the work was lost before it
    session: TransactedSession
    consumer: Consumer

    async def prepare(self, client: Client) -> None:
        self.witness.queue(self.name, "in")
        self.witness.queue(f"{self.name}.out")
        self.session = await client.transacted_session()
        self.consumer = await self.session.consumer(self.name)
        assert (await self.consumer.receive()).text == "in"
        await self.session.send(f"{self.name}.out", "out")
        await self.session.query_queue(self.name)  # the send was answered

    @property
    def done(self) -> bool:
        """Whether it took effect, or did with the second try."""
        if self.cell.moment is Moment.OUTAGE:
            return self.cell.outcome in (Outcome.REATTACHED, Outcome.LATE)
        return self.cell.happens

    async def after(self) -> None:
        """It took effect whole or not at all, and the session is of use again."""
        if self.cell.outcome is Outcome.LATE:
            await self.session.commit()
        done = self.done
        if not done:
            assert (await self.consumer.receive()).text == "in"
        assert await self.consumer.receive(timeout=0) is None
        await self.session.send(f"{self.name}.out", "next")
        await self.session.commit()
        assert self.witness.texts(f"{self.name}.out") == ["out"] * done + ["next"]

    def check(self) -> None:
        if not self.cell.survives:
            assert self.witness.texts(f"{self.name}.out") == (["out"] if self.cell.happens else [])
            left = 0 if self.cell.happens else 1
            assert self.witness.comes_to(self.name, left) == left


class Commit(_Committing):
    async def call(self) -> None:
        await self.session.commit()


class EndOfTransaction(_Committing):
    """The end of the block commits."""

    async def prepare(self, client: Client) -> None:
        self.witness.queue(f"{self.name}.out")
        self.session = await client.transacted_session()
        await self.session.query_address(f"{self.name}.out")

    async def call(self) -> None:
        async with self.session.transaction():
            await self.session.send(f"{self.name}.out", "out")
            await self.session.query_queue(f"{self.name}.out")  # the send was answered

    async def after(self) -> None:
        if self.cell.outcome is Outcome.LATE:
            await self.session.rollback()  # that of the block is still under way
        await self.session.send(f"{self.name}.out", "next")
        await self.session.commit()

    def check(self) -> None:
        done = self.done and self.cell.outcome is not Outcome.LATE  # the block was left by an exception
        assert self.witness.texts(f"{self.name}.out") == ["out"] * done + ["next"] * self.cell.survives


class CommitOfNothing(_Committing):
    """Nothing is at stake, so nothing is lost."""

    recreated = TransactionOutcomeUnknown
    begun_recreated = None

    async def prepare(self, client: Client) -> None:
        self.witness.queue(self.name)
        self.session = await client.transacted_session()

    async def call(self) -> None:
        await self.session.commit()

    async def after(self) -> None:
        await self.session.send(self.name, "next")
        await self.session.commit()

    def check(self) -> None:
        assert self.witness.texts(self.name) == ["next"] * self.cell.survives
