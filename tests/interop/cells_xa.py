"""Rows of the table about XA: a branch with one message. What is lost says XAER_RMFAIL, and a commit in two phases XA_RETRY."""

from __future__ import annotations

from typing import ClassVar

import pytest
from tests.interop.cells import Error, Moment, Outcome, Packets, Row

from corewire import Xid
from corewire.errors import XaCode, XaError
from corewire.wire import packets
from corewire_transports.anyio import Client, XaSession, XaVote


class _Branch(Row):
    """The call is about the first branch; in the end a second one goes through, and nothing is left in doubt."""

    words = "`xa_*`"
    answer: ClassVar[Packets] = (packets.SessionXaResponse,)
    recreated: ClassVar[Error] = XaError
    given_up: ClassVar[Error] = XaError
    begun_given_up: ClassVar[Error] = XaError
    late: ClassVar[Error] = XaError
    code: ClassVar[XaCode] = XaCode.XAER_RMFAIL
    session: XaSession

    @property
    def xid(self) -> Xid:
        return Xid(1, self.name.encode(), b"first")

    async def prepare(self, client: Client) -> None:
        self.witness.queue(self.name)
        self.session = await client.xa_session()
        await self.begin()

    async def begin(self) -> None:
        """Up to the call."""

    async def verb(self) -> None:
        """The call."""
        raise NotImplementedError

    async def call(self) -> None:
        try:
            await self.verb()
        except XaError as error:
            self.expect(error, self.code)
            raise

    @staticmethod
    def expect(error: XaError, code: XaCode) -> None:
        assert error.xa_code is code, error

    async def start(self) -> None:
        await self.session.xa_start(self.xid)
        await self.session.send(self.name, "x")
        await self.session.query_queue(self.name)  # the send is answered, too

    async def end(self) -> None:
        await self.start()
        await self.session.xa_end(self.xid)

    async def ready(self) -> None:
        await self.end()
        assert await self.session.xa_prepare(self.xid) is XaVote.OK

    async def forgotten(self) -> None:
        """Whatever became of it, it is over."""
        try:
            await self.session.xa_rollback(self.xid)
        except XaError as error:
            self.expect(error, XaCode.XAER_NOTA)

    async def after(self) -> None:
        await self.forgotten()
        await self.next()

    async def next(self) -> None:
        """The session is of use."""
        second = Xid(1, self.name.encode(), b"second")
        await self.session.xa_start(second)
        await self.session.send(self.name, "next")
        await self.session.xa_end(second)
        await self.session.xa_commit(second, one_phase=True)
        assert self.xid not in await self.session.xa_recover()

    def check(self) -> None:
        assert self.witness.texts(self.name) == (["next"] if self.cell.survives else [])


class XaStart(_Branch):
    ask = (packets.SessionXaStart,)

    async def verb(self) -> None:
        await self.session.xa_start(self.xid)

    async def after(self) -> None:
        if self.expected is None:
            await self.session.xa_end(self.xid)
        await super().after()


class XaEnd(_Branch):
    """Called during the outage, too: the branch is lost with its session."""

    ask: ClassVar[Packets] = (packets.SessionXaEnd,)
    begun_recreated = XaError

    async def begin(self) -> None:
        await self.start()

    async def verb(self) -> None:
        await self.session.xa_end(self.xid)


class XaSuspend(XaEnd):
    ask = (packets.SessionXaSuspend,)

    async def verb(self) -> None:
        await self.session.xa_suspend()

    async def after(self) -> None:
        if self.expected is None or self.cell.outcome is Outcome.LATE:  # then it is done although nobody waits
            await self.session.xa_resume(self.xid)
            await self.session.xa_end(self.xid)
        await super().after()


class XaPrepare(_Branch):
    """Asked again: a broker that has prepared the branch says so once more."""

    disturbs = True  # one that has not missed the old session yet would prepare it now
    ask = (packets.SessionXaPrepare,)
    begun_recreated = XaError

    @property
    def expected(self) -> Error:
        again = (Outcome.RECREATED, Moment.ANSWERED)
        return None if (self.cell.outcome, self.cell.moment) == again else super().expected

    async def begin(self) -> None:
        await self.end()

    async def verb(self) -> None:
        assert await self.session.xa_prepare(self.xid) is XaVote.OK


