"""Pools: transacted sessions that many share."""
# ruff: noqa: PT012  (blocks are what is tested here)

from __future__ import annotations

import pytest
from tests.transports.company_anyio import beside, needs_company, until

from corewire.errors import LocalProtocolError, ObjectClosed
from corewire_transports.anyio import Client, SessionPool, TransactedSession, connect, move_on_after


class Mine(Exception):
    """Raised by the application."""


async def count(client: Client, queue: str) -> int:
    async with client.session() as session:
        return (await session.query_queue(queue)).message_count


async def borrow(pool: SessionPool) -> str:
    async with pool.session() as session:
        return session.name


async def test_sessions_are_used_again(url: str, queue: str) -> None:
    names: set[str] = set()
    async with connect(url) as client, client.pool(size_max=2) as pool:
        for _ in range(5):
            async with pool.session() as session:
                names.add(session.name)
                await session.send(queue, "x")
                await session.commit()
        assert len(names) == 1
        async with pool.session() as one, pool.session() as other:
            assert one is not other
        assert await count(client, queue) == 5


async def test_what_was_not_committed_is_rolled_back_on_return(url: str, queue: str) -> None:
    async with connect(url) as client, client.pool() as pool:
        async with pool.session() as session:
            await session.send(queue, "x")
        with pytest.raises(Mine):
            async with pool.session() as session:
                await session.send(queue, "x")
                raise Mine
        async with pool.session() as session:
            await session.commit()
        assert await count(client, queue) == 0


async def test_consumers_that_were_opened_in_a_borrowed_session_are_closed(url: str, queue: str) -> None:
    async with connect(url) as client, client.pool(size_max=1) as pool:
        async with pool.session() as session:
            consumer = await session.consumer(queue)
        assert consumer.closed
        async with client.session() as session:
            assert (await session.query_queue(queue)).consumer_count == 0


async def test_transact_borrows_a_session(url: str, queue: str) -> None:
    async def send(session: TransactedSession) -> str:
        await session.send(queue, "x")
        return session.name

    async with connect(url) as client, client.pool() as pool:
        assert await pool.transact(send) == await pool.transact(send)
        assert await count(client, queue) == 2


async def test_a_session_that_was_closed_is_replaced(url: str, queue: str) -> None:
    async with connect(url) as client, client.pool(size_max=1) as pool:
        async with pool.session() as session:
            await session.close()
        async with pool.session() as session:
            await session.send(queue, "x")
            await session.commit()
        assert await count(client, queue) == 1


async def test_a_closed_pool_lends_nothing(url: str) -> None:
    async with connect(url) as client:
        pool = await client.pool()
        async with pool.session() as lent:
            await pool.close()
            seen = [lent.closed]
        assert [*seen, lent.closed] == [False, True]
        with pytest.raises(ObjectClosed):
            await borrow(pool)
        with pytest.raises(ValueError, match="at least 1"):
            await client.pool(size_max=0)


async def keep(pool: SessionPool, said: list[str]) -> None:
    async with pool.session() as session:
        said.append(session.name)
        await until(lambda: "go" in said)


@needs_company
async def test_who_finds_all_taken_waits_for_one(url: str) -> None:
    said: list[str] = []
    async with connect(url) as client, client.pool(size_max=1) as pool, beside(keep, pool, said):
        await until(lambda: bool(said))
        with move_on_after(0.05) as scope:
            await borrow(pool)
        assert scope.cancelled_caught
        async with beside(borrow, pool) as borrower:
            await until(lambda: bool(pool._permits._waiting))
            said.append("go")
            assert await borrower.result() == said[0]
        assert await borrow(pool) == said[0]


@needs_company
async def test_who_waits_when_the_pool_is_closed_is_told(url: str) -> None:
    async with connect(url) as client:
        pool = await client.pool(size_max=1)
        async with pool.session(), beside(borrow, pool) as borrower:
            await until(lambda: bool(pool._permits._waiting))
            await pool.close()
            with pytest.raises(ObjectClosed):
                await borrower.result()


async def test_where_nobody_else_could_give_one_back_nobody_waits(url: str) -> None:
    async with connect(url) as client, client.pool(size_max=1) as pool, pool.session():
        if client._driver.shared:
            with move_on_after(0.05) as scope:
                await borrow(pool)
            assert scope.cancelled_caught
        else:
            with pytest.raises(LocalProtocolError, match="nobody else"):
                await borrow(pool)
