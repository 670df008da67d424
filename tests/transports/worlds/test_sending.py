"""Sending: bodies, headers, destinations, credits, receipts."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from tests.transports.company_anyio import beside, needs_company

from corewire import Address, Json, Long, Message, MessageType, Object, Queue, Short, Topic
from corewire.errors import AddressDoesNotExist, ObjectClosed, UnexpectedRoutingType
from corewire_transports.anyio import SendState, connect


@pytest.mark.parametrize(
    ("body", "kind", "read"),
    [
        ("text", MessageType.TEXT, "text"),
        (b"bytes", MessageType.BYTES, b"bytes"),
        (None, MessageType.DEFAULT, None),
        ({"id": 7, "big": Long(7), "short": Short(3)}, MessageType.MAP, {"id": 7, "big": 7, "short": 3}),
        ([1, "two", 3.0, None], MessageType.STREAM, (1, "two", 3.0, None)),
        (Json({"a": [1]}), MessageType.TEXT, '{"a": [1]}'),
        (Object(b"\xac\xed"), MessageType.OBJECT, Object(b"\xac\xed")),
    ],
)
async def test_body_comes_as_it_was_sent(url: str, queue: str, body: object, kind: MessageType, read: object) -> None:
    async with connect(url) as client, client.session() as session, session.consumer(queue) as consumer:
        await session.send(queue, body)  # type: ignore[arg-type]
        message = await consumer.receive()
        assert message.type is kind
        if kind is MessageType.TEXT:
            assert message.text.replace('":[', '": [') == read
        else:
            assert message.body == read or tuple(message.body or ()) == read  # type: ignore[arg-type]


async def test_headers_come_as_they_were_sent(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as session, session.consumer(queue) as consumer:
        await session.send(
            queue, "x", priority=9, durable=False, properties={"region": "eu", "count": Long(3)}, correlation_id="c"
        )
        message = await consumer.receive()
        assert (message.priority, message.durable, message.correlation_id) == (9, False, "c")
        assert message.properties == {"region": "eu", "count": 3}
        assert message.destination == Queue(queue)
        assert message.timestamp is not None
        assert message.message_id is not None
        assert (message.delivery_count, message.redelivered, message.is_large) == (1, False, False)


async def test_time_to_live_is_counted_from_the_send(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as session, session.consumer(queue) as consumer:
        await session.send(queue, "x", ttl=timedelta(minutes=1))
        message = await consumer.receive()
        assert message.expiration is not None
        assert message.timestamp is not None
        assert message.expiration - message.timestamp == timedelta(minutes=1)


async def test_message_is_sent_on_with_its_types(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as session, session.consumer(queue) as consumer:
        await session.send(queue, {"n": Short(5)}, properties={"p": Long(6)})
        first = await consumer.receive()
        await session.send(queue, first, priority=7)
        second = await consumer.receive()
        assert isinstance(second.map["n"], Short)
        assert isinstance(second.properties["p"], Long)
        assert second.priority == 7
        assert second.message_id != first.message_id


async def test_a_message_may_be_sent_many_times(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as session, session.consumer(queue) as consumer:
        message = Message("again", priority=3)
        for _ in range(3):
            await session.send(queue, message)
        received = [each async for each in consumer.drain()]
        assert [each.text for each in received] == ["again"] * 3
        assert len({each.message_id for each in received}) == 3


async def test_destination_of_the_wrong_kind_is_refused(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as session:
        await session.send(Queue(queue), "x")
        with pytest.raises(UnexpectedRoutingType):
            await session.send(Topic(queue), "x")


async def test_bare_address_is_not_made(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as session:
        with pytest.raises(AddressDoesNotExist):
            await session.send(Address(queue), "x")
        await session.send(f"queue://{queue}", "x")
        await session.send(f"address://{queue}", "x")
        assert (await session.query_queue(queue)).message_count == 2


async def test_mistakes_are_told_before_anything_is_sent(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as session:
        with pytest.raises(ValueError, match="priority"):
            await session.send(queue, "x", priority=11)
        with pytest.raises(TypeError):
            await session.send(queue, {"nested": {"a": 1}})  # type: ignore[dict-item]
        with pytest.raises(ValueError, match="priority"):
            await session.producer(queue, priority=11)
        assert not (await session.query_queue(queue)).exists


async def test_receipt_tells_how_far_a_message_came(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as session, session.producer(queue) as producer:
        receipt = await producer.submit("1")
        # The answer is on its way, or was quicker than this line.
        assert receipt.state in (SendState.SENT, SendState.CONFIRMED)
        await receipt.wait()
        assert receipt.state is SendState.CONFIRMED
        assert receipt.message.text == "1"
        assert "confirmed" in repr(receipt)


@needs_company
async def test_several_may_wait_for_one_receipt(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as session, session.producer(queue) as producer:
        for _ in range(20):
            receipt = await producer.submit("1")
            async with beside(receipt.wait) as one, beside(receipt.wait) as two, beside(producer.flush) as three:
                await receipt.wait()
                for each in (one, two, three):
                    await each.result()


async def test_submitted_messages_arrive_in_order(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as session:
        async with session.producer(queue, durable=True, priority=4) as producer:
            for number in range(500):
                await producer.submit(str(number))
        assert (await session.query_queue(queue)).message_count == 500
        async with session.consumer(queue) as consumer:
            assert [message.text async for message in consumer.drain()] == [str(number) for number in range(500)]


async def test_defaults_of_a_producer_give_way_to_the_call(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as session, session.consumer(queue) as consumer:
        async with session.producer(queue, priority=2, durable=False) as producer:
            assert producer.destination == Queue(queue)
            assert not producer.blocked
            await producer.send("a")
            received = [await consumer.receive()]
            await producer.send("b", priority=3)
            received.append(await consumer.receive())
        assert [(each.priority, each.durable) for each in received] == [(2, False), (3, False)]


async def test_small_window_only_slows_down(url: str, queue: str) -> None:
    async with connect(f"{url}?producerWindowSize=1000") as client, client.session() as session:
        async with session.producer(queue) as producer:
            for number in range(50):
                await producer.submit("x" * 300 + str(number))
        assert (await session.query_queue(queue)).message_count == 50


async def test_flush_raises_all_that_failed(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as session:
        producer = await session.producer(queue)
        await session.send(queue, "x")
        with pytest.raises(UnexpectedRoutingType):
            async with session.producer(Topic(queue)):
                pass
        await producer.close()
        with pytest.raises(ObjectClosed):
            await producer.submit("late")
        with pytest.raises(ObjectClosed, match="the producer is closed"):
            await producer.send("late")
        with pytest.raises(ObjectClosed, match="the producer is closed"):
            await producer.send_stream(io.BytesIO(b"late"))
        assert (await session.query_queue(queue)).message_count == 1


async def test_large_bodies_pass_whole(url: str, queue: str) -> None:
    body = bytes(range(256)) * 4000
    async with (
        connect(f"{url}?minLargeMessageSize=2000000") as client,
        client.session() as session,
        session.consumer(queue) as consumer,
    ):
        await session.send(queue, body)
        message = await consumer.receive()
        assert message.data == body
        assert message.body_bytes >= len(body)