class XaCommit(_Branch):
    """A coordinator commits again, until it succeeds or the branch is unknown."""

    ask = (packets.SessionXaCommit,)
    code = XaCode.XA_RETRY

    async def begin(self) -> None:
        await self.ready()

    async def verb(self) -> None:
        await self.session.xa_commit(self.xid)

    async def after(self) -> None:
        if self.expected is not None:
            try:
                await self.session.xa_commit(self.xid)
            except XaError as error:
                self.expect(error, XaCode.XAER_NOTA)
        await self.next()

    def check(self) -> None:
        committed = self.cell.survives or self.cell.happens
        assert self.witness.texts(self.name) == ["x"] * committed + ["next"] * self.cell.survives


class XaCommitInOnePhase(_Branch):
    """Nobody knows; called during the outage, the branch is lost with its session."""

    ask = (packets.SessionXaCommit,)
    begun_recreated = XaError

    async def begin(self) -> None:
        await self.end()

    async def verb(self) -> None:
        await self.session.xa_commit(self.xid, one_phase=True)

    def check(self) -> None:
        committed = self.cell.moment is Moment.ANSWERED or (self.cell.happens and self.expected is None)
        assert self.witness.texts(self.name) == ["x"] * committed + ["next"] * self.cell.survives


class XaRollback(_Branch):
    ask = (packets.SessionXaRollback,)

    async def begin(self) -> None:
        await self.ready()

    async def verb(self) -> None:
        await self.session.xa_rollback(self.xid)


class XaRecover(_Branch):
    """So are the other questions."""

    ask = (packets.SessionXaInDoubtXids,)
    answer = (packets.SessionXaInDoubtXidsResponse,)

    async def begin(self) -> None:
        await self.ready()

    async def verb(self) -> None:
        assert self.xid in await self.session.xa_recover()


class XaJoin(_Branch):
    """A branch that somebody else has begun, who is not behind the proxy."""

    brief = True
    ask = (packets.SessionXaJoin,)

    async def begin(self) -> None:
        self.witness.branches().xa_start(self.xid)

    async def verb(self) -> None:
        await self.session.xa_join(self.xid)

    async def after(self) -> None:
        if self.expected is None:
            await self.session.send(self.name, "x")
            await self.session.xa_end(self.xid)
        self.leave()
        await super().after()

    def leave(self) -> None:
        """The other one. A branch goes with the first session that goes: now, or when the broker misses that."""
        try:
            self.witness.branches().xa_end(self.xid)
        except XaError as error:
            assert (self.cell.outcome, self.cell.moment) == (Outcome.RECREATED, Moment.ANSWERED)
            self.expect(error, XaCode.XAER_PROTO)


class XaResume(_Branch):
    """A branch outlives its session while it is suspended; but what was done in it may be lost, so it is not trusted."""

    brief = True
    ask = (packets.SessionXaResume,)

    async def begin(self) -> None:
        await self.start()
        await self.session.xa_suspend()

    async def verb(self) -> None:
        await self.session.xa_resume(self.xid)

    async def after(self) -> None:
        if self.cell.outcome is Outcome.LATE:  # the broker was never asked
            await self.session.xa_resume(self.xid)
        if self.expected is None or self.cell.outcome is Outcome.LATE:
            try:
                await self.session.xa_end(self.xid)
            except XaError as error:
                assert self.cell.outcome is Outcome.RECREATED
                self.expect(error, XaCode.XAER_RMFAIL)
        await super().after()


class XaForget(_Branch):
    """What was decided without its coordinator. Who was not told asks again."""

    brief = True
    alone = True  # Artemis keeps what was decided in a list that is not safe to be read meanwhile: INTERNAL_ERROR
    ask = (packets.SessionXaForget,)

    async def begin(self) -> None:
        await self.ready()
        self.witness.roll_back(self.xid)
        assert self.xid in await self.session.xa_recover()

    async def verb(self) -> None:
        await self.session.xa_forget(self.xid)

    async def forgotten(self) -> None:
        if self.cell.happens or self.expected is None or self.cell.outcome is Outcome.LATE:
            with pytest.raises(XaError) as caught:
                await self.session.xa_forget(self.xid)
            self.expect(caught.value, XaCode.XAER_NOTA)
        else:
            await self.session.xa_forget(self.xid)


class XaGetTimeout(_Branch):
    brief = True
    ask = (packets.SessionXaGetTimeout,)
    answer = (packets.SessionXaGetTimeoutResponse,)

    async def verb(self) -> None:
        assert await self.session.xa_get_timeout() == 300


class XaSetTimeout(_Branch):
    brief = True
    ask = (packets.SessionXaSetTimeout,)
    answer = (packets.SessionXaSetTimeoutResponse,)

    async def verb(self) -> None:
        assert await self.session.xa_set_timeout(60)
