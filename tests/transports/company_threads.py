"""What tests need beside the client, for plain threads: others who run at the same time, and patience."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from corewire_transports.threads import move_on_after

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

T = TypeVar("T")

PATIENCE_S = 60.0


def needs_company(test: T) -> T:
    """Mark a test that needs somebody who runs at the same time: not for the blocking world."""
    return test


class Company:
    """A call that runs at the same time."""

    def __init__(self) -> None:
        self._scope = move_on_after(None)
        self._thread: threading.Thread | None = None
        self._value: Any = None
        self._error: Exception | None = None
        self.cancelled = False

    def start(self, call: Callable[..., Any], *arguments: Any) -> None:
        """Start it."""
        self._thread = threading.Thread(target=self._run, args=(call, *arguments))
        self._thread.start()

    def _run(self, call: Callable[..., Any], *arguments: Any) -> None:
        try:
            with self._scope:
                self._value = call(*arguments)
        except Exception as error:  # noqa: BLE001  # it belongs to whoever asks for the result
            self._error = error
        self.cancelled = self._scope.cancelled_caught

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self._thread is not None and not self._thread.is_alive()

    def cancel(self) -> None:
        """Cancel it, as a deadline would."""
        self._scope.cancel()

    def join(self) -> None:
        """Until it is over."""
        assert self._thread is not None
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()

    def result(self) -> Any:
        """What it returned, or raise what it raised. None if it was cancelled."""
        self.join()
        if self._error is not None:
            raise self._error
        return self._value


@contextmanager
def beside(call: Callable[..., Any], *arguments: Any) -> Generator[Company]:
    """Run a call at the same time as the block, and wait for it at the end."""
    company = Company()
    company.start(call, *arguments)
    yield company
    company.join()


def until(condition: Callable[[], bool]) -> None:
    """Until something is so that others bring about."""
    give_up_at = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.002)


def tasks_alive() -> int:
    """This world has none."""
    return 0
