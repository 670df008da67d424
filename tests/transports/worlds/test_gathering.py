"""Commands whose effects are performed a little later, so that what is asked for in a row leaves together: none stays behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.transports.company_anyio import needs_company, until

from corewire.client.message import Message
from corewire.errors import ObjectClosed
from corewire_transports.anyio import Client, Producer, connect, fail_after, move_on_after

if TYPE_CHECKING:
    from typing import Any

    from corewire.events import ClientEvent
    from corewire_server.proxy import Proxy

SOON_S = 10.0
SEVERAL = 3


async def arrived(url: str, queue: str, count: int) -> None:
    """Until so many lie in the queue, as another client sees it."""
    async with connect(url) as client, client.session() as session:
        with fail_after(SOON_S):
            while (info := await session.query_queue(queue)).message_count != count:
                assert count == 0 or info.message_count < count


async def submit(producer: Producer, count: int) -> None:
    for number in range(count):
        await producer.submit(str(number))


@needs_company
@pytest.mark.parametrize("count", [1, 2, SEVERAL, 100])
async def test_what_was_submitted_leaves_though_nothing_more_is_called(url: str, queue: str, count: int) -> None:
    async with connect(url) as client, client.session() as session:
        await session.create_queue(queue)
        producer = await session.producer(queue)
        await submit(producer, count)
        await arrived(url, queue, count)


async def test_what_was_submitted_goes_before_whatever_is_called_next(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as session, client.session() as other:
        await session.create_queue(queue)
        producer = await session.producer(queue)
        for call in (session.query_queue, other.query_queue):
            await submit(producer, SEVERAL)
            await call(queue)
        assert (await session.query_queue(queue)).message_count == 2 * SEVERAL


async def test_what_was_submitted_goes_before_the_client_closes(url: str, queue: str) -> None:
    async with connect(url) as client:
        session = await client.session()
        await session.create_queue(queue)
        producer = await session.producer(queue)
        await submit(producer, SEVERAL)
        await client.close()
    await arrived(url, queue, SEVERAL)


async def test_what_a_command_did_before_it_raised_is_performed(
    url: str, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connect(url) as client, client.session() as session:
        await session.create_queue(queue)
        producer = await session.producer(queue)

        def half(now: float) -> None:
            client._engine.submit(now, producer._id, Message("x"))
            raise ValueError("half")

        await producer.flush()
        await producer.submit("first")
        # Where the driver looks at the time, what follows at once is performed with what comes next: at once, on any machine.
        monkeypatch.setattr(f"{type(client._driver).__module__}.GATHER_S", 60.0, raising=False)
        with pytest.raises(ValueError, match="half"):
            client._driver.gather(half)
        assert client._driver._gathered
        await session.query_queue(queue)
        assert (await session.query_queue(queue)).message_count == 2


@needs_company
async def test_what_a_command_did_before_it_raised_leaves_though_nothing_more_is_called(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as session:
        await session.create_queue(queue)
        producer = await session.producer(queue)

        def half(now: float) -> None:
            client._engine.submit(now, producer._id, Message("x"))
            raise ValueError("half")

        with pytest.raises(ValueError, match="half"):
            client._driver.gather(half)
        await arrived(url, queue, 1)


async def test_who_leaves_right_after_submitting_takes_nothing_back(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as session, client.session() as other:
        await session.create_queue(queue)
        producer = await session.producer(queue)
        receipts: list[Any] = []
        for number in range(100):
            with move_on_after(None) as scope:
                receipts.append(await producer.submit(str(number)))
                scope.cancel()
                await receipts[-1].wait()
        await producer.flush()
        assert [receipt.state.value for receipt in receipts] == ["confirmed"] * len(receipts)
        assert (await other.query_queue(queue)).message_count == len(receipts)


async def test_what_on_event_raises_holds_up_nothing(proxied: str, proxy: Proxy, queue: str) -> None:
    def fail(event: ClientEvent) -> None:
        raise ValueError(event)

    options = "?reconnectAttempts=-1;retryInterval=10;confirmationWindowSize=100000"
    async with connect(proxied + options, on_event=fail) as client, client.session() as session:
        await session.create_queue(queue)
        producer = await session.producer(queue)
        for _ in range(SEVERAL):
            await submit(producer, SEVERAL)
            proxy.cut_all()
            await producer.flush()
        assert (await session.query_queue(queue)).message_count == SEVERAL * SEVERAL
        assert client.stats.reconnects


@needs_company
async def test_an_acknowledgement_leaves_though_the_next_receive_raises(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as session:
        await session.send(queue, "x")
        consumer = await session.consumer(queue)
        await consumer.receive()
        consumer._closing = True  # by somebody else, in the middle of a loop
        with pytest.raises(ObjectClosed):
            await consumer.receive()
        await arrived(url, queue, 0)


def idle(client: Client) -> bool:
    return not client._driver._gathered


@needs_company
async def test_nothing_is_gathered_any_more_after_a_moment(url: str, queue: str) -> None:
    async with connect(url) as client, client.session() as session:
        producer = await session.producer(queue)
        for _ in range(20):
            await submit(producer, SEVERAL)
            await until(lambda: idle(client))
