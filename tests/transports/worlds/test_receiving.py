"""Receiving and acknowledging: what counts as consumed in each mode, and what comes again."""
# ruff: noqa: PT012, SIM117  (blocks are what is tested here)

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.transports.company_anyio import beside, needs_company, until

from corewire import AckMode
from corewire.errors import LocalProtocolError, ObjectClosed, QueueDoesNotExist, TransactionRolledBack
from corewire_transports.anyio import Consumer, ReceivedMessage, Session, connect, fail_after

if TYPE_CHECKING:
    from corewire_server.proxy import Proxy

MODES = [AckMode.AUTO, AckMode.CLIENT, AckMode.DUPS_OK, AckMode.PRE, AckMode.INDIVIDUAL]


async def fill(session: Session, queue: str, count: int = 3) -> None:
    for number in range(count):
        await session.send(queue, str(number))


async def left_in(url: str, queue: str) -> list[tuple[str, int]]:
    """Text and delivery count of what is in a queue."""
    async with connect(url) as client, client.session() as session, session.consumer(queue) as consumer:
        return [(message.text, message.delivery_count) async for message in consumer.drain()]


class Mine(Exception):
    """Raised by the application."""


@pytest.mark.parametrize("window_bytes", [0, 200, 1_048_576, None])
async def test_messages_come_in_order_with_any_window(url: str, queue: str, window_bytes: int | None) -> None:
    async with connect(url) as client, client.session() as session:
        await fill(session, queue, 20)
        async with session.consumer(queue, window_bytes=window_bytes) as consumer:
            received = [message.text async for message in consumer.drain()]
    assert received == [str(number) for number in range(20)]


