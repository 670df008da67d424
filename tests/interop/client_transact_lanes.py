"""Lanes of our client about `transact` with exactly-once. Somebody else loses the link, at the moments that matter."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tests.interop.together import tasks

from corewire.errors import DuplicateIdRejected, TransactionOutcomeUnknown
from corewire_transports.anyio import TransactedSession, connect, move_on_after

if TYPE_CHECKING:
    from collections.abc import Callable

ONCE = "exactlyOnce=true&retryInterval=20&maxRetryInterval=100"


async def forwards(url: str, name: str, arm: Callable[[], None], lose_inside: Callable[[], object] | None) -> int:
    """Forward one message, when ``arm`` has set the traps; ``lose_inside`` of the function, when it runs first. Then another
    one. Returns how often the function ran for the first."""
    runs: list[str] = []
    async with connect(url) as client, client.transacted_session() as session:
        orders = await session.consumer(name)

        async def forward(session: TransactedSession) -> str:
            order = await orders.receive()
            await session.send(f"{name}.out", order.text)
            runs.append(order.text)
            if lose_inside is not None and len(runs) == 1:
                await session.query_queue(name)
                lose_inside()
            return order.text

        await session.producer(f"{name}.out")
        arm()
        assert await session.transact(forward) == "1"
        await session.transact(forward)  # the session is of use, and its messages are in order
        assert runs[-1] == "2"
        return len(runs) - 1


async def is_told_of_its_own_ids(url: str, name: str) -> None:
    """An id of the application's own that is spent: raised, and nothing of the try happened."""
    async with connect(url) as client, client.transacted_session() as session:
        orders = await session.consumer(name)

        async def forward(session: TransactedSession) -> None:
            order = await orders.receive()
            await session.send(f"{name}.out", order.text, duplicate_id="mine")

        await session.transact(forward)
        try:
            await session.transact(forward)
        except DuplicateIdRejected:
            pass
        else:
            raise AssertionError("the second one was taken")
        assert (await orders.receive()).text == "2"
        await session.rollback()


async def compete(url: str, name: str, count: int, workers: int) -> list[str]:
    """So many workers, each with a client of its own, forward together ``count`` messages. Returns what they say they did."""
    done: list[str] = []
    await tasks(*(partial(_work, url, name, count, done) for _ in range(workers)))
    return done


async def _work(url: str, name: str, count: int, done: list[str]) -> None:
    async with connect(url) as client, client.transacted_session() as session:
        orders = await session.consumer(name, window_bytes=0)

        async def forward(session: TransactedSession) -> str | None:
            order = await orders.receive(0.2)
            if order is None:
                return None
            await session.send(f"{name}.out", order.text)
            return order.text

        while len(done) < count:
            if (text := await session.transact(forward)) is not None:
                done.append(text)


async def connects(url: str) -> None:
    """And leaves again."""
    async with connect(url):
        pass


async def is_left(url: str, name: str, spoil: Callable[[], object], heal: Callable[[], object]) -> list[str]:
    """Forward one message, and leave before its commit is answered, when ``spoil`` has done something to the link. Returns what
    came of it."""
    said: list[str] = []
    async with connect(url) as client, client.transacted_session() as session:
        orders = await session.consumer(name)

        async def forward(session: TransactedSession) -> str:
            order = await orders.receive()
            await session.send(f"{name}.out", order.text)
            await session.query_queue(name)
            spoil()
            scope.cancel()
            return order.text

        await session.producer(f"{name}.out")
        with move_on_after(None) as scope:
            try:
                said.append(await session.transact(forward))
            except TransactionOutcomeUnknown:
                said.append("nobody knows")
            heal()
        assert not scope.cancelled_caught
    return said
