"""
``move_on_after`` and ``fail_after`` for the worlds without cancel scopes.

A deadline is a fact of the calling context (a context variable), obeyed by every corewire call made inside its block. A driver
waits no longer than ``nearest()`` and calls ``check()`` whenever it wakes. ``check`` raises ``Expired``, a ``BaseException`` so
that ``except Exception`` in between lets it pass; the block whose deadline it is catches it. Of nested blocks that have both
expired the outer one wins, as in trio.
"""

from __future__ import annotations

import math
import time
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from contextvars import Token
    from types import TracebackType

__all__ = ["Deadline", "Expired", "check", "fail_after", "guarded", "move_on_after", "nearest", "woken_by"]


class Expired(BaseException):
    """The deadline of a surrounding block has passed; that block catches it."""

    def __init__(self, deadline: Deadline) -> None:
        super().__init__("deadline passed")
        self.deadline = deadline


class Deadline:
    """A block with a deadline, in seconds from the making of it. ``cancelled_caught`` tells afterwards whether it was cut short."""

    __slots__ = ("_at", "_cancelled", "_outer", "_shield", "_token", "_wakers", "cancelled_caught")

    def __init__(self, delay: float | None, shield: bool) -> None:
        self._at = math.inf if delay is None else time.monotonic() + delay
        self._shield = shield
        self._outer: Deadline | None = None
        self._token: Token[Deadline | None] | None = None
        self._wakers: set[Callable[[], None]] = set()
        self._cancelled = False
        self.cancelled_caught = False

    def cancel(self) -> None:
        """End the block at its next corewire call, or the one that is waiting now. May come from another thread."""
        self._cancelled = True
        for wake in tuple(self._wakers):
            wake()

    @property
    def passed(self) -> bool:
        """Whether its time is over."""
        return self._at <= time.monotonic()

    def __enter__(self) -> Deadline:
        self._outer = _current.get()
        self._token = _current.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        assert self._token is not None, "left without having been entered"
        _current.reset(self._token)
        self.cancelled_caught = isinstance(error, Expired) and error.deadline is self
        return self.cancelled_caught


_current: ContextVar[Deadline | None] = ContextVar("corewire_deadline", default=None)


def _chain() -> Iterator[Deadline]:
    deadline = _current.get()
    while deadline is not None:
        yield deadline
        deadline = None if deadline._shield else deadline._outer


def guarded() -> bool:
    """Whether there is a surrounding deadline at all: one without a time may be cancelled."""
    return _current.get() is not None


def nearest() -> float:
    """When the first surrounding deadline passes, on the monotonic clock; infinite without one."""
    return min((-math.inf if deadline._cancelled else deadline._at for deadline in _chain()), default=math.inf)


def check() -> None:
    """Raise ``Expired`` for the outermost surrounding block whose deadline has passed."""
    expired = [deadline for deadline in _chain() if deadline._cancelled or deadline.passed]
    if expired:
        raise Expired(expired[-1])


@contextmanager
def woken_by(wake: Callable[[], None]) -> Generator[None]:
    """Have ``wake`` called when a surrounding deadline is cancelled from another thread."""
    chain = tuple(_chain())
    for deadline in chain:
        deadline._wakers.add(wake)
    try:
        yield
    finally:
        for deadline in chain:
            deadline._wakers.discard(wake)


def move_on_after(delay: float | None, shield: bool = False) -> Deadline:
    """Leave the block after ``delay`` seconds (None: never) and go on behind it. ``shield``: outer deadlines wait."""
    return Deadline(delay, shield)


@contextmanager
def fail_after(delay: float | None, shield: bool = False) -> Generator[Deadline]:
    """As ``move_on_after``, but raise ``TimeoutError`` when the deadline passed (not for ``cancel()``)."""
    with Deadline(delay, shield) as deadline:
        yield deadline
    if deadline.cancelled_caught and deadline.passed:
        raise TimeoutError(f"not done within {delay} s")
