"""
The worlds of the client, and how one text is run in all of them.

A lane is written once, for anyio. For threads and blocking sockets its module is converted in memory, as the tests of
``tests/transports`` are: so what is tested there is an ordinary program of that world.
"""

from __future__ import annotations

import ast
import re
import threading
from enum import Enum
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import anyio
from _pytest.assertion.rewrite import rewrite_asserts
from tests.transports.conversion import source_for

from corewire_transports.threads import fail_after

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).parent
_CONVERTING = threading.Lock()  # Python 3.11 does not take it that two threads parse at a time
LANE_S = 120.0  # on a busy machine; nothing waits so long
OURS = (
    (r"\btogether import tasks\b", "together import threads as tasks"),
    (r"\btogether import pause\n", "together import stop as pause\n"),
    (r"\btogether import pause, tasks\b", "together import stop as pause, threads as tasks"),
    (
        r"\btogether import cancelled, pause, tasks\b",
        "together import cancelled_by_thread as cancelled, stop as pause, threads as tasks",
    ),
    (r"\btogether import leave\n", "together import leave_by_thread as leave\n"),
)


class World(Enum):
    """How a program is written and run."""

    ASYNCIO = "asyncio"
    TRIO = "trio"
    THREADS = "threads"
    BLOCKING = "blocking"

    @property
    def is_async(self) -> bool:
        return self in (World.ASYNCIO, World.TRIO)

    def run(self, function: Callable[..., Any], *args: Any) -> Any:
        """Run a function of an async module as a program of this world; what it returns and raises is passed on."""
        if self.is_async:
            return anyio.run(partial(_in_time, function, *args), backend=self.value)
        with fail_after(LANE_S):
            return self.own(function)(*args)

    def own(self, thing: Any) -> Any:
        """What a module of this folder, written for anyio, calls by this name in this world: a function or a class."""
        if self.is_async:
            return thing
        with _CONVERTING:
            return getattr(_converted(thing.__module__, self), thing.__name__)


async def _in_time(function: Callable[..., Any], *args: Any) -> Any:
    with anyio.fail_after(LANE_S):
        return await function(*args)


@cache
def _converted(name: str, world: World) -> ModuleType:
    path = HERE / f"{name.rpartition('.')[2]}.py"
    text = source_for(path, world.value)
    for pattern, replacement in OURS:
        text = re.sub(pattern, replacement, text)
    tree = ast.parse(text, str(path))
    rewrite_asserts(tree, text.encode(), str(path))
    module = ModuleType(f"{name}_{world.value}")
    exec(compile(tree, str(path), "exec", dont_inherit=True), module.__dict__)
    return module
