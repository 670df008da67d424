"""Queues, addresses, temporary ones, subscriptions, requests, metadata."""
# ruff: noqa: SIM117  (blocks are what is tested here)

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.transports.company_anyio import beside, needs_company

from corewire import AckMode, QueueConfiguration, RoutingType, Topic
from corewire.errors import (
    CallTimeout,
    ConfigError,
    DuplicateMetadata,
    IllegalState,
    LocalProtocolError,
    QueueDoesNotExist,
    QueueExists,
)
from corewire_transports.anyio import Client, connect, fail_after

if TYPE_CHECKING:
    from corewire_server.proxy import Proxy


async def test_queues_are_made_asked_about_and_deleted(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as session:
        await session.create_queue(queue)
        with pytest.raises(QueueExists):
            await session.create_queue(queue)
        await session.create_queue(queue, exist_ok=True)
        info = await session.query_queue(queue)
        assert (info.exists, info.configuration.name, info.message_count) == (True, queue, 0)
        assert info.configuration.routing_type is RoutingType.ANYCAST
        await session.delete_queue(queue)
        with pytest.raises(QueueDoesNotExist):
            await session.delete_queue(queue)
        await session.delete_queue(queue, missing_ok=True)
        assert not (await session.query_queue(queue)).exists


async def test_queue_with_a_filter_on_another_address(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as session:
        await session.create_address(queue, RoutingType.MULTICAST)
        await session.create_queue(
            QueueConfiguration(
                name=f"{queue}-eu", address=queue, routing_type=RoutingType.MULTICAST, filter_string="region = 'eu'"
            )
        )
        await session.send(Topic(queue), "here", properties={"region": "eu"})
        await session.send(Topic(queue), "there", properties={"region": "us"})
        assert (await session.query_queue(f"{queue}-eu")).message_count == 1
        assert (await session.query_address(queue)).queue_names == (f"{queue}-eu",)


async def test_addresses_are_made_and_asked_about(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as session:
        assert not (await session.query_address(queue)).exists
        await session.create_address(queue)
        await session.create_address(queue, exist_ok=True)
        info = await session.query_address(queue)
        assert info.routing_types == frozenset(RoutingType)


async def test_temporary_queue_goes_at_the_end_of_its_block(url: str) -> None:
    async with connect(url) as client, client.session() as session:
        async with session.temporary_queue() as inbox:
            await session.send(inbox, "x")
            assert str(inbox).startswith("temp-queue://")
            async with session.consumer(inbox) as consumer:
                assert (await consumer.receive()).text == "x"
        assert not (await session.query_queue(inbox.name)).exists
        other = await session.temporary_queue()
        await other.delete()
        await other.delete()


async def test_temporary_queue_goes_with_its_connection(url: str) -> None:
    async with connect(url) as other, other.session() as session:
        async with connect(url) as client:
            inbox = await (await client.session()).temporary_queue()
            assert (await session.query_queue(inbox.name)).exists
        with fail_after(10):  # the broker has to notice
            while (await session.query_queue(inbox.name)).exists:
                await other.poll()


async def test_temporary_topic_takes_subscribers(url: str) -> None:
    async with connect(url) as client, client.session() as session, session.temporary_topic() as news:
        async with session.subscribe(news) as subscriber:
            await session.send(news, "x")
            assert (await subscriber.receive()).text == "x"


async def test_unnamed_subscriptions_see_what_is_sent_meanwhile(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as session:
        async with session.subscribe(queue) as one, session.subscribe(f"topic://{queue}", selector="n = 1") as two:
            await session.send(Topic(queue), "0", properties={"n": 0})
            await session.send(Topic(queue), "1", properties={"n": 1})
            assert [message.text async for message in one.drain()] == ["0", "1"]
            assert [message.text async for message in two.drain()] == ["1"]
            names = (one.queue, two.queue)
        for name in names:
            assert not (await session.query_queue(name)).exists


async def test_durable_subscription_keeps_messages(url: str, queue: str) -> None:
    async with connect(url, client_id=f"me.{queue}") as client, client.session() as session:
        async with session.subscribe(queue, "audit") as audit:
            assert audit.queue == f"me\\.{queue}.audit"
            with pytest.raises(IllegalState):
                await session.subscribe(queue, "audit")
        await session.send(Topic(queue), "kept")
        async with session.subscribe(queue, "audit") as audit:
            assert (await audit.receive()).text == "kept"
        await session.unsubscribe("audit")
        with pytest.raises(QueueDoesNotExist):
            await session.unsubscribe("audit")


async def test_durable_subscription_with_another_selector_begins_anew(url: str, queue: str) -> None:
    async with connect(url, client_id=f"me-{queue}") as client, client.session() as session:
        async with session.subscribe(queue, "audit"):
            await session.send(Topic(queue), "old")
        async with session.subscribe(queue, "audit", selector="n = 1") as audit:
            assert await audit.receive(timeout=0) is None
        await session.unsubscribe("audit")


async def test_shared_subscriptions_share(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as one, client.session() as two:
        async with (
            one.subscribe(queue, f"{queue}-workers", shared=True) as first,
            two.subscribe(queue, f"{queue}-workers", shared=True) as second,
            one.subscribe(queue, f"{queue}-live", shared=True, durable=False) as live,
        ):
            for number in range(10):
                await one.send(Topic(queue), str(number))
            got = [m.text async for m in first.drain()] + [m.text async for m in second.drain()]
            assert sorted(got) == [str(number) for number in range(10)]
            assert live.queue == f"nonDurable.{queue}-live"
            assert len([m async for m in live.drain()]) == 10
        await one.unsubscribe(f"{queue}-workers")


async def test_no_local_leaves_out_what_this_client_sent(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as session, connect(url) as other, other.session() as sender:
        async with session.subscribe(queue, no_local=True) as subscriber:
            await session.send(Topic(queue), "mine")
            await sender.send(Topic(queue), "theirs")
            assert [message.text async for message in subscriber.drain()] == ["theirs"]


async def test_subscriptions_that_make_no_sense_are_refused(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as session:
        with pytest.raises(ConfigError, match="name"):
            await session.subscribe(queue, shared=True)
        with pytest.raises(ConfigError, match="name"):
            await session.subscribe(queue, "n", durable=False)
        with pytest.raises(ConfigError, match="client id"):
            await session.subscribe(queue, "n")
        with pytest.raises(ValueError, match="topic"):
            await session.subscribe("queue://x")
        with pytest.raises(ValueError, match="queue"):
            await session.consumer("topic://x")


async def test_metadata_may_be_unique(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as one, client.session() as two:
        await one.add_metadata("role", "billing")
        await two.add_metadata("role", "billing")
        await one.add_metadata("only", queue, unique=True)
        with pytest.raises(DuplicateMetadata):
            await two.add_metadata("only", queue, unique=True)


async def answer(client: Client, queue: str, count: int) -> None:
    async with client.session() as session, session.consumer(queue) as questions:
        for _ in range(count):
            question = await questions.receive()
            await question.reply(f"re: {question.text}")


@needs_company
async def test_requests_get_their_replies(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as session, beside(answer, client, queue, 3):
        for text in ("one", "two"):
            assert (await session.request(queue, text)).text == f"re: {text}"
        reply = await session.request(queue, "three", correlation_id="it's mine", timeout=5)
        assert (reply.text, reply.correlation_id) == ("re: three", "it's mine")


@needs_company
async def test_requests_go_while_the_session_consumes(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as session, session.consumer(f"{queue}-other") as consumer:

        async def wait() -> str:
            return (await consumer.receive()).text

        async with beside(answer, client, queue, 1), beside(wait) as waiting:
            assert (await session.request(queue, "now?")).text == "re: now?"
            await session.send(f"{queue}-other", "x")
            assert await waiting.result() == "x"


@needs_company
async def test_many_ask_at_once_and_leave_one_inbox(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as session:

        async def ask(text: str) -> str:
            return (await session.request(queue, text)).text

        async with beside(answer, client, queue, 3), beside(ask, "a") as first, beside(ask, "b") as second:
            assert await ask("c") == "re: c"
            assert [await first.result(), await second.result()] == ["re: a", "re: b"]
        assert len(client._sessions) == 2


@needs_company
async def test_requests_go_on_in_the_same_session_after_a_failure(
    url: str, proxied: str, proxy: Proxy, queue: str
) -> None:
    through = f"{proxied}?reconnectAttempts=-1&retryInterval=20"
    async with connect(url) as other, connect(through) as client, client.session() as session:
        async with beside(answer, other, queue, 2):
            assert (await session.request(queue, "one")).text == "re: one"
            proxy.cut_all()
            await session.query_queue(queue)
            assert (await session.request(queue, "two")).text == "re: two"
        assert len(client._sessions) == 2


async def test_request_without_an_answer_ends_in_time(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as session:
        await session.create_queue(queue)
        with pytest.raises(CallTimeout, match="no reply"):
            await session.request(queue, "anybody?", timeout=0.01)
        async with session.consumer(queue) as questions:
            assert (await questions.receive()).reply_to is not None
            await session.send(queue, "no question")
            with pytest.raises(LocalProtocolError, match="reply_to"):
                await (await questions.receive()).reply("x")


async def test_session_tells_what_it_is(url: str) -> None:
    async with connect(url) as client:
        async with client.session(AckMode.INDIVIDUAL) as session:
            assert (session.ack_mode, session.client, session.closed) == (AckMode.INDIVIDUAL, client, False)
            assert session.name in repr(session)
        assert session.closed
        assert session.name
