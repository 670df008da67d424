"""Limits of messages a second: of consumers, of producers, of sessions."""
# ruff: noqa: SIM117  (blocks are what is tested here)

from __future__ import annotations

import io
import time

import pytest
from anyio import move_on_after
from tests.transports.company_anyio import beside, needs_company, until

from corewire.errors import ObjectClosed
from corewire_transports.anyio import Consumer, connect
from corewire_transports.anyio._pacing import PacedConsumer

RATE = 20  # so many pass at once, and then one each 50 ms
EXTRA = 2
HELD_UP_S = EXTRA / RATE


async def test_a_consumer_hands_out_so_many_a_second(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as session:
        for number in range(RATE + EXTRA):
            await session.send(queue, str(number))
        async with session.consumer(queue, rate_max=RATE) as consumer:
            begun = time.monotonic()
            for number in range(RATE + EXTRA):
                assert (await consumer.receive()).text == str(number)
            assert time.monotonic() - begun >= HELD_UP_S


async def test_a_consumer_settles_what_is_in_hand_before_it_waits(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as session, client.session() as other:
        await session.send(queue, "a")
        await session.send(queue, "b")
        async with session.consumer(queue, rate_max=1) as consumer:
            await consumer.receive()
            with move_on_after(0.02) as deadline:
                await consumer.receive()
            assert deadline.cancelled_caught
            assert (await other.query_queue(queue)).message_count == 1


async def test_whoever_waits_less_than_the_rate_wants_gets_nothing_and_owes_nothing(url: str, queue: str) -> None:
    async with connect(f"{url}?consumerMaxRate=1") as client, client.session() as session:
        for text in "abc":
            await session.send(queue, text)
        async with session.consumer(queue) as consumer:
            begun = time.monotonic()
            assert (await consumer.receive()).text == "a"
            for _ in range(5):
                assert await consumer.receive(timeout=0.01) is None
            message = await consumer.receive(timeout=10)
            assert message is not None
            assert message.text == "b"
            assert time.monotonic() - begun >= 1
        async with session.consumer(queue, rate_max=None) as consumer:
            assert [message.text async for message in consumer.drain()] == ["c"]


@pytest.mark.parametrize("way", ["send", "submit", "stream", "session"])
async def test_what_is_sent_keeps_the_rate(url: str, queue: str, way: str) -> None:
    limit = f"?producerMaxRate={RATE}" if way in ("submit", "session") else ""
    async with connect(url + limit) as client, client.session() as session:
        async with session.producer(queue, rate_max=None if limit else RATE) as producer:
            begun = time.monotonic()
            for number in range(RATE + EXTRA):
                if way == "send":
                    await producer.send(str(number), durable=False)
                elif way == "submit":
                    await producer.submit(str(number))
                elif way == "session":
                    await session.send(queue, str(number), durable=False)
                else:
                    await producer.send_stream(io.BytesIO(b"x"), durable=False)
            assert time.monotonic() - begun >= HELD_UP_S


async def test_producers_and_sessions_do_not_share_a_rate(url: str, queue: str) -> None:
    async with connect(f"{url}?producerMaxRate=1") as client, client.session() as session, client.session() as other:
        async with session.producer(queue) as one, session.producer(queue) as two:
            with move_on_after(6.5) as deadline:  # if all shared one it would take 7
                for _ in range(2):
                    await one.send("x")
                    await two.send("x")
                    await session.send(queue, "x")
                    await other.send(queue, "x")
            assert not deadline.cancelled_caught


async def test_a_browser_keeps_the_rate(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as session:
        for number in range(RATE + EXTRA - 1):  # to learn that there are no more is one step, too
            await session.send(queue, str(number))
        begun = time.monotonic()
        async with session.browser(queue, rate_max=RATE) as browser:
            assert len([message async for message in browser]) == RATE + EXTRA - 1
        assert time.monotonic() - begun >= HELD_UP_S


@pytest.mark.parametrize("rate_max", [0, -1])
async def test_a_rate_that_is_none_is_refused(url: str, queue: str, rate_max: int) -> None:
    async with connect(url) as client, client.session() as session:
        with pytest.raises(ValueError, match="1 message a second or more"):
            await session.consumer(queue, rate_max=rate_max)
        with pytest.raises(ValueError, match="1 message a second or more"):
            await session.producer(queue, rate_max=rate_max)


@needs_company
async def test_closing_ends_the_wait_of_a_loop(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as session:
        await session.send(queue, "a")
        await session.send(queue, "b")
        consumer = await session.consumer(queue, rate_max=1)
        assert isinstance(consumer, PacedConsumer)
        for _ in range(20):
            consumer._pace.take()

        async def loop(messages: Consumer) -> list[str]:
            return [message.text async for message in messages]

        begun = time.monotonic()
        async with beside(loop, consumer) as reader:
            await until(lambda: consumer._looping is not None)
            await consumer.close()
            assert await reader.result() == []
        assert time.monotonic() - begun < 10
        with pytest.raises(ObjectClosed):
            await consumer.receive()
