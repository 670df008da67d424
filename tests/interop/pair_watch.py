"""Looks at both nodes of a pair all the time: two must never serve at once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

    from tests.interop.pair import Member, Pair

PAUSE_S = 0.03


class Watch:
    """A thread while the block lasts; leaving it judges."""

    def __init__(self, pair: Pair) -> None:
        self.looks = 0
        self.both: list[str] = []  #: what was seen that must not be
        self._pair = pair
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def _run(self) -> None:
        first, second = self._pair.members
        while not self._ending.wait(PAUSE_S):
            self._look(first, second)
            first, second = second, first

    def _look(self, one: Member, other: Member) -> None:
        """Nobody can be asked at the same instant as another: so one is asked before and after the other, and must not have changed."""
        self.looks += 1
        before = _service(one)
        if before is None:
            return
        meanwhile = _service(other)
        if meanwhile is not None and _service(one) == before:
            self.both.append(f"{one.role} in epoch {before}, {other.role} in epoch {meanwhile}")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._thread.join()
        assert not self.both, f"two primaries: {self.both[:5]}"


def _service(member: Member) -> int | None:
    """The epoch in which a member serves."""
    status = member.status(timeout_s=0.5)
    return status["epoch"] if status is not None and status["serving"] else None
