"""Who is running, told as cheaply as the backend can; and a cancellation that has to wait a little."""

from __future__ import annotations

import asyncio
import math
import sys
from typing import TYPE_CHECKING

from anyio import current_effective_deadline

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["cancel_later", "current_task_of"]


def current_task_of() -> Callable[[], object]:
    """The function that tells the running task of the backend in use here."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        current: Callable[[], object] = sys.modules["trio"].lowlevel.current_task
        return current
    return asyncio.current_task


def cancel_later(cancelled: BaseException) -> None:
    """The running task goes on in spite of a cancellation, until it waits the next time.

    Cancel scopes see to that themselves; asyncio's own cancellations come only once.
    """
    if isinstance(cancelled, asyncio.CancelledError) and current_effective_deadline() > -math.inf:
        task = asyncio.current_task()
        assert task is not None
        task.uncancel()
        task.cancel(*cancelled.args)
