"""Lanes of our client about topics, subscriptions and temporary destinations. Each takes URL, name, count."""

from __future__ import annotations

import pytest
from tests.interop.together import tasks

from corewire import AckMode, QueueConfiguration, RoutingType, Topic
from corewire.errors import BrokerError, IllegalState, QueueDoesNotExist
from corewire_transports.anyio import connect


async def a_live_subscription_gets_what_is_published_meanwhile(url: str, name: str, count: int) -> None:
    async with connect(url) as client, client.session() as session:
        await session.create_address(name, RoutingType.MULTICAST)
        await session.send(Topic(name), "to nobody")
        async with session.subscribe(name) as live, session.subscribe(name, selector="JMSPriority > 5") as urgent:
            for number in range(count // 10):
                await session.send(Topic(name), str(number), priority=9 if number % 2 else 4)
            wanted = list(range(1, count // 10, 2)) + list(range(0, count // 10, 2))
            assert sorted([int(m.text) async for m in live.drain()]) == sorted(wanted)
            assert [int(m.text) async for m in urgent.drain()] == list(range(1, count // 10, 2))
        async with session.subscribe(name) as late:
            assert await late.receive(timeout=0) is None
        assert not (await session.query_address(name)).queue_names, "they are gone"


async def a_durable_subscription_waits_for_its_owner(url: str, name: str, count: int) -> None:
    for number in range(3):
        async with connect(url, client_id=name) as client, client.session() as session:
            async with session.subscribe(name, "audit") as audit:
                came = [message.text async for message in audit.drain()]
            assert came == ([] if number == 0 else [f"{number - 1}a", f"{number - 1}b"])
        async with connect(url) as client, client.session() as session:
            for part in "ab":
                await session.send(Topic(name), f"{number}{part}")
    async with connect(url, client_id=name) as client, client.session() as session:
        async with session.subscribe(name, "audit"):
            with pytest.raises(IllegalState):
                await session.unsubscribe("audit")
            with pytest.raises(BrokerError):
                await session.subscribe(name, "audit")
        await session.unsubscribe("audit")
        with pytest.raises(QueueDoesNotExist):
            await session.unsubscribe("audit")


async def a_shared_subscription_is_shared(url: str, name: str, count: int) -> None:
    async with connect(url) as client, client.session() as one, client.session() as other:
        first = await one.subscribe(name, f"{name}-w", shared=True)
        second = await other.subscribe(name, f"{name}-w", shared=True)
        for number in range(20):
            await one.send(Topic(name), str(number))
        came = [[message.text async for message in consumer.drain()] for consumer in (first, second)]
        await first.close()
        await second.close()
        assert sorted((text for texts in came for text in texts), key=int) == [str(number) for number in range(20)]
        assert all(came), "both had their share"
        await one.unsubscribe(f"{name}-w")


async def what_it_sent_itself_does_not_come_back(url: str, name: str, count: int) -> None:
    async with connect(url) as client, client.session() as session, session.subscribe(name, no_local=True) as others:
        await session.send(Topic(name), "own")
        async with connect(url) as stranger, stranger.session() as elsewhere:
            await elsewhere.send(Topic(name), "theirs")
        assert [message.text async for message in others.drain()] == ["theirs"]


async def queues_of_a_topic_are_named_in_full(url: str, name: str, count: int) -> None:
    async with connect(url) as client, client.session() as session:
        for part, selector in (("all", None), ("odd", "odd = TRUE")):
            queue = QueueConfiguration(
                name=f"{name}.{part}", address=name, routing_type=RoutingType.MULTICAST, filter_string=selector
            )
            await session.create_queue(queue)
        for number in range(count // 10):
            await session.send(Topic(name), str(number), properties={"odd": bool(number % 2)})
        async with (
            session.consumer(f"{name}::{name}.all") as everything,
            session.consumer(f"{name}::{name}.odd") as odd,
        ):
            assert [int(m.text) async for m in everything.drain()] == list(range(count // 10))
            assert [int(m.text) async for m in odd.drain()] == list(range(1, count // 10, 2))


async def a_subscription_rolls_back(url: str, name: str, count: int) -> None:
    async with connect(url, client_id=name) as client, client.transacted_session() as session:
        async with session.subscribe(name, "books") as books:
            async with session.transaction():
                for number in range(5):
                    await session.send(Topic(name), str(number))
            for attempt in (1, 2):
                came = [await books.receive() for _ in range(5)]
                assert [(m.text, m.delivery_count) for m in came] == [(str(number), attempt) for number in range(5)]
                await (session.rollback() if attempt == 1 else session.commit())
            assert await books.receive(timeout=0) is None
        await session.unsubscribe("books")


async def questions_are_answered(url: str, name: str, count: int) -> None:
    async def answer() -> None:
        async with connect(url) as client, client.session() as session, session.consumer(name) as questions:
            for _ in range(20):
                question = await questions.receive()
                await question.reply(question.text.upper())

    async def ask() -> None:
        async with connect(url) as client, client.session() as session:
            for number in range(10):
                reply = await session.request(name, f"q{number}")
                assert reply.text == f"Q{number}"
            async with session.temporary_queue() as answers, session.consumer(answers) as consumer:
                for number in range(10):
                    await session.send(name, f"q{number}", reply_to=answers, correlation_id=f"question {number}")
                    reply = await consumer.receive()
                    assert (reply.text, reply.correlation_id) == (f"Q{number}", f"question {number}")

    await tasks(answer, ask)


async def temporary_destinations_go_with_their_block(url: str, name: str, count: int) -> None:
    async with connect(url) as client, client.session(AckMode.CLIENT) as session:
        async with session.temporary_queue() as queue, session.temporary_topic() as topic:
            names = (queue.name, topic.name)
            async with session.consumer(queue) as consumer, session.subscribe(topic) as live:
                await session.send(queue, "queue")
                await session.send(topic, "topic")
                assert [message.text async for message in consumer.drain()] == ["queue"]
                assert [message.text async for message in live.drain()] == ["topic"]
        for each in names:
            assert not (await session.query_queue(each)).exists
