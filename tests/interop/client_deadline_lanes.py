"""Lanes of our client about callers that stop waiting: what they leave behind is nothing. Each takes URL, name, count, and a seed."""

from __future__ import annotations

import random
import time
from functools import partial
from typing import TYPE_CHECKING

from tests.interop.together import cancelled, pause, tasks

from corewire import AckMode
from corewire_transports.anyio import Session, TransactedSession, connect, move_on_after

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from corewire_transports.anyio import Client

GAP_S = 0.004
OWN_SESSIONS = 2
LEFT_BY = ("timeout", "deadline", "cancellation")


async def the_next_question_gets_its_own_answer(
    url: str, name: str, count: int, seed: int, left_after_s: float, opened: Callable[[], int], settled_s: float
) -> None:
    """Calls are left after up to ``left_after_s``. ``opened`` says how many sessions the broker has for this client: those that
    were opened in vain are gone ``settled_s`` later."""
    rng = random.Random(seed)
    async with connect(url) as client, client.session() as session, client.transacted_session() as transacted:
        for queue in ("a", "b"):
            await session.create_queue(f"{name}.{queue}")
        calls = _calls(client, session, transacted, name)
        bound_s = client.config.call_timeout_s + 1.0  # of each call; no link is lost here
        for number in range(count):
            began = time.monotonic()
            with move_on_after(rng.uniform(0, left_after_s)):
                await calls[number % len(calls)](number)
            left = time.monotonic()
            info = await session.query_queue(f"{name}.b")
            assert (info.configuration.name, info.exists) == (f"{name}.b", True)
            answered = time.monotonic()
            await session.send(f"{name}.b", str(number))
            assert max(left - began, answered - left, time.monotonic() - answered) < bound_s
        deadline = time.monotonic() + settled_s
        while (surplus := opened() - OWN_SESSIONS) != 0:
            assert time.monotonic() < deadline, f"{surplus} sessions opened in vain are still open"
            await pause(0.05)
        async with session.consumer(f"{name}.b") as consumer:
            assert [message.text async for message in consumer.drain()] == [str(number) for number in range(count)]
        async with session.consumer(f"{name}.a") as consumer:
            came = [message.text async for message in consumer.drain()]
        assert len(set(came)) == len(came), "stored once or not at all"
        assert (await session.query_queue(f"{name}.a")).consumer_count == 0, "what was opened in vain is closed"


def _calls(
    client: Client, session: Session, transacted: TransactedSession, name: str
) -> list[Callable[[int], Awaitable[object]]]:
    async def send(number: int) -> None:
        await session.send(f"{name}.a", str(number))

    async def commit(number: int) -> None:
        await transacted.send(f"{name}.a", f"{number} in a transaction")
        await transacted.commit()

    async def ask(number: int) -> None:
        await session.query_queue(f"{name}.a")

    async def open_session(number: int) -> None:
        opened = await client.session()
        await opened.close()

    async def open_consumer(number: int) -> None:
        opened = await session.consumer(f"{name}.a", window_bytes=0)
        await opened.close()

    async def create(number: int) -> None:
        await session.create_queue(f"{name}.{number}")

    return [ask, send, commit, open_session, open_consumer, create]


async def a_message_that_comes_at_the_deadline_is_not_lost(url: str, name: str, count: int, seed: int) -> None:
    for mode in ("auto", "client", "transacted"):
        for window_bytes in (1_048_576, 0):
            for left_by in LEFT_BY:
                queue = f"{name}.{mode}.{window_bytes}.{left_by}"
                await tasks(
                    partial(_send_with_gaps, url, queue, count, seed),
                    partial(_receive_with_deadlines, url, queue, count, seed, mode, window_bytes, left_by),
                )


async def _send_with_gaps(url: str, queue: str, count: int, seed: int) -> None:
    rng = random.Random(seed)
    async with connect(url) as client, client.session() as session, session.consumer(f"{queue}.idle") as idle:
        for number in range(count):
            with move_on_after(rng.uniform(0, GAP_S)):
                await idle.receive()
            await session.send(queue, str(number))


async def _receive_with_deadlines(
    url: str, queue: str, count: int, seed: int, mode: str, window_bytes: int, left_by: str
) -> None:
    rng = random.Random(seed + 1)
    async with connect(url) as client:
        session = await _session(client, mode)
        consumer = await session.consumer(queue, window_bytes=window_bytes)
        came = 0
        while came < count:
            message = None
            timeout = rng.uniform(0, 0.75 * GAP_S)
            if left_by == "deadline":
                with move_on_after(timeout):
                    message = await consumer.receive()
            elif left_by == "cancellation":
                message = await cancelled(consumer.receive, timeout)
            else:
                message = await consumer.receive(timeout=timeout)
            if message is not None:
                assert (message.text, message.delivery_count) == (str(came), 1)
                came += 1
                if mode == "client":
                    await message.acknowledge()
                elif came % 10 == 0:
                    await _commit(session)
        await _commit(session)
        assert await consumer.receive(timeout=0) is None
        await consumer.close()
        assert (await session.query_queue(queue)).message_count == 0


async def _session(client: Client, mode: str) -> Session:
    if mode == "transacted":
        return await client.transacted_session()
    return await client.session(AckMode.CLIENT if mode == "client" else AckMode.AUTO)


async def _commit(session: Session) -> None:
    if isinstance(session, TransactedSession):
        await session.commit()
