"""Lanes of our client about messages: what is sent, in which order it comes, and that it comes whole. Each takes URL, name, count."""

from __future__ import annotations

from functools import partial

from tests.interop.samples import BODIES, HEADERS, PROPERTIES, same_message
from tests.interop.together import tasks

from corewire import AckMode, Message
from corewire_transports.anyio import connect


async def numbered_messages_come_once_and_in_order(url: str, name: str, count: int) -> None:
    async def produce() -> None:
        async with connect(url) as client, client.session() as session, session.producer(name) as producer:
            for number in range(count):
                await producer.submit(str(number))

    async def consume() -> None:
        async with connect(url) as client, client.session() as session, session.consumer(name) as consumer:
            for number in range(count):
                message = await consumer.receive()
                assert (message.text, message.delivery_count) == (str(number), 1)
            assert await consumer.receive(timeout=0) is None

    await tasks(produce, consume)


async def sends_one_by_one_are_there_when_they_return(url: str, name: str, count: int) -> None:
    async with connect(url) as client, client.session() as session, session.consumer(name) as consumer:
        for number in range(count // 10):
            await session.send(name, str(number))
            message = await consumer.receive(timeout=0)
            assert message is not None
            assert message.text == str(number)


async def non_durable_messages_come_in_order(url: str, name: str, count: int) -> None:
    async with connect(url) as client, client.session() as session, session.consumer(name) as consumer:
        for number in range(count):
            await session.send(name, str(number), durable=False)
        for number in range(count):
            message = await consumer.receive()
            assert (message.text, message.durable) == (str(number), False)


async def large_windows_and_none_hold_all(url: str, name: str, count: int) -> None:
    async with connect(url) as client, client.session() as session:
        for number in range(count // 10):
            await session.send(name, b"x" * 1000 + str(number).encode())
        async with session.consumer(name, window_bytes=None) as consumer:
            for number in range(count // 10):
                message = await consumer.receive()
                assert message.data[1000:] == str(number).encode()


async def messages_come_one_at_a_time(url: str, name: str, count: int) -> None:
    """Each is asked for at once behind the one before: Artemis takes its price off the balance only after it has sent it."""
    sizes = [7, 3_000, 0, 90, 9_000]
    async with connect(url) as client, client.session() as session:
        await session.create_queue(name)
        async with session.producer(name) as producer, session.consumer(name, window_bytes=0) as consumer:
            for number in range(count):
                await producer.submit(bytes(sizes[number % 5]))
            await producer.flush()
            for number in range(count):
                assert len((await consumer.receive()).data) == sizes[number % 5]
            assert await consumer.receive(timeout=0) is None


async def without_a_window_a_consumer_holds_nothing(url: str, name: str, count: int) -> None:
    async with connect(url) as client, client.session(AckMode.CLIENT) as session:
        for number in range(count // 10):
            await session.send(name, str(number))
        async with session.consumer(name, window_bytes=0) as first, session.consumer(name, window_bytes=0) as second:
            for number in range(0, count // 10, 2):
                one, other = await first.receive(), await second.receive()
                assert [one.text, other.text] == [str(number), str(number + 1)]
                assert first.buffered == second.buffered == 0
                await other.acknowledge()


async def bodies_of_all_types_come_as_they_went(url: str, name: str, count: int) -> None:
    async with connect(url) as client, client.session() as session, session.consumer(name) as consumer:
        for body in BODIES:
            await session.send(name, body)
        for body in BODIES:
            message = await consumer.receive(timeout=10)
            assert message is not None
            assert same_message(message, Message(body))


async def properties_of_all_types_come_as_they_went(url: str, name: str, count: int) -> None:
    async with connect(url) as client, client.session() as session, session.consumer(name) as consumer:
        await session.send(name, "all", properties=PROPERTIES)
        message = await consumer.receive()
        assert {key: (type(value), value) for key, value in message.properties.items()} == {
            key: (type(value), value) for key, value in PROPERTIES.items()
        }


async def headers_come_as_they_went(url: str, name: str, count: int) -> None:
    async with connect(url) as client, client.session() as session, session.consumer(name) as consumer:
        sent = Message("headers", **HEADERS)
        await session.send(name, sent)
        message = await consumer.receive()
        assert message.correlation_id == sent.correlation_id
        assert message.jms_type == sent.jms_type
        assert message.reply_to == sent.reply_to
        assert message.content_type == sent.content_type
        assert message.message_id == sent.message_id
        assert message.priority == sent.priority
        assert message.timestamp is not None
        assert not message.redelivered


async def a_received_message_is_sent_on_as_it_is(url: str, name: str, count: int) -> None:
    async with connect(url) as client, client.session() as session, session.consumer(name) as consumer:
        await session.send(name, {"a": 1, "b": None}, properties=PROPERTIES, duplicate_id="once")
        message = await consumer.receive()
        async with session.consumer(f"{name}.on") as end:
            for _ in range(2):  # a kept duplicate id would make the broker drop the second
                await session.send(f"{name}.on", message)
            for _ in range(2):
                assert same_message(await end.receive(), message)


async def the_highest_priority_comes_first(url: str, name: str, count: int) -> None:
    async with connect(url) as client, client.session() as session:
        for number in range(20):
            await session.send(name, str(number), priority=number % 10)
        async with session.consumer(name) as consumer:
            came = [int((await consumer.receive()).text) for _ in range(20)]
        assert came == sorted(range(20), key=lambda number: (-(number % 10), number))


async def expired_messages_do_not_come(url: str, name: str, count: int) -> None:
    async with connect(url) as client, client.session() as session, session.consumer(f"{name}.idle") as idle:
        for number in range(10):
            await session.send(name, str(number), **({"ttl": 0.02} if number % 2 else {"ttl": 600}))
        assert await idle.receive(timeout=0.1) is None
        async with session.consumer(name) as consumer:
            came = [(message.text, message.expiration is not None) async for message in consumer.drain()]
        assert came == [(str(number), True) for number in range(0, 10, 2)]


async def selectors_select(url: str, name: str, count: int) -> None:
    async with connect(url) as client, client.session() as session:
        for number in range(20):
            region = {"region": "eu" if number % 2 else "us", "number": number}
            priority = 9 if number % 10 == 9 else 4
            await session.send(name, str(number), properties=region, priority=priority, jms_type=f"type{number % 3}")
        wanted = {
            "region = 'eu' AND number BETWEEN 3 AND 7": [3, 5, 7],
            "JMSPriority > 8": [9, 19],
            "JMSType = 'type2' AND missing IS NULL": [2, 8, 11, 14, 17],
            "AMQPriority < 4 OR region LIKE '_s' AND number * 2 > 30": [16, 18],
        }
        for selector, numbers in wanted.items():
            async with session.consumer(name, selector=selector) as consumer:
                assert [int(message.text) async for message in consumer.drain()] == numbers, selector
        async with session.consumer(name) as consumer:
            assert [int(message.text) async for message in consumer.drain()] == [0, 1, 4, 6, 10, 12, 13, 15]


async def browsers_show_all_and_take_nothing(url: str, name: str, count: int) -> None:
    async with connect(url) as client, client.session() as session:
        for number in range(count // 10):
            await session.send(name, str(number), priority=number % 2 * 5)
        async with session.browser(name) as browser:
            assert len([message async for message in browser]) == count // 10
        async with session.browser(name, selector="JMSPriority = 5") as browser:
            assert len([message async for message in browser]) == count // 20
        async with session.consumer(name) as consumer:
            assert len([message async for message in consumer.drain()]) == count // 10


async def duplicate_ids_are_dropped(url: str, name: str, count: int) -> None:
    async with connect(url) as client, client.session() as session, session.consumer(name) as consumer:
        for number in range(10):
            for _ in range(3):
                await session.send(name, str(number), duplicate_id=f"{name}-{number}")
        assert [message.text async for message in consumer.drain()] == [str(number) for number in range(10)]


async def many_sessions_of_one_client_share_a_queue(url: str, name: str, count: int) -> None:
    came: list[str] = []

    async def work(number: int) -> None:
        async with connect(url) as client, client.session() as session, client.session() as other:
            first, second = await session.consumer(name), await other.consumer(name)
            await session.send(f"{name}.ready", str(number))
            while len(came) < 100:  # by all of them
                for consumer in (first, second):
                    message = await consumer.receive(timeout=0.02)
                    came.extend([] if message is None else [message.text])

    async def produce() -> None:
        async with connect(url) as client, client.session() as session:
            async with session.consumer(f"{name}.ready") as ready:
                for _ in range(3):
                    await ready.receive()
            for number in range(100):
                await session.send(name, str(number))

    await tasks(produce, *(partial(work, number) for number in range(3)))
    assert sorted(came, key=int) == [str(number) for number in range(100)]
