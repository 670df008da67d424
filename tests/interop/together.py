"""Several actors of one lane at once: tasks of one loop, or threads. The first error ends the lane. And callers that leave."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import anyio

from corewire_transports.threads import move_on_after

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


GLANCE_S = 0.002
MOMENT_S = 0.05


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


async def leave(call: Callable[[], Awaitable[object]], waits: Callable[[], bool]) -> None:
    """Call, and leave a moment after ``waits`` has become true. Raises AssertionError if the call was not left."""
    scope = anyio.CancelScope()

    async def watch() -> None:
        while not waits():  # noqa: ASYNC110  it is what the proxy's thread sees
            await anyio.sleep(GLANCE_S)
        await anyio.sleep(MOMENT_S)
        scope.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(watch)
        with scope:
            await call()
        assert scope.cancelled_caught


def leave_by_thread(call: Callable[[], object], waits: Callable[[], bool]) -> None:
    """The same for a thread."""
    over = threading.Event()

    def watch() -> None:
        while not waits():
            if over.wait(GLANCE_S):
                return
        if not over.wait(MOMENT_S):
            scope.cancel()

    watching = threading.Thread(target=watch)
    with move_on_after(None) as scope:
        watching.start()
        try:
            call()
        finally:
            over.set()
    watching.join()
    assert scope.cancelled_caught
