"""Who is running: told as cheaply as the backend can."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["current_task_of"]


def current_task_of() -> Callable[[], object]:
    """The function that tells the running task of the backend in use here."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        current: Callable[[], object] = sys.modules["trio"].lowlevel.current_task
        return current
    return asyncio.current_task
