"""Faults that people met, as cases: a time-out against an arrival, a burst that is cut, a handler that stands still."""

from __future__ import annotations

import os
import random
import time
from typing import TYPE_CHECKING

import pytest

from corewire import AckMode
from corewire_transports.anyio import Session, TransactedSession, connect, move_on_after

if TYPE_CHECKING:
    from corewire_server.proxy import Proxy

pytestmark = pytest.mark.slow

ROUNDS = int(os.environ.get("COREWIRE_ROUNDS", "40"))  # a campaign asks for more


async def settle(session: Session, mode: AckMode | None, count: int) -> None:
    """Commit every ten, in a transacted session."""
    if mode is None and count % 10 == 0:
        assert isinstance(session, TransactedSession)
        await session.commit()


@pytest.mark.parametrize("window_bytes", [0, 1_048_576])
@pytest.mark.parametrize("mode", [AckMode.AUTO, AckMode.CLIENT, None])
@pytest.mark.parametrize("own_timeout", [True, False])
async def test_time_out_against_arrival(
    url: str, queue: str, window_bytes: int, mode: AckMode | None, own_timeout: bool
) -> None:
    rng = random.Random(ROUNDS)
    count = ROUNDS
    async with connect(url) as sending, sending.session() as sender, connect(url) as client:
        session = await (client.transacted_session() if mode is None else client.session(mode))
        consumer = await session.consumer(queue, window_bytes=window_bytes)
        got: list[str] = []
        sent = 0
        while len(got) < count:
            if sent < count and rng.random() < 0.7:
                await sender.send(queue, str(sent), durable=False)
                sent += 1
            message = None
            if own_timeout:
                message = await consumer.receive(timeout=rng.uniform(0, 0.003))
            else:
                with move_on_after(rng.uniform(0, 0.003)):
                    message = await consumer.receive()
            if message is not None:
                got.append(message.text)
                assert message.delivery_count == 1
                if mode is AckMode.CLIENT:
                    await message.acknowledge()
                await settle(session, mode, len(got))
        assert got == [str(number) for number in range(count)]
        await session.close()
        assert (await sender.query_queue(queue)).message_count == 0


RESILIENT = "?reconnectAttempts=-1;retryInterval=5;confirmationWindowSize=1048576"
BODIES = ("a", "b" * 30, "", "d" * 700)


async def test_burst_cut_at_any_byte(proxied: str, proxy: Proxy, queue: str) -> None:
    async with connect(proxied + RESILIENT) as client, client.session() as session:
        async with session.producer(queue) as producer:
            for number in range(ROUNDS):
                proxy.arm(bytes_max=1_500)
                for body in BODIES:
                    await producer.submit(f"{number}:{body}")
                await producer.flush()
        assert client.stats.reconnects >= ROUNDS // 4
        assert client.stats.recreated_sessions == 0
        async with session.consumer(queue) as consumer:
            got = [message.text async for message in consumer.drain()]
    assert got == [f"{number}:{body}" for number in range(ROUNDS) for body in BODIES]


async def test_handler_that_stands_still_longer_than_the_time_to_live(url: str, queue: str) -> None:
    options = f"{RESILIENT};connectionTTL=400;clientFailureCheckPeriod=100"
    async with connect(url) as other, other.session() as sender, connect(url + options) as client:
        async with client.session() as session, session.consumer(queue) as consumer:
            for number in range(3):
                await sender.send(queue, str(number))
            got: list[str] = []
            while len(got) < 3:
                message = await consumer.receive()
                assert message.delivery_count == 1
                time.sleep(0.7)  # noqa: ASYNC251  the mistake that is made here
                got.append(message.text)
            assert got == ["0", "1", "2"]
            assert await consumer.receive(timeout=0) is None
        assert client.stats.recreated_sessions == 0
        assert (await sender.query_queue(queue)).message_count == 0