async def test_nothing_is_certain_with_timeout_0(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as session, session.consumer(queue) as consumer:
        assert await consumer.receive(timeout=0) is None
        assert await consumer.receive(timeout=0.01) is None
        await session.send(queue, "x")
        message = await consumer.receive(timeout=0)
        assert message is not None
        assert await consumer.receive(timeout=0) is None


@pytest.mark.parametrize("window_bytes", [0, 1_048_576])
async def test_a_broker_that_says_nothing_makes_a_timeout_a_little_longer_and_loses_nothing(
    proxied: str, proxy: Proxy, queue: str, window_bytes: int
) -> None:
    async with (
        connect(f"{proxied}?callTimeout=600000") as client,
        client.session() as session,
        session.consumer(queue, window_bytes=window_bytes) as consumer,
    ):
        await session.send(queue, "x", durable=False)
        assert (await consumer.receive()).text == "x"
        proxy.stall()
        await session.send(queue, "y", durable=False)
        with fail_after(60):
            assert await consumer.receive(timeout=0.01) is None
        proxy.resume()
        assert (await consumer.receive()).text == "y"
        assert await consumer.receive(timeout=0) is None


@pytest.mark.parametrize("mode", [AckMode.AUTO, AckMode.DUPS_OK])
async def test_coming_back_for_the_next_one_counts(url: str, queue: str, mode: AckMode) -> None:
    async with connect(url) as client, client.session(mode) as session:
        await fill(session, queue)
        with pytest.raises(Mine):
            async with session.consumer(queue) as consumer:
                async for message in consumer:
                    if message.text == "1":
                        raise Mine
    assert await left_in(url, queue) == [("1", 2), ("2", 1)]


@pytest.mark.parametrize("mode", [AckMode.AUTO, AckMode.DUPS_OK])
async def test_leaving_the_loop_counts(url: str, queue: str, mode: AckMode) -> None:
    async with connect(url) as client, client.session(mode) as session:
        await fill(session, queue)
        async with session.consumer(queue) as consumer:
            async for message in consumer:
                if message.text == "1":
                    break
    assert await left_in(url, queue) == [("2", 1)]


@pytest.mark.parametrize("mode", MODES)
async def test_session_left_by_an_exception_gives_back(url: str, queue: str, mode: AckMode) -> None:
    with pytest.raises(Mine):
        async with connect(url) as client, client.session(mode) as session:
            await fill(session, queue)
            consumer = await session.consumer(queue, window_bytes=None)
            assert [(await consumer.receive()).text, (await consumer.receive()).text] == ["0", "1"]
            raise Mine
    left = [text for text, _ in await left_in(url, queue)]
    again = ["1", "2"] if mode in (AckMode.AUTO, AckMode.DUPS_OK) else ["0", "1", "2"]
    assert left == ([] if mode is AckMode.PRE else again)


async def test_client_acknowledges_all_before(url: str, queue: str) -> None:
    with pytest.raises(Mine):
        async with connect(url) as client, client.session(AckMode.CLIENT) as session:
            await fill(session, queue, 4)
            async with session.consumer(queue) as consumer:
                messages = [await consumer.receive() for _ in range(3)]
                await messages[1].acknowledge()
                await messages[1].acknowledge()
                raise Mine
    assert [text for text, _ in await left_in(url, queue)] == ["2", "3"]


async def test_individual_acknowledges_one(url: str, queue: str) -> None:
    with pytest.raises(Mine):
        async with connect(url) as client, client.session(AckMode.INDIVIDUAL) as session:
            await fill(session, queue, 3)
            async with session.consumer(queue, window_bytes=0) as consumer:
                first, second = await consumer.receive(), await consumer.receive()
                await second.acknowledge()
                assert (first.text, second.text) == ("0", "1")
                raise Mine
    assert [text for text, _ in await left_in(url, queue)] == ["0", "2"]


@pytest.mark.parametrize("mode", [AckMode.AUTO, AckMode.DUPS_OK])
async def test_acknowledging_by_hand_is_at_once(url: str, queue: str, mode: AckMode) -> None:
    async with connect(url) as client, client.session(mode) as session:
        await fill(session, queue)
        with pytest.raises(Mine):
            async with session.consumer(queue) as consumer:
                message = await consumer.receive()
                await message.acknowledge()
                await message.acknowledge()
                raise Mine
    assert [text for text, _ in await left_in(url, queue)] == ["1", "2"]


@pytest.mark.parametrize("blocking", ["true", "false"])
async def test_blocking_acknowledgements_make_no_other_difference(url: str, queue: str, blocking: str) -> None:
    async with connect(f"{url}?blockOnAcknowledge={blocking}") as client, client.session() as session:
        await fill(session, queue, 10)
        async with session.consumer(queue) as consumer:
            assert len([message async for message in consumer.drain()]) == 10
        assert client.stats.messages_acknowledged == 10
    assert await left_in(url, queue) == []


async def test_recover_gives_back_what_is_in_hand(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as session, session.consumer(queue) as consumer:
        await fill(session, queue)
        assert (await consumer.receive()).text == "0"
        await session.recover()
        again = await consumer.receive()
        assert (again.text, again.delivery_count) == ("0", 2)
        assert [(await consumer.receive()).text for _ in range(2)] == ["1", "2"]


async def test_acknowledging_what_was_taken_back_is_told(url: str, queue: str) -> None:
    async with connect(url) as client, client.session(AckMode.CLIENT) as session:
        await fill(session, queue, 1)
        async with session.consumer(queue) as consumer:
            message = await consumer.receive()
            await session.recover()
            with pytest.raises(TransactionRolledBack):
                await message.acknowledge()
            await (await consumer.receive()).acknowledge()
    assert await left_in(url, queue) == []


async def test_stopped_session_delivers_nothing(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as session, session.consumer(queue) as consumer:
        await session.stop()
        await fill(session, queue, 1)
        assert await consumer.receive(timeout=0) is None
        await session.start()
        assert (await consumer.receive()).text == "0"


async def test_selector_chooses(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as session:
        async with session.consumer(queue, selector="n > 1") as consumer:
            for number in range(4):
                await session.send(queue, str(number), properties={"n": number})
            assert [message.text async for message in consumer.drain()] == ["2", "3"]
            assert (consumer.queue, consumer.selector, consumer.buffered) == (queue, "n > 1", 0)


async def test_queue_is_made_unless_that_is_not_wanted(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as session:
        with pytest.raises(QueueDoesNotExist):
            await session.consumer(queue, create=False)
        async with session.consumer(queue):
            assert (await session.query_queue(queue)).consumer_count == 1
        assert (await session.query_queue(queue)).consumer_count == 0


async def test_browser_shows_and_leaves(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as session:
        await fill(session, queue, 5)
        for _ in range(2):
            async with session.browser(queue) as browser:
                assert [message.text async for message in browser] == ["0", "1", "2", "3", "4"]
        async with session.browser(queue, selector="AMQPriority > 4") as browser:
            assert [message.text async for message in browser] == []
        assert (await session.query_queue(queue)).message_count == 5


async def test_closed_consumer_says_so(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as session:
        consumer = await session.consumer(queue)
        await consumer.close()
        await consumer.close()
        assert consumer.closed
        assert "closed" in repr(consumer)
        with pytest.raises(ObjectClosed):
            await consumer.receive()
        assert [message async for message in consumer] == []


async def test_listen_acknowledges_what_the_handler_took(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as session:
        await fill(session, queue, 4)
        consumer = await session.consumer(queue)
        seen = []

        async def handle(message: ReceivedMessage) -> None:
            seen.append((message.text, message.delivery_count))
            if seen == [("0", 1), ("1", 1)]:
                raise Mine
            if message.text == "2":
                await consumer.close()  # takes effect when this handler returns

        await consumer.listen(handle)
        assert seen == [("0", 1), ("1", 1), ("1", 2), ("2", 1)]
        assert consumer.closed
    assert [text for text, _ in await left_in(url, queue)] == ["3"]


@needs_company
async def test_close_from_elsewhere_lets_the_message_in_hand_be_finished(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as session:
        await fill(session, queue, 2)
        consumer = await session.consumer(queue)
        seen: list[str] = []
        may_finish: list[bool] = []

        async def loop() -> None:
            async for message in consumer:
                seen.append(message.text)
                await until(lambda: bool(may_finish))
                seen.append("finished")

        async with beside(loop) as looping:
            await until(lambda: bool(seen))
            async with beside(consumer.close) as closing:
                await until(lambda: consumer._closing)
                assert not closing.ended
                may_finish.append(True)
                await closing.result()
            await looping.result()
        assert seen == ["0", "finished"]
    assert await left_in(url, queue) == [("1", 1)]


@needs_company
async def test_close_from_elsewhere_ends_a_loop_that_waits(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as session:
        consumer = await session.consumer(queue)

        async def loop() -> str:
            async for message in consumer:
                return message.text
            return "ended"

        async def wait() -> str:
            return (await consumer.receive()).text

        async with beside(loop) as looping:
            await until(lambda: consumer._looping is not None)
            await consumer.close()
            assert await looping.result() == "ended"
        other = await session.consumer(queue)
        async with beside(wait) as waiting:
            await session.send("elsewhere", "x")
            await other.close()
            with pytest.raises(ObjectClosed):
                await waiting.result()


@needs_company
async def test_two_who_receive_in_one_session_are_told(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as session, session.consumer(queue) as consumer:

        async def wait() -> str:
            return (await consumer.receive()).text

        async with beside(wait) as waiting:
            await until(lambda: any(each.receiving for each in client._engine._context.consumers.values()))
            with pytest.raises(LocalProtocolError, match="receiving"):
                await consumer.receive()
            await session.send(queue, "x")
            assert await waiting.result() == "x"


async def test_deleted_queue_ends_its_consumers(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as session, session.consumer(queue) as consumer:
        await consumer.close()
        await session.delete_queue(queue)
        assert not (await session.query_queue(queue)).exists


def test_consumer_is_an_iterator_of_its_own() -> None:
    assert hasattr(Consumer, "__aiter__")
