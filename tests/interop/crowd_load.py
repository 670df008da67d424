"""
Workers that share a queue and forward what is in it, each message in a `transact`, and one who fills it. No exception is handled
here, and nobody knows of failures: what comes out in the end is for somebody else to judge.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tests.interop.together import pause, tasks

from corewire_transports.anyio import connect

if TYPE_CHECKING:
    from corewire_transports.anyio import TransactedSession

PAUSE_S = 0.005
LAST = "last"  # one for each worker


class Crowd:
    """The part of one program in it: the work, and how far it is."""

    def __init__(self, url: str, name: str, workers: int) -> None:
        self.url = url
        self.work, self.done = f"{name}.work", f"{name}.done"
        self.workers = workers
        self.progress = 0
        self.stopping = False


async def feed(crowd: Crowd) -> None:
    """Send the numbers until it is to stop, then tell so many workers that this was all."""
    async with connect(crowd.url) as client, client.session() as session, session.producer(crowd.work) as producer:
        while not crowd.stopping:
            await producer.submit(str(crowd.progress))
            crowd.progress += 1
            await pause(PAUSE_S)
        for _ in range(crowd.workers):
            await producer.submit(LAST)


async def work(crowd: Crowd) -> None:
    """So many workers, until each was told."""
    await tasks(*(partial(_work, crowd) for _ in range(crowd.workers)))


async def _work(crowd: Crowd) -> None:
    async with (
        connect(crowd.url) as client,
        client.transacted_session() as session,
        session.consumer(crowd.work, window_bytes=0) as orders,
    ):

        async def forward(session: TransactedSession) -> str:
            order = await orders.receive()
            if order.text != LAST:
                await session.send(crowd.done, order.text)
            return order.text

        while await session.transact(forward) != LAST:
            crowd.progress += 1
