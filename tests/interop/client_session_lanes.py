"""Lanes of our client about sessions: acknowledging, transactions, queues, refusals. Each takes URL, name, count."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from corewire import AckMode, Queue, RoutingType
from corewire.errors import (
    BrokerError,
    DuplicateIdRejected,
    DuplicateMetadata,
    InvalidFilterExpression,
    QueueDoesNotExist,
    QueueExists,
)
from corewire_transports.anyio import connect

if TYPE_CHECKING:
    from corewire_transports.anyio import ReceivedMessage


class Spoilt(Exception):
    """What an application raises."""


async def auto_gives_back_what_was_in_hand(url: str, name: str, count: int) -> None:
    async with connect(url) as client:
        async with client.session() as session:
            for number in range(3):
                await session.send(name, str(number))
        with suppress(Spoilt):
            async with client.session() as session, session.consumer(name) as consumer:
                assert (await consumer.receive()).text == "0"
                assert (await consumer.receive()).text == "1"
                raise Spoilt
        async with client.session() as session, session.consumer(name) as consumer:
            assert [(m.text, m.delivery_count) async for m in consumer.drain()] == [("1", 2), ("2", 1)]
        async with client.session() as session, session.consumer(name) as consumer:
            assert await consumer.receive(timeout=0) is None


async def a_handler_that_raises_gets_its_message_again(url: str, name: str, count: int) -> None:
    async with connect(url) as client, client.session() as session:
        for number in range(4):
            await session.send(name, str(number))
        consumer = await session.consumer(name)
        seen: list[tuple[str | None, int]] = []

        async def handle(message: ReceivedMessage) -> None:
            seen.append((message.text, message.delivery_count))
            if seen == [("0", 1), ("1", 1)]:
                raise Spoilt
            if message.text == "2":
                await consumer.close()

        await consumer.listen(handle)
        assert seen == [("0", 1), ("1", 1), ("1", 2), ("2", 1)]
        async with session.consumer(name) as rest:
            assert [(message.text, message.delivery_count) async for message in rest.drain()] == [("3", 1)]


async def client_acknowledges_all_so_far(url: str, name: str, count: int) -> None:
    async with connect(url) as client, client.session(AckMode.CLIENT) as session:
        for number in range(6):
            await session.send(name, str(number))
        async with session.consumer(name) as consumer:
            messages = [await consumer.receive() for _ in range(4)]
            await messages[1].acknowledge()
            await session.recover()
            last = [await consumer.receive() for _ in range(4)]
            assert [(m.text, m.delivery_count) for m in last] == [("2", 2), ("3", 2), ("4", 1), ("5", 1)]
            await last[-1].acknowledge()
        async with session.consumer(name) as consumer:
            assert await consumer.receive(timeout=0) is None


async def individual_acknowledges_one(url: str, name: str, count: int) -> None:
    async with connect(url) as client:
        async with client.session(AckMode.INDIVIDUAL) as session, session.consumer(name) as consumer:
            for number in range(4):
                await session.send(name, str(number))
            messages = [await consumer.receive() for _ in range(4)]
            await messages[2].acknowledge()
            await messages[0].acknowledge()
            await messages[0].acknowledge()
        async with client.session(AckMode.INDIVIDUAL) as session, session.consumer(name) as consumer:
            messages = [message async for message in consumer.drain()]
            assert [message.text for message in messages] == ["1", "3"]
            for message in messages:
                await message.acknowledge()


async def dups_ok_takes_all(url: str, name: str, count: int) -> None:
    async with connect(url) as client:
        async with client.session(AckMode.DUPS_OK) as session, session.consumer(name) as consumer:
            for number in range(count):
                await session.send(name, str(number), durable=False)
            for number in range(count):
                assert (await consumer.receive()).text == str(number)
        async with client.session() as session, session.consumer(name) as consumer:
            assert await consumer.receive(timeout=0) is None


async def pre_acknowledged_is_gone_when_it_leaves(url: str, name: str, count: int) -> None:
    async with connect(url) as client:
        async with client.session(AckMode.PRE) as session, session.consumer(name) as consumer:
            for number in range(10):
                await session.send(name, str(number))
            assert (await consumer.receive()).text == "0"
        async with client.session() as session, session.consumer(name) as consumer:
            left = [message.text async for message in consumer.drain()]
            assert left == [str(number) for number in range(10 - len(left), 10)], "never one that had left"


async def rolled_back_messages_come_again(url: str, name: str, count: int) -> None:
    async with connect(url) as client, client.transacted_session() as session, session.consumer(name) as consumer:
        for number in range(5):
            await session.send(name, str(number))
        assert await consumer.receive(timeout=0) is None, "not committed"
        await session.commit()
        for attempt in (1, 2, 3):
            messages = [await consumer.receive() for _ in range(5)]
            assert [message.text for message in messages] == ["0", "1", "2", "3", "4"]
            assert [message.delivery_count for message in messages] == [attempt] * 5
            assert messages[0].redelivered == (attempt > 1)
            await session.rollback()
        for _ in range(5):
            await consumer.receive()
        await session.commit()
        assert await consumer.receive(timeout=0) is None


async def rolled_back_sends_were_never_there(url: str, name: str, count: int) -> None:
    async with connect(url) as client, client.transacted_session() as session, session.consumer(name) as consumer:
        for number in range(20):
            try:
                async with session.transaction():
                    for part in "ab":
                        await session.send(name, f"{number}{part}")
                    if number % 2:
                        raise Spoilt
            except Spoilt:
                assert number % 2
        async with session.transaction():
            came = [message.text async for message in consumer.drain()]
        assert came == [f"{number}{part}" for number in range(0, 20, 2) for part in "ab"]


async def transactions_move_messages(url: str, name: str, count: int) -> None:
    async with connect(url) as client, client.session() as plain, client.transacted_session() as session:
        for number in range(count // 10):
            await plain.send(name, str(number))
        async with session.consumer(name) as source, plain.consumer(f"{name}.target") as target:
            for number in range(count // 10):
                async with session.transaction():
                    message = await source.receive()
                    await session.send(f"{name}.target", message.text)
                assert (await target.receive()).text == str(number)
            assert await target.receive(timeout=0) is None


async def a_duplicate_id_refuses_its_transaction(url: str, name: str, count: int) -> None:
    async with connect(url) as client, client.transacted_session() as session, session.consumer(name) as consumer:
        await session.send(name, "first", duplicate_id=f"{name}-x")
        await session.rollback()
        await session.send(name, "second", duplicate_id=f"{name}-x")
        await session.commit()
        await session.send(name, "third", duplicate_id=f"{name}-x")
        with pytest.raises(DuplicateIdRejected):
            await session.commit()
        await session.rollback()
        assert [message.text async for message in consumer.drain()] == ["second"]
        await session.commit()


async def queues_are_made_asked_and_deleted(url: str, name: str, count: int) -> None:
    async with connect(url) as client, client.session() as session:
        assert not (await session.query_queue(name)).exists
        await session.create_queue(name)
        with pytest.raises(QueueExists):
            await session.create_queue(name)
        await session.create_queue(name, exist_ok=True)
        await session.send(name, "one")
        info = await session.query_queue(name)
        assert (info.exists, info.message_count, info.consumer_count) == (True, 1, 0)
        address = await session.query_address(name)
        assert (address.exists, list(address.queue_names)) == (True, [name])
        await session.delete_queue(name)
        await session.delete_queue(name, missing_ok=True)
        with pytest.raises(QueueDoesNotExist):
            await session.delete_queue(name)
        with pytest.raises(QueueDoesNotExist):
            await session.consumer(name, create=False)
        await session.create_address(f"{name}.address", RoutingType.MULTICAST)
        assert (await session.query_address(f"{name}.address")).routing_types == {RoutingType.MULTICAST}


async def refused_commands_harm_nobody(url: str, name: str, count: int) -> None:
    async with connect(url) as client, client.session() as session, session.consumer(name) as consumer:
        for number in range(10):
            with pytest.raises(InvalidFilterExpression):
                await session.consumer(name, selector="= nonsense (")
            with pytest.raises(QueueExists):
                await session.create_queue(name)
            with pytest.raises(BrokerError):
                await session.consumer(Queue(f"{name}.missing"), create=False)
            await session.send(name, str(number))
            assert (await consumer.receive()).text == str(number)


async def a_name_is_unique_while_its_session_lives(url: str, name: str, count: int) -> None:
    async with connect(url) as client, client.session() as session:
        async with client.session() as other:
            await other.add_metadata("name", name, unique=True)
            with pytest.raises(DuplicateMetadata):
                await session.add_metadata("name", name, unique=True)
        await session.add_metadata("name", name, unique=True)


async def a_stopped_session_gets_nothing(url: str, name: str, count: int) -> None:
    async with connect(url) as client, client.session() as session, session.consumer(name) as consumer:
        await session.stop()
        await session.send(name, "later")
        assert await consumer.receive(timeout=0.05) is None
        await session.start()
        assert (await consumer.receive()).text == "later"


async def a_closed_consumer_gives_back_its_prefetch(url: str, name: str, count: int) -> None:
    async with connect(url) as client, client.session() as session:
        for number in range(count // 10):
            await session.send(name, str(number))
        for number in range(count // 10):
            async with session.consumer(name) as consumer:
                message = await consumer.receive()
                assert (message.text, message.delivery_count) == (str(number), 1)
        async with session.consumer(name) as consumer:
            assert await consumer.receive(timeout=0) is None
