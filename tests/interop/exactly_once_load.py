"""
Applications that know nothing of failures: no exception is handled here. Each number is sent once to a queue that is only
filled, and once to one whose consumer passes it on to a third. What is in the first and the third in the end is for somebody
else to judge.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tests.interop.together import pause, tasks

from corewire_transports.anyio import connect

if TYPE_CHECKING:
    from corewire import AckMode

PAUSE_S = 0.01
LAST = "last"


class Load:
    """Three queues of one name, and how far things are."""

    def __init__(self, url: str, name: str, mode: AckMode) -> None:
        self.url = url
        self.kept, self.work, self.passed_on = (f"{name}.{part}" for part in ("kept", "work", "passed-on"))
        self.mode = mode
        self.sent = 0
        self.passed = 0
        self.stopping = False

    @property
    def progress(self) -> int:
        """Grows while both the producer and the consumer move on."""
        return min(self.sent, self.passed)


async def run(load: Load) -> None:
    """Until it is to stop, and all has been passed on."""
    await tasks(partial(produce, load), partial(pass_on, load))


async def produce(load: Load) -> None:
    """Send the numbers, some with waiting for the broker, most without."""
    async with (
        connect(load.url) as client,
        client.session() as session,
        session.producer(load.kept) as kept,
        session.producer(load.work) as work,
    ):
        while not load.stopping:
            if load.sent % 10:
                await kept.submit(str(load.sent))
                await work.submit(str(load.sent))
            else:
                await kept.send(str(load.sent))
                await work.send(str(load.sent))
            load.sent += 1
            await pause(PAUSE_S)
        await work.send(LAST)


async def pass_on(load: Load) -> None:
    """Send what comes, in one session, and settle it."""
    async with connect(load.url) as client, client.session(load.mode) as session, session.consumer(load.work) as work:
        async for message in work:
            if message.text == LAST:
                return
            await session.send(load.passed_on, message.text)
            await message.acknowledge()
            load.passed += 1
