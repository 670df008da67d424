"""Several actors of one lane at once: tasks of one loop, or threads. The first error ends the lane."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


async def tasks(*actors: Callable[[], Awaitable[object]]) -> None:
    """Run them as tasks of one group."""

    async def run(actor: Callable[[], Awaitable[object]]) -> None:
        await actor()

    async with anyio.create_task_group() as group:
        for actor in actors:
            group.start_soon(run, actor)


def threads(*actors: Callable[[], object]) -> None:
    """Run each in a thread of its own."""
    with ThreadPoolExecutor(len(actors)) as pool:
        for running in [pool.submit(actor) for actor in actors]:
            running.result()


async def pause(seconds: float) -> None:
    """Let others go on for a while."""
    await anyio.sleep(seconds)


def stop(seconds: float) -> None:
    """The same for a thread."""
    time.sleep(seconds)
