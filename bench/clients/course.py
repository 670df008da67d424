"""What every client has to do, and how it is measured: a process runs one client once, and prints what that cost it as JSON."""

from __future__ import annotations

import json
import sys
import time
from typing import Final, NamedTuple

BODY = "x" * 100
QUEUE = "bench"
WARM_UP: Final = 200  #: messages that go before: what a client imports when it is first needed is no part of its rate


class Task(NamedTuple):
    """The words of the command line."""

    host: str
    port: int
    messages: int
    world: str  # of ours
    measured: bool = True


def tasks() -> tuple[Task, Task]:
    """Read them: a few messages first, then those that are measured, on another connection of the same process."""
    host, port, messages, *world = sys.argv[1:]
    task = Task(host, int(port), int(messages), world[0] if world else "")
    return task._replace(messages=WARM_UP, measured=False), task


class Watch:
    """Times the two halves: ``sent()`` when the last message has left, ``done()`` when the last was acknowledged."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._messages = task.messages
        self._cpu, self._clock = time.process_time(), time.perf_counter()
        self._row: dict[str, float] = {}

    def sent(self) -> None:
        """The first half is over."""
        self._lap("send")

    def done(self, received: int) -> None:
        """The second half is over. Raises RuntimeError unless every message came."""
        self._lap("receive")
        if received != self._messages:
            raise RuntimeError(f"{received} of {self._messages} messages came")
        if self._task.measured:
            print(json.dumps(self._row), flush=True)

    def _lap(self, half: str) -> None:
        cpu, clock = time.process_time(), time.perf_counter()
        self._row[f"{half} CPU us/message"] = (cpu - self._cpu) / self._messages * 1e6
        self._row[f"{half} k messages/s"] = self._messages / (clock - self._clock) / 1000
        self._cpu, self._clock = time.process_time(), time.perf_counter()
