"""What only tasks can do to a client: fail beside the block, be cancelled by the loop, wait for their turn."""

from __future__ import annotations

import asyncio
import select
import socket
import struct
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from corewire.client._calls import Call
from corewire.errors import NotConnected
from corewire_transports._endpoint import Dialling
from corewire_transports.anyio import connect
from corewire_transports.anyio._driver import SLICE_S

if TYPE_CHECKING:
    from corewire_server.proxy import Proxy
    from corewire_transports.anyio.producer import Producer

BACKENDS = ["asyncio", "trio"]


def work(seconds: float) -> None:
    """Hold the loop up."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass


@pytest.mark.parametrize("backend", BACKENDS)
def test_mistake_in_the_engine_leaves_the_block_as_itself(
    backend: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with connect(url) as client, client.session() as session:

            def boom(*_: Any) -> None:
                raise AssertionError("boom")

            monkeypatch.setattr(client._engine, "receive_data", boom)
            await session.query_queue("x")

    with pytest.raises(AssertionError, match="boom"):
        anyio.run(main, backend=backend)


@pytest.mark.parametrize("backend", BACKENDS)
def test_interrupt_leaves_the_block_as_itself(backend: str, url: str) -> None:
    async def main() -> None:
        async with connect(url) as client, client.session():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        anyio.run(main, backend=backend)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("drained", [False, True])
def test_others_have_their_turn_behind_64_messages_of_a_loop(backend: str, drained: bool, url: str, queue: str) -> None:
    async def main() -> None:
        turns = 0
        seen: list[int] = []
        async with connect(url) as client, client.session() as session:
            async with session.producer(queue, durable=False) as producer:
                for number in range(640):
                    await producer.submit(str(number))
            async with session.consumer(queue, window_bytes=None) as consumer, anyio.create_task_group() as tasks:
                await consumer.receive()

                async def count() -> None:
                    nonlocal turns
                    while True:
                        turns += 1
                        await anyio.lowlevel.checkpoint()

                tasks.start_soon(count)
                async for _ in consumer.drain() if drained else consumer:
                    seen.append(turns)
                    if len(seen) == 639:
                        break
                tasks.cancel_scope.cancel()
        longest = max(Counter(seen).values())
        assert longest <= (64 if backend == "asyncio" else 2 * 64)  # trio runs what is ready in an order by chance

    anyio.run(main, backend=backend)


@pytest.mark.parametrize("backend", BACKENDS)
def test_others_have_their_turn_between_few_calls_where_the_application_works_long(
    backend: str, url: str, queue: str
) -> None:
    async def main() -> None:
        turns = 0
        async with connect(url) as client, client.session() as session, session.producer(queue) as producer:

            async def count() -> None:
                nonlocal turns
                while True:
                    await anyio.lowlevel.checkpoint()
                    turns += 1

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(count)
                for number in range(20):
                    await producer.submit(str(number))
                    work(2 * SLICE_S)
                tasks.cancel_scope.cancel()
        assert turns >= 8  # before every second call: the time of the one before is looked at

    anyio.run(main, backend=backend)


def test_cancellation_by_asyncio_itself_loses_nothing(url: str, queue: str) -> None:
    async def main() -> None:
        async with connect(url) as client, client.session() as session, session.consumer(queue) as consumer:
            got: list[str] = []
            for number in range(50):
                task = asyncio.ensure_future(consumer.receive())
                await asyncio.sleep(0)
                await session.send(queue, str(number), durable=False)
                await asyncio.sleep(0.0005 * (number % 4))
                task.cancel()
                try:
                    got.append((await task).text)
                except asyncio.CancelledError:
                    got.append((await consumer.receive()).text)
            assert got == [str(number) for number in range(50)]

    asyncio.run(main())


@pytest.mark.parametrize("backend", BACKENDS)
def test_forgotten_iterators_warn_of_nothing(backend: str, url: str, queue: str) -> None:
    async def main() -> None:
        async with connect(url) as client, client.session() as session, session.consumer(queue) as consumer:
            await session.send(queue, "x")
            async for _ in consumer.drain():
                break
            client.events()

    async def with_deadline() -> None:
        with anyio.move_on_after(0.3):
            await main()

    anyio.run(with_deadline, backend=backend)


@pytest.mark.parametrize("backend", BACKENDS)
def test_link_that_is_reset_as_soon_as_it_is_there_was_not_reached(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle = Dialling.settle

    def settle_and_be_reset(dialling: Dialling) -> bool:
        connected = settle(dialling)
        if connected:
            accepted, _ = door.accept()
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            accepted.close()
            select.select([dialling.sock], [], [], 10)
        return connected

    async def main() -> None:
        async with connect(f"tcp://127.0.0.1:{door.getsockname()[1]}"):
            pass

    monkeypatch.setattr(Dialling, "settle", settle_and_be_reset)
    with socket.create_server(("127.0.0.1", 0)) as door, pytest.raises(NotConnected, match="reset"):
        anyio.run(main, backend=backend)


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_got_room_is_returned_though_it_is_cancelled_at_that_moment(backend: str, url: str) -> None:
    async def main() -> None:
        got: list[str] = []
        async with connect(url) as client:
            admitted: Call[str] = Call()
            async with anyio.create_task_group() as tasks:

                async def submit() -> None:
                    got.append(await client._driver.call_soon(lambda _now: admitted))
                    await anyio.sleep_forever()

                tasks.start_soon(submit)
                await anyio.wait_all_tasks_blocked()
                admitted.succeed("receipt")
                client._driver.wake(admitted)
                tasks.cancel_scope.cancel()
        assert got == ["receipt"]

    anyio.run(main, backend=backend)


def test_a_cancellation_of_asyncio_that_comes_at_that_moment_is_not_lost(url: str) -> None:
    async def main() -> None:
        got: list[str] = []
        async with connect(url) as client:
            admitted: Call[str] = Call()

            async def submit() -> None:
                async with asyncio.timeout(60):
                    got.append(await client._driver.call_soon(lambda _now: admitted))
                    await anyio.sleep_forever()

            task = asyncio.create_task(submit())
            await anyio.wait_all_tasks_blocked()
            admitted.succeed("receipt")
            client._driver.wake(admitted)
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()
            assert task.cancelling() == 1
        assert got == ["receipt"]

    anyio.run(main)


@pytest.mark.parametrize("backend", BACKENDS)
def test_all_who_wait_for_the_socket_go_on_when_it_takes_more(
    backend: str, proxied: str, proxy: Proxy, queue: str
) -> None:
    async def send(producer: Producer) -> None:
        for _ in range(100):
            await producer.submit(bytes(50_000))

    async def main() -> None:
        async with connect(f"{proxied}?producerWindowSize=-1;tcpSendBufferSize=32768") as client:
            session = await client.session()
            producers = [await session.producer(queue, durable=False) for _ in range(3)]
            proxy.stall()
            with anyio.fail_after(30):
                async with anyio.create_task_group() as tasks:
                    for producer in producers:
                        tasks.start_soon(send, producer)
                    await anyio.wait_all_tasks_blocked()
                    proxy.resume()

    anyio.run(main, backend=backend)
