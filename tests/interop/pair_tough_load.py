"""Applications that live through the loss of both nodes of a pair: calls may raise then, but what was confirmed holds."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from tests.interop.client_traffic import WINDOW, errors, streams
from tests.interop.lanes import JavaProgram, faults
from tests.interop.pair_load import JAVA_OPTIONS

from corewire_server.demo.traffic import Traffic, World

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

PATIENCE_S = 60.0
GLANCE_S = 0.02
DRAIN_S = 60.0
ENDLESS_S = 3600


class ToughLoad:
    """``java/Crash.java`` and our client; leave the block to end it. ``address``: of the pair, without options."""

    def __init__(self, address: str, worlds: Sequence[World] = (World.ASYNCIO, World.BLOCKING)) -> None:
        self._java = JavaProgram("Crash", f"{address}?{JAVA_OPTIONS}&callTimeout=5000", seconds=ENDLESS_S)
        self._ours = [Traffic(world, f"{address}?{WINDOW}", streams(world, ids=True)) for world in worlds]
        self.confirmed = 0  # at the end
        self.raised = 0

    def __enter__(self) -> Self:
        for traffic in self._ours:
            traffic.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for traffic in self._ours:
            traffic.stop()
        self._java.__exit__(kind, error, trace)

    def progress(self) -> list[int]:
        """How far every stream is."""
        return [*self._java.progress(), *(count for traffic in self._ours for count in traffic.progress)]

    def await_progress(self, patience_s: float = PATIENCE_S) -> float:
        """Until messages were confirmed and came in every stream; returns after how many seconds. Raises TimeoutError."""
        began = time.monotonic()
        start = self.progress()
        while True:
            now = self.progress()
            behind = [at for at, (old, new) in enumerate(zip(start, now, strict=True)) if new <= old]
            if not behind:
                return time.monotonic() - began
            if time.monotonic() - began > patience_s:
                raise TimeoutError(f"streams {behind} of {len(now)} stand still: {self.judge()}")
            time.sleep(GLANCE_S)

    def judge(self) -> list[str]:
        """What is known to be broken so far; what is under way counts as lost."""
        return [line for traffic in self._ours for ledger in traffic.ledgers for line in ledger.broken]

    def finish(self) -> list[str]:
        """No new messages; wait for what was confirmed. Returns which promises were broken."""
        self._java.stop()
        for traffic in self._ours:
            traffic.stop()
        deadline = time.monotonic() + DRAIN_S
        for traffic in self._ours:
            traffic.join(deadline)
        result = self._java.result()
        ledgers = [ledger for traffic in self._ours for ledger in traffic.ledgers]
        self.confirmed = sum(lane["confirmed"] for lane in result.values()) + sum(
            len(each.confirmed) for each in ledgers
        )
        self.raised = sum(sum(errors(traffic).values()) for traffic in self._ours)
        return [*faults(result), *self.judge()]
