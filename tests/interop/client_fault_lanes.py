"""Lanes of our client about faults: it goes on consuming, bursts arrive whole, tasks wait for room. Somebody else spoils the link."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from tests.interop.together import pause, tasks

from corewire.errors import TransactionRolledBack
from corewire_transports.anyio import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from corewire_transports.anyio import Client, ClientStats, Producer

END = "the end"
BURST = ("a", "b" * 30, "", "d" * 700)
BODY_BYTES = 1024
GLANCE_S = 0.05


async def takes_what_comes(url: str, name: str, came: Callable[[str], None]) -> None:
    """One consumer, until it is told that this was all."""
    async with connect(url) as client, client.session() as session, session.consumer(name) as consumer:
        async for message in consumer:
            came(message.text)
            if message.text == END:
                return


async def stands_still_with_a_message_in_hand(url: str, name: str, count: int, still_s: float) -> list[str]:
    """The mistake of a handler that sleeps. Returns what was handed out."""
    came: list[str] = []
    async with connect(url) as client, client.session() as session, session.consumer(name) as consumer:
        for number in range(count):
            await session.send(name, str(number))
        while len(set(came)) < count:
            came.append((await consumer.receive()).text)
            if len(came) == 1:
                time.sleep(still_s)  # noqa: ASYNC251  it is what is tested
        while (message := await consumer.receive(timeout=0)) is not None:
            came.append(message.text)
    return came


async def sends_until_told(url: str, name: str, stopped: Callable[[], bool], sent: list[int], at: int) -> int:
    """Numbers, one by one, counted in ``sent[at]``; in the end all are there once and in order. Returns how many sessions were
    made anew."""
    async with connect(url) as client, client.session() as session:
        await session.create_queue(name)
        while not stopped():
            await session.send(name, str(sent[at]))
            sent[at] += 1
            await pause(GLANCE_S)
        async with session.consumer(name) as consumer:
            assert [message.text async for message in consumer.drain()] == [str(number) for number in range(sent[at])]
        return client.stats.recreated_sessions


async def has_a_long_transaction(
    url: str, name: str, count: int, stopped: Callable[[], bool], begun: list[str]
) -> bool:
    """It is there whole, or not at all and the commit said so. Returns whether it is there."""
    async with connect(url) as client, client.transacted_session() as session:
        for number in range(count):
            await session.send(name, str(number))
        begun.append(name)
        while not stopped():
            await pause(GLANCE_S)
            await client.poll()
        try:
            await session.commit()
            committed = True
        except TransactionRolledBack:
            committed = False
        async with client.session() as looking, looking.consumer(name) as consumer:
            came = [message.text async for message in consumer.drain()]
        assert came == ([str(number) for number in range(count)] if committed else [])
        return committed


async def bursts_arrive_whole(
    url: str, name: str, offsets: Iterable[int], arm: Callable[[int], None]
) -> tuple[list[str], ClientStats]:
    """A burst of sends on a session of its own for each offset, behind which ``arm`` has the link cut. Returns what is there."""
    async with connect(url) as client:
        for offset in offsets:
            async with client.session() as session, session.producer(name) as producer:
                await producer.submit(f"{offset}:before")
                await producer.flush()
                arm(offset)
                for receipt in [await producer.submit(f"{offset}:{body}") for body in BURST]:
                    await receipt.wait()
        stats = client.stats
        async with client.session() as session, session.consumer(name) as consumer:
            return [message.text async for message in consumer.drain()], stats


async def wait_for_room(
    url: str, name: str, count: int, sent: list[int], take_away: Callable[[Client], None]
) -> list[str]:
    """Submit as fast as they can on one session, one actor for each of ``sent``, when the broker was taken away. Returns what is there."""
    async with connect(url) as client, client.session() as session:
        await session.create_queue(name)
        producers = [await session.producer(name) for _ in sent]
        take_away(client)
        await tasks(*(partial(_submit, producer, actor, count, sent) for actor, producer in enumerate(producers)))
        async with session.consumer(name, window_bytes=None) as consumer:
            return [message.text.rstrip() async for message in consumer.drain()]


async def _submit(producer: Producer, actor: int, count: int, sent: list[int]) -> None:
    for number in range(count):
        await producer.submit(f"{actor}:{number}".ljust(BODY_BYTES))
        sent[actor] = number + 1
    await producer.close()
