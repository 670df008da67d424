"""Lanes of our client about branches of distributed transactions, with a real broker. Each takes its URL and a name of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from corewire import Xid
from corewire.errors import DuplicateIdRejected, IllegalState, LocalProtocolError, XaCode, XaError
from corewire_transports.anyio import XaVote, connect

if TYPE_CHECKING:
    from corewire_transports.anyio import Client, XaSession

NOTA, PROTO = XaCode.XAER_NOTA, XaCode.XAER_PROTO


def xid_of(name: str, number: int = 1) -> Xid:
    return Xid(4660, name.encode()[-64:], bytes([number, 0, 255]))


async def _count(client: Client, queue: str) -> int:
    async with client.session() as session:
        return (await session.query_queue(queue)).message_count


async def _prepared(session: XaSession, xid: Xid, queue: str, *texts: str) -> None:
    """A branch with these messages, which waits for a decision."""
    await session.xa_start(xid)
    for text in texts:
        await session.send(queue, text)
    await session.xa_end(xid)
    assert await session.xa_prepare(xid) is XaVote.OK


async def _refused(code: XaCode, verb: Any, *arguments: Any, **flags: Any) -> XaError:
    with pytest.raises(XaError) as caught:
        await verb(*arguments, **flags)
    assert caught.value.xa_code is code, caught.value
    return caught.value


async def two_phases_take_effect_with_the_commit(url: str, name: str) -> None:
    xid = xid_of(name)
    async with connect(url) as client, client.xa_session() as session, session.consumer(name) as orders:
        await session.send(name, "order")
        await session.xa_start(xid)
        order = await orders.receive()
        await session.send(f"{name}.invoices", f"invoice for {order.text}")
        await session.xa_end(xid)
        assert await session.xa_prepare(xid) is XaVote.OK
        assert xid in await session.xa_recover()
        assert await _count(client, f"{name}.invoices") == 0
        await session.xa_commit(xid)
        assert xid not in await session.xa_recover()
        assert (await _count(client, name), await _count(client, f"{name}.invoices")) == (0, 1)


async def one_phase_will_do(url: str, name: str) -> None:
    xid = xid_of(name)
    async with connect(url) as client, client.xa_session() as session:
        await session.create_queue(name)  # an empty one that was made by itself may go with its branch
        await session.xa_start(xid)
        await session.send(name, "x")
        await session.xa_end(xid)
        assert await _count(client, name) == 0
        await session.xa_commit(xid, one_phase=True)
        assert await _count(client, name) == 1


async def rolling_back_gives_messages_again_and_forgets_sends(url: str, name: str) -> None:
    async with connect(url) as client, client.xa_session() as session, session.consumer(name) as consumer:
        for text in ("1", "2", "3"):
            await session.send(name, text)
        for number, prepare in enumerate((False, True)):
            xid = xid_of(name, number)
            await session.xa_start(xid)
            message = await consumer.receive()
            assert (message.text, message.delivery_count) == ("1", number + 1)
            await session.send(name, "never")
            await session.xa_end(xid, failed=not prepare)
            if prepare:
                await session.xa_prepare(xid)
            await session.xa_rollback(xid)
        assert [message.text async for message in consumer.drain()] == ["1", "2", "3"]


async def sessions_work_on_a_branch_together(url: str, name: str) -> None:
    xid = xid_of(name)
    async with connect(url) as one, connect(url) as two, one.xa_session() as first, two.xa_session() as second:
        await first.xa_start(xid)
        await first.send(name, "1")
        await first.xa_suspend()
        await _refused(PROTO, second.xa_join, xid)  # suspended
        await first.xa_resume(xid)
        await second.xa_join(xid)
        await second.send(name, "2")
        await second.xa_end(xid)
        await first.send(name, "3")
        await first.xa_end(xid)
        await second.xa_prepare(xid)
        assert await _count(one, name) == 0
        await first.xa_commit(xid)
        assert await _count(one, name) == 3


async def what_is_done_outside_takes_effect_at_once(url: str, name: str) -> None:
    xid = xid_of(name)
    async with connect(url) as client, client.xa_session() as session, session.consumer(name) as consumer:
        await session.xa_start(xid)
        await session.send(f"{name}.out", "in the branch")
        await session.xa_suspend()
        await session.send(name, "1")
        assert await _count(client, name) == 1
        assert (await consumer.receive()).text == "1"
        await session.xa_resume(xid)
        await session.xa_end(xid)
        await session.xa_rollback(xid)
        assert await consumer.receive(timeout=0) is None
    async with connect(url) as client:
        assert (await _count(client, name), await _count(client, f"{name}.out")) == (0, 0)


async def another_client_recovers_and_decides(url: str, name: str) -> None:
    kept, dropped = xid_of(name, 1), xid_of(name, 2)
    async with connect(url) as client, client.xa_session() as session:
        await _prepared(session, kept, name, "kept")
        await _prepared(session, dropped, name, "dropped")
    async with connect(url) as client, client.xa_session() as session:
        found = [xid for xid in await session.xa_recover() if xid.global_transaction_id == kept.global_transaction_id]
        assert sorted(found, key=Xid.to_bytes) == [kept, dropped]
        await session.xa_commit(kept)
        await session.xa_rollback(dropped)
        async with session.consumer(name) as consumer:
            assert [message.text async for message in consumer.drain()] == ["kept"]


async def an_ended_branch_outlives_its_session(url: str, name: str) -> None:
    xid = xid_of(name)
    async with connect(url) as client, client.xa_session() as other:
        async with client.xa_session() as session:
            await session.create_queue(name)  # an empty one that was made by itself may go with its branch
            await session.xa_start(xid)
            await session.send(name, "x")
            await session.xa_end(xid)
        await other.xa_commit(xid, one_phase=True)
        assert await _count(client, name) == 1


async def heuristic_decisions_are_told_until_they_are_forgotten(url: str, name: str) -> None:
    committed, rolled_back = xid_of(name, 1), xid_of(name, 2)
    async with connect(url) as client, client.xa_session() as session, client.management() as management:
        await _prepared(session, committed, name, "1")
        await _prepared(session, rolled_back, name, "2")
        listed = await management.call("broker", "listPreparedTransactions")
        assert isinstance(listed, list)
        assert {committed, rolled_back} <= {Xid.parse(str(line)) for line in listed}
        assert await management.call("broker", "commitPreparedTransaction", committed.base64) is True
        assert await management.call("broker", "rollbackPreparedTransaction", rolled_back.base64) is True
        assert await _count(client, name) == 1
        assert {committed, rolled_back} <= set(await session.xa_recover())
        for xid, code in ((committed, XaCode.XA_HEURCOM), (rolled_back, XaCode.XA_HEURRB)):
            for verb in (session.xa_commit, session.xa_rollback):
                assert (await _refused(code, verb, xid)).heuristic
            await session.xa_forget(xid)
            await _refused(NOTA, session.xa_forget, xid)
            await _refused(NOTA, session.xa_commit, xid)


async def what_cannot_be_is_refused(url: str, name: str) -> None:
    xid = xid_of(name)
    async with connect(url) as client, client.xa_session() as session, client.xa_session() as other:
        for verb in (session.xa_prepare, session.xa_commit, session.xa_rollback, session.xa_forget):
            await _refused(NOTA, verb, xid)
        await _refused(NOTA, session.xa_join, xid)
        await _refused(NOTA, session.xa_resume, xid)
        await _refused(NOTA, session.xa_end, xid)
        await _refused(PROTO, session.xa_suspend)
        await session.xa_start(xid)
        await _refused(XaCode.XAER_DUPID, other.xa_start, xid)
        await other.send(name, "outside")  # and not in what the refused start may have left
        assert await _count(client, name) == 1
        await _refused(PROTO, session.xa_prepare, xid)
        await session.xa_end(xid)
        early = await _refused(XaCode.XA_RETRY, session.xa_commit, xid)
        assert early.retry
        assert isinstance(early.__cause__, IllegalState)
        await _prepared(session, xid, name, "x")
        assert isinstance(
            (await _refused(XaCode.XAER_RMFAIL, session.xa_commit, xid, one_phase=True)).__cause__, IllegalState
        )
        with pytest.raises(LocalProtocolError, match="rolled back"):
            await session.recover()
        with pytest.raises(LocalProtocolError, match="the question would wait"):
            await session.request(name)


async def a_known_duplicate_id_spoils_the_branch(url: str, name: str) -> None:
    xid = xid_of(name)
    async with connect(url) as client, client.xa_session() as session:
        await session.send(name, "1", duplicate_id="mine")
        await session.xa_start(xid)
        await session.send(name, "2")
        await session.send(name, "1", duplicate_id="mine")
        await session.xa_end(xid)
        error = await _refused(XaCode.XAER_RMFAIL, session.xa_prepare, xid)
        assert isinstance(error.__cause__, DuplicateIdRejected)
        await session.xa_rollback(xid)
        assert await _count(client, name) == 1


async def a_branch_that_takes_too_long_is_rolled_back(url: str, name: str) -> None:
    xid = xid_of(name)
    async with connect(url) as client, client.xa_session() as session, client.session() as other:
        assert await session.xa_get_timeout() == 300
        assert await session.xa_set_timeout(1) is True
        await session.send(name, "x")
        async with session.consumer(name) as consumer:
            await session.xa_start(xid)
            assert await consumer.receive(timeout=10) is not None
            await session.xa_end(xid)
        async with other.consumer(name) as consumer:
            assert await consumer.receive(timeout=30) is not None  # comes when the broker has lost patience
        await _refused(NOTA, session.xa_prepare, xid)
        assert await session.xa_set_timeout(0) is True
        await _prepared(session, xid, name, "y")
        await session.xa_commit(xid)
