"""Applications that live through the loss of both nodes of a pair: calls may raise then, but what was confirmed holds."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from tests.interop.client_traffic import WINDOW, errors
from tests.interop.lanes import JavaProgram, faults
from tests.interop.pair_load import JAVA_OPTIONS, TimedLedger

from corewire_server.demo.ledger import Way
from corewire_server.demo.traffic import Traffic, World

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

PATIENCE_S = 60.0
GLANCE_S = 0.02
DRAIN_S = 60.0
ENDLESS_S = 3600


class ToughLoad:
    """
    ``java/Crash.java`` and our client; leave the block to end it. ``address``: of the pair, without options.

    Of eight streams each send is waited for, two of Java's; of two none is; three are transacted.
    """

    def __init__(
        self,
        address: str,
        worlds: Sequence[World] = (World.ASYNCIO, World.BLOCKING),
        *,
        java: bool = True,
        blocking: int = 4,
    ) -> None:
        """``blocking``: streams whose sends block, beside one of each way in each of ``worlds``."""
        url = f"{address}?{WINDOW}"
        self._java = (
            JavaProgram("Crash", f"{address}?{JAVA_OPTIONS}&callTimeout=5000", seconds=ENDLESS_S) if java else None
        )
        self._ledgers = [
            [TimedLedger(f"{world.value}.{way.name.lower()}", way, ids=True) for way in Way] for world in worlds
        ]
        self._ours = [Traffic(world, url, ledgers) for world, ledgers in zip(worlds, self._ledgers, strict=True)]
        more = [TimedLedger(f"more.{number}", Way.ONE_BY_ONE, ids=True) for number in range(blocking)]
        self._ledgers.append(more)
        self._ours.append(Traffic(World.BLOCKING, url, more))
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
        if self._java is not None:
            self._java.__exit__(kind, error, trace)

    def progress(self) -> list[int]:
        """How far every stream is."""
        java = [] if self._java is None else self._java.progress()
        return [*java, *(count for traffic in self._ours for count in traffic.progress)]

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

    def mark(self) -> None:
        """From here on: see `slowest_send`."""
        for ledgers in self._ledgers:
            for ledger in ledgers:
                ledger.mark()

    def slowest_send(self) -> float:
        """The longest that a blocking send of ours took since the mark, in seconds."""
        return max(ledger.since().slowest_send for ledgers in self._ledgers for ledger in ledgers)

    def judge(self) -> list[str]:
        """What is known to be broken so far; what is under way counts as lost."""
        return [line for traffic in self._ours for ledger in traffic.ledgers for line in ledger.broken]

    def finish(self) -> list[str]:
        """No new messages; wait for what was confirmed. Returns which promises were broken."""
        if self._java is not None:
            self._java.stop()
        for traffic in self._ours:
            traffic.stop()
        deadline = time.monotonic() + DRAIN_S
        for traffic in self._ours:
            traffic.join(deadline)
        result = {} if self._java is None else self._java.result()
        ledgers = [ledger for traffic in self._ours for ledger in traffic.ledgers]
        self.confirmed = sum(lane["confirmed"] for lane in result.values()) + sum(
            len(each.confirmed) for each in ledgers
        )
        self.raised = sum(sum(errors(traffic).values()) for traffic in self._ours)
        return [*faults(result), *self.judge()]
