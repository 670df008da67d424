"""Several threads that do one job: they share what is to be done, and end together."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Generic, TypeVar

from corewire_server.cli.interrupts import check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

_LOOK_S = 0.05


class Shared(Generic[T]):
    """An iterator that several threads take from, each item once."""

    def __init__(self, items: Iterator[T]) -> None:
        self._items = items
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        check()
        with self._lock:
            return next(self._items)


class Pace:
    """At most so many steps a second, for all threads together, and a pause after each step of a thread."""

    def __init__(self, rate: float | None, pause_s: float) -> None:
        """``rate``: steps per second, None for no limit. ``pause_s``: in seconds."""
        self._every_s = 1 / rate if rate else 0.0
        self._pause_s = pause_s
        self._next = time.monotonic()
        self._lock = threading.Lock()

    def step(self, ending: threading.Event) -> None:
        """Wait until the next step may be taken, or ``ending`` is set."""
        check()
        wait_s = self._pause_s
        if self._every_s:
            with self._lock:
                now = time.monotonic()
                self._next = max(self._next + self._every_s, now - self._every_s)
                wait_s = max(wait_s, self._next - now)
        if wait_s > 0:
            ending.wait(wait_s)


def run(count: int, work: Callable[[threading.Event], None], *, interrupt: Callable[[], None]) -> None:
    """
    Call ``work`` in so many threads, or here if it is one, and raise the first error of any.

    ``work`` gets an event that is set when another thread failed or the program is interrupted: then it ends soon, also because
    ``interrupt`` was called, which makes calls that wait fail; what they raise then is not told.
    """
    ending = threading.Event()
    if count == 1:
        work(ending)
        return
    errors: list[BaseException] = []

    def guarded() -> None:
        try:
            work(ending)
        except BaseException as error:  # noqa: BLE001  it is raised by the caller's thread
            if not ending.is_set():
                errors.append(error)
                ending.set()

    threads = [threading.Thread(target=guarded, name=f"worker {number}", daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    try:
        while any(thread.is_alive() for thread in threads) and not ending.is_set():
            for thread in threads:
                thread.join(_LOOK_S)
    finally:
        if any(thread.is_alive() for thread in threads):
            ending.set()
            interrupt()
            for thread in threads:
                thread.join()
    if errors:
        raise errors[0]
