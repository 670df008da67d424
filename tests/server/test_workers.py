"""Threads that share work."""

from __future__ import annotations

import threading
import time

import pytest

from corewire_server.cli.workers import Pace, Shared, run


def test_each_item_is_taken_once_and_all_are() -> None:
    items = Shared(iter(range(1000)))
    taken: list[int] = []
    run(4, lambda _ending: taken.extend(items), interrupt=lambda: None)
    assert sorted(taken) == list(range(1000))


def test_one_worker_works_here() -> None:
    names: list[str] = []
    run(1, lambda _ending: names.append(threading.current_thread().name), interrupt=lambda: None)
    assert names == [threading.current_thread().name]


def test_the_first_error_ends_the_others_and_is_raised() -> None:
    released = threading.Event()
    first = Shared(iter([True]))

    def work(ending: threading.Event) -> None:
        if next(first, False):
            raise ValueError("first")
        released.wait(60)
        assert ending.is_set()
        raise RuntimeError("because it was interrupted")

    with pytest.raises(ValueError, match="first"):
        run(3, work, interrupt=released.set)


def test_a_rate_holds_for_all_together() -> None:
    pace = Pace(200, 0)

    def work(ending: threading.Event) -> None:
        for _ in range(10):
            pace.step(ending)

    began = time.monotonic()
    run(2, work, interrupt=lambda: None)
    assert time.monotonic() - began >= 0.09


@pytest.mark.timeout(30)
def test_a_thread_that_pauses_ends_with_the_others() -> None:
    pace = Pace(None, 3600)
    first = iter([True])

    def work(ending: threading.Event) -> None:
        if next(first, False):
            raise ValueError("first")
        pace.step(ending)

    with pytest.raises(ValueError, match="first"):
        run(3, work, interrupt=lambda: None)
