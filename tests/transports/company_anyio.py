"""What tests need beside the client, for asyncio and trio: others who run at the same time, and patience."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
import trio

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

T = TypeVar("T")

PATIENCE_S = 60.0


def needs_company(test: T) -> T:
    """Mark a test that needs somebody who runs at the same time: not for the blocking world."""
    return test


class Company:
    """A call that runs at the same time."""

    def __init__(self) -> None:
        self._scope = anyio.CancelScope()
        self._ended = anyio.Event()
        self._value: Any = None
        self._error: Exception | None = None
        self.cancelled = False

    async def run(self, call: Callable[..., Awaitable[Any]], *arguments: Any) -> None:
        """Run it, and keep what comes out."""
        try:
            with self._scope:
                self._value = await call(*arguments)
        except Exception as error:  # noqa: BLE001  # it belongs to whoever asks for the result
            self._error = error
        self.cancelled = self._scope.cancelled_caught
        self._ended.set()

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self._ended.is_set()

    def cancel(self) -> None:
        """Cancel it, as a deadline would."""
        self._scope.cancel()

    async def result(self) -> Any:
        """What it returned, or raise what it raised. None if it was cancelled."""
        with anyio.fail_after(PATIENCE_S):
            await self._ended.wait()
        if self._error is not None:
            raise self._error
        return self._value


@asynccontextmanager
async def beside(call: Callable[..., Awaitable[Any]], *arguments: Any) -> AsyncGenerator[Company]:
    """Run a call at the same time as the block, and wait for it at the end."""
    async with anyio.create_task_group() as tasks:
        company = Company()
        tasks.start_soon(company.run, call, *arguments)
        yield company
        with anyio.fail_after(PATIENCE_S):
            await company._ended.wait()


async def until(condition: Callable[[], bool]) -> None:
    """Until something is so that others bring about."""
    with anyio.fail_after(PATIENCE_S):
        while not condition():  # noqa: ASYNC110  # conditions of others have no event
            await anyio.sleep(0.002)


def tasks_alive() -> int:
    """How many tasks the loop has that runs here."""
    try:
        return len(asyncio.all_tasks())
    except RuntimeError:
        return _tasks_below(trio.lowlevel.current_root_task())


def _tasks_below(task: trio.lowlevel.Task | None) -> int:
    if task is None:
        return 0
    children = [child for nursery in task.child_nurseries for child in nursery.child_tasks]
    return 1 + sum(map(_tasks_below, children))
