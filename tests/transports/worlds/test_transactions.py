"""Transactions: together or not at all."""
# ruff: noqa: PT012  (blocks are what is tested here)

from __future__ import annotations

import pytest

from corewire.errors import LocalProtocolError
from corewire_transports.anyio import connect


class Mine(Exception):
    """Raised by the application."""


async def count(url: str, queue: str) -> int:
    async with connect(url) as client, client.session() as session:
        return (await session.query_queue(queue)).message_count


async def test_sends_take_effect_with_the_commit(url: str, queue: str) -> None:
    async with connect(url) as client, client.transacted_session() as session:
        await session.send(queue, "1")
        await session.send(queue, "2")
        assert await count(url, queue) == 0
        await session.commit()
        assert await count(url, queue) == 2


async def test_rollback_forgets_sends_and_gives_messages_again(url: str, queue: str) -> None:
    async with connect(url) as client, client.transacted_session() as session, session.consumer(queue) as consumer:
        await session.send(queue, "1")
        await session.commit()
        assert (await consumer.receive()).delivery_count == 1
        await session.send(queue, "2")
        await session.rollback()
        assert not session.rollback_only
        assert (await consumer.receive()).delivery_count == 2
        assert await consumer.receive(timeout=0) is None
        await session.commit()
    assert await count(url, queue) == 0


async def test_block_commits(url: str, queue: str) -> None:
    async with connect(url) as client, client.transacted_session() as session, session.consumer(queue) as consumer:
        async with session.transaction():
            await session.send(queue, "order")
        async with session.transaction():
            order = await consumer.receive()
            await session.send(f"{queue}-invoices", order.text)
    assert await count(url, queue) == 0
    assert await count(url, f"{queue}-invoices") == 1


async def test_block_that_raises_rolls_back_and_raises_as_itself(url: str, queue: str) -> None:
    async with connect(url) as client, client.transacted_session() as session:
        with pytest.raises(Mine):
            async with session.transaction():
                await session.send(queue, "order")
                raise Mine
        await session.commit()
    assert await count(url, queue) == 0


async def test_session_left_by_an_exception_is_rolled_back(url: str, queue: str) -> None:
    with pytest.raises(Mine):
        async with connect(url) as client, client.transacted_session() as session:
            await session.send(queue, "order")
            raise Mine
    assert await count(url, queue) == 0


async def test_submitted_messages_belong_to_the_transaction(url: str, queue: str) -> None:
    async with connect(url) as client, client.transacted_session() as session:
        async with session.producer(queue) as producer:
            for number in range(100):
                await producer.submit(str(number))
        assert await count(url, queue) == 0
        await session.commit()
    assert await count(url, queue) == 100


async def test_recovering_is_not_for_transactions(url: str) -> None:
    async with connect(url) as client, client.transacted_session() as session:
        with pytest.raises(LocalProtocolError, match="rolled back"):
            await session.recover()
        with pytest.raises(LocalProtocolError, match="transacted"):
            await session.request("x", "now?")
