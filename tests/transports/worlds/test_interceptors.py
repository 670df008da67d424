"""Interceptors of a client: what they see of it, and what the application does."""

from __future__ import annotations

import io
import logging
from typing import TYPE_CHECKING

import pytest

from corewire import Interceptor, Message
from corewire.errors import InterceptorRejectedPacket
from corewire.events import Connected, TopologyChanged
from corewire_transports.anyio import SendState, connect

if TYPE_CHECKING:
    from collections.abc import Callable

    from corewire.events import ClientEvent
    from corewire_transports.anyio import Client


class Stamp(Interceptor):
    """Marks what goes out, unmarks what comes in."""

    def outgoing(self, message: Message, /) -> Message | None:
        return message.replace(properties={**message.properties, "stamped": True})

    def incoming(self, message: Message, /) -> Message | None:
        assert message.properties["stamped"] is True
        kept = {name: value for name, value in message.properties.items() if name != "stamped"}
        return message.replace(properties=kept)


class Secrets(Interceptor):
    """Keeps back what is secret."""

    def outgoing(self, message: Message, /) -> Message | None:
        return None if message.properties.get("secret") else message

    def incoming(self, message: Message, /) -> Message | None:
        return None if message.properties.get("private") else message


async def test_messages_are_changed_and_keep_what_they_are(url: str, queue: str) -> None:
    async with connect(url, interceptors=[Stamp()]) as client, client.session() as session:
        async with session.consumer(queue) as consumer:
            await session.send(queue, {"a": 1}, properties={"mine": 1}, correlation_id="c")
            message = await consumer.receive()
            assert (dict(message.map), message.correlation_id) == ({"a": 1}, "c")
            assert message.properties == {"mine": 1}
            assert message.message_id is not None
            assert message.delivery_count == 1
        async with connect(url) as plain, plain.session() as elsewhere, elsewhere.consumer(queue) as consumer:
            await session.send(queue, "text")
            assert (await consumer.receive()).properties == {"stamped": True}


async def test_what_is_kept_back_on_the_way_out_is_told_to_whoever_waits(url: str, queue: str) -> None:
    hidden = Message("x", properties={"secret": True})
    async with connect(url, interceptors=[Stamp(), Secrets()]) as client, client.session() as session:
        with pytest.raises(InterceptorRejectedPacket):
            await session.send(queue, hidden)
        await session.send(queue, hidden, durable=False)
        with pytest.raises(InterceptorRejectedPacket):
            await session.send_stream(queue, io.BytesIO(b"x"), properties={"secret": True})
        producer = await session.producer(queue)
        receipt = await producer.submit(hidden)
        assert receipt.state is SendState.FAILED
        with pytest.raises(InterceptorRejectedPacket):
            await receipt.wait()
        with pytest.raises(ExceptionGroup):
            await producer.flush()
        assert not (await session.query_queue(queue)).message_count
        assert client.stats.messages_dropped == 4


async def test_what_is_kept_back_on_the_way_in_is_gone_and_the_next_one_comes(url: str, queue: str) -> None:
    async with connect(url, interceptors=[Secrets()]) as client, client.session() as session:
        for number in range(6):
            await session.send(queue, str(number), properties={"private": number % 2 == 0})
        async with session.consumer(queue) as consumer:
            assert [message.text async for message in consumer.drain()] == ["1", "3", "5"]
        assert (await session.query_queue(queue)).message_count == 0
        assert client.stats.messages_dropped == 3
        assert client.stats.messages_received == 3


async def test_what_an_interceptor_raises_is_logged_and_the_message_passes(
    url: str, queue: str, caplog: pytest.LogCaptureFixture
) -> None:
    clients: list[Client] = []
    events: list[ClientEvent] = []

    class Meddler(Interceptor):
        """Calls the client, which is in the middle of something."""

        def outgoing(self, message: Message, /) -> Message | None:
            calls: Callable[[], object] = clients[0]._driver._check
            calls()
            return message

        def incoming(self, message: Message, /) -> Message | None:
            raise RuntimeError("not today")

    with caplog.at_level(logging.ERROR, "corewire"):
        async with (
            connect(url, interceptors=[Meddler()], on_event=events.append) as client,
            client.session() as session,
        ):
            clients.append(client)
            async with session.consumer(queue) as consumer:
                await session.send(queue, "x")
                assert (await consumer.receive()).text == "x"
            await session.query_queue(queue)
    words = [str(record.exc_info and record.exc_info[1]) for record in caplog.records]
    assert ["must not call the client" in words[0], words[1:]] == [True, ["not today"]]
    assert {type(event) for event in events} <= {Connected, TopologyChanged}
