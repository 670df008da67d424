"""Ctrl-C: wherever it strikes, the command closes cleanly and ends with 130."""

from __future__ import annotations

import io
import itertools
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from corewire_server import BrokerConfig, serve
from corewire_server.cli import app
from corewire_server.cli.interrupts import interruptible
from corewire_server.cli.workers import Pace, Shared
from corewire_server.cli.writing import Writer
from corewire_transports.threads import connect
from corewire_transports.threads._driver import Driver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from corewire_server import Node

STRIDE = 7  # each step would do as well, and take longer


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with serve(BrokerConfig.for_tests()) as node:
        yield node


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> list[BaseException | None]:
    """For each client that was closed: what had broken it before, None for a clean close."""
    seen: list[BaseException | None] = []
    close = Driver.close

    def spied(driver: Driver) -> None:
        seen.append(driver._broken)
        close(driver)

    monkeypatch.setattr(Driver, "close", spied)
    return seen


class Striker:
    """Presses Ctrl-C at a step, one being where Python looks for signals; at the latest where the thread begins to wait."""

    def __init__(self, step: int) -> None:
        self.left = step
        self.waited = False

    def look(self, frame: FrameType, event: str, arg: Any) -> None:
        """The profiler's function."""
        self.left -= event in ("call", "c_return")
        self.waited = (
            event == "c_call" and arg.__name__ == "acquire" and frame.f_code is threading.Condition.wait.__code__
        )
        if self.waited or not self.left:
            sys.setprofile(None)
            signal.raise_signal(signal.SIGINT)


@pytest.mark.slow
def test_it_may_strike_at_any_step_of_taking_a_message(
    node: Node, broken: list[BaseException | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Writer.write

    def written(writer: Writer, message: Any) -> None:
        write(writer, message)
        sys.setprofile(striker.look)

    monkeypatch.setattr(Writer, "write", written)
    with connect(node.url) as client, client.session() as session:
        for step in itertools.count(1, STRIDE):
            queue = f"step-{step}"  # what was not acknowledged any more comes again
            session.send(queue, "x")
            striker = Striker(step)
            monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO()))
            try:
                assert app.main(["consume", "--quiet", "--url", node.url, queue]) == 130, step
            finally:
                sys.setprofile(None)
            if striker.waited:
                break
    assert step > 10 * STRIDE
    assert set(broken) == {None}


def press_in_a_client() -> None:
    """Where the stack has a frame of the threads client."""
    exec("press()", {"__name__": "corewire_transports.threads.x", "press": lambda: signal.raise_signal(signal.SIGINT)})


@pytest.mark.parametrize(
    "go_on", [lambda: next(Shared(iter(["a line"]))), lambda: Pace(None, 3600).step(threading.Event())]
)
def test_a_call_that_returns_nevertheless_is_the_last_one(go_on: Callable[[], object]) -> None:
    def run() -> None:
        with interruptible():
            press_in_a_client()
            go_on()

    with pytest.raises(KeyboardInterrupt):
        run()


def test_what_was_done_when_it_came_too_late_is_done() -> None:
    with interruptible():
        press_in_a_client()
    next(Shared(iter(["it is not remembered"])))


def test_elsewhere_it_strikes_at_once_and_what_was_before_comes_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), interruptible():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_in_another_thread_signals_stay_as_they_are() -> None:
    handlers: list[Any] = []

    def run() -> None:
        with interruptible():
            handlers.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert handlers == [signal.getsignal(signal.SIGINT)]
