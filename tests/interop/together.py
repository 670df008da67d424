"""Several actors of one lane at once: tasks of one loop, or threads. The first error ends the lane. And callers that leave."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

import anyio

from corewire_transports.threads import move_on_after

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

T = TypeVar("T")

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


async def cancelled(call: Callable[[], Coroutine[object, object, T]], seconds: float) -> T | None:
    """Call, and cancel that after so long, by no deadline that could be seen coming: on asyncio a task, on trio a scope."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return await _cancelled_scope(call, seconds)
    task = asyncio.create_task(call())
    timer = loop.call_later(seconds, task.cancel)
    try:
        await asyncio.wait([task])
    finally:
        timer.cancel()
        task.cancel()
    return None if task.cancelled() else task.result()


async def _cancelled_scope(call: Callable[[], Coroutine[object, object, T]], seconds: float) -> T | None:
    scope = anyio.CancelScope()

    async def watch() -> None:
        await anyio.sleep(seconds)
        scope.cancel()

    value = None
    async with anyio.create_task_group() as group:
        group.start_soon(watch)
        with scope:
            value = await call()
        group.cancel_scope.cancel()
    return value


def cancelled_by_thread(call: Callable[[], T], seconds: float) -> T | None:
    """The same for a thread: by another one."""
    with move_on_after(None) as scope:
        timer = threading.Timer(seconds, scope.cancel)
        timer.start()
        try:
            return call()
        finally:
            timer.cancel()
            timer.join()
    return None
