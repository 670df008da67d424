"""Applications of every kind at once on one pair: Java programs of two versions, and our client in all its worlds.

None of them may notice anything. Each stream numbers its messages and judges what it gets; see ``java/Lane.java`` and
``corewire_server/demo/ledger.py``.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple, Self

from tests.interop.lanes import JavaLanes, Since, faults
from tests.interop.peers import ARTEMIS, OLDER_CLIENT, OLDEST_CLIENT

from corewire_server.demo.ledger import Ledger, Way
from corewire_server.demo.traffic import Traffic, World

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import TracebackType

CORE = "core.blocking,core.async,core.plain,core.tx,core.temporary,core.prefetch,core.individual,core.calls"
JMS = (
    "jms.listener,jms.client,jms.dupsok,jms.nonpersistent,jms.topic,jms.durable,jms.tx,jms.temporary,"
    "jms.completion,jms.connections"
)
LANES = {
    ARTEMIS: f"{CORE},core.refused,{JMS}",
    OLDER_CLIENT: f"{CORE},{JMS}",  # it takes any answer for that of a blocking call, a send's for a refusal
    OLDEST_CLIENT: f"{CORE},{JMS}",
}
JAVA_OPTIONS = "ha=true&confirmationWindowSize=1048576&reconnectAttempts=-1"
OUR_OPTIONS = "resilient=true&blockOnAcknowledge=true"
PAUSE_MS = 100  # of a Java lane, after every eighth message
PACE_S = 0.15  # between two batches of a stream of ours: there are many, on two cores
PATIENCE_S = 60.0
GLANCE_S = 0.01
DRAIN_S = 60.0


class TimedLedger(Ledger):
    """A stream that knows how long a send waited for its answer, where each is waited for."""

    def __init__(self, queue: str, way: Way, *, ids: bool) -> None:
        super().__init__(queue, way, ids=ids)
        self._waits_since: float | None = None
        self._marked_at = self._slowest_send = 0.0

    def begin(self) -> int | None:
        """See `Ledger.begin`."""
        number = super().begin()
        if number is not None and self.way is Way.ONE_BY_ONE:
            self._waits_since = time.monotonic()
        return number

    def confirm(self, numbers: Iterable[int]) -> None:
        """See `Ledger.confirm`."""
        super().confirm(numbers)
        self._slowest_send, self._waits_since = self._slowest(), None

    def _slowest(self) -> float:
        waits_since = self._waits_since
        if waits_since is None:
            return self._slowest_send
        return max(self._slowest_send, time.monotonic() - max(waits_since, self._marked_at))

    def mark(self) -> None:
        """From here on: see `since`."""
        self._marked_at, self._slowest_send = time.monotonic(), 0.0

    def since(self) -> Since:
        """The slowest send since the mark, also one that still waits; what it waited before the mark does not count."""
        return Since(0.0, 0.0, self._slowest())


class PacedLedger(TimedLedger):
    """A stream that leaves time for others, and knows how long it heard nothing."""

    def __init__(self, queue: str, way: Way) -> None:
        """``ids`` are left out: nothing may have to be sent again."""
        super().__init__(queue, way, ids=False)
        self._resume_at = 0.0
        self._heard_at = time.time()
        self._silence = (0.0, 0.0)

    @property
    def behind(self) -> bool:
        """Also while the pause lasts."""
        now = time.monotonic()
        if now >= self._resume_at + PACE_S:
            self._resume_at = now + (PACE_S if self.way is not Way.ONE_BY_ONE else PACE_S / 10)
        return now < self._resume_at or Ledger.behind.__get__(self)

    def take(self, text: str | None, times_made_anew: int) -> None:
        """See `Ledger.take`."""
        if text is not None:
            now = time.time()
            if now - self._heard_at > self._silence[1] - self._silence[0]:
                self._silence = (self._heard_at, now)
            self._heard_at = now
        super().take(text, times_made_anew)

    def mark(self) -> None:
        """See `TimedLedger.mark`."""
        super().mark()
        self._silence = (0.0, 0.0)

    def since(self) -> Since:
        """The longest silence since the mark, too."""
        return super().since()._replace(silence_from=self._silence[0], silence_to=self._silence[1])

    @property
    def noticed(self) -> list[str]:
        """What the application noticed that it must not: more than `broken`, because nothing happened that explains anything.

        While it runs, what is under way counts as lost.
        """
        counts = {"redelivered": len(self.redelivered), "sent again": len(self.sent_again), **self.errors}
        return [*self.broken, *(f"{self.queue}: {count} {what}" for what, count in counts.items() if count)]


class Verdict(NamedTuple):
    """What came of it."""

    faults: list[str]
    sent: int
    received: int
    lost: int
    doubled: int

    def __str__(self) -> str:
        counts = f"sent {self.sent}, received {self.received}, lost {self.lost}, doubled {self.doubled}"
        return f"{counts}, faults {len(self.faults)}"


class Load:
    """Starts everything; leave the block to end it. ``address``: of the pair, as clients write it, without options."""

    def __init__(
        self,
        address: str,
        *,
        versions: Sequence[str] = (ARTEMIS, OLDER_CLIENT),
        lanes: str | None = None,
        worlds: Sequence[World] = tuple(World),
        seconds: int = 600,
        java_options: str = JAVA_OPTIONS,
        pause_ms: int = PAUSE_MS,
    ) -> None:
        """``lanes``: of Java, `LANES` if not given. ``seconds``: how long Java may run."""
        self._java = [
            JavaLanes(
                f"{address}?{java_options}",
                lanes or LANES[version],
                count=0,
                version=version,
                seconds=seconds,
                pause_ms=pause_ms,
            )
            for version in versions
        ]
        self._versions = versions
        self._ledgers = [[PacedLedger(f"{world.value}.{way.name.lower()}", way) for way in Way] for world in worlds]
        self._ours = [
            Traffic(world, f"{address}?{OUR_OPTIONS}", ledgers)
            for world, ledgers in zip(worlds, self._ledgers, strict=True)
        ]
        self._stopped = False

    def __enter__(self) -> Self:
        for traffic in self._ours:
            traffic.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._stopped:
            for traffic in self._ours:
                traffic.stop()
        for java in self._java:
            java.__exit__(kind, error, trace)

    # -- while it runs -----------------------------------------------------------------------------------------------------

    def await_progress(self, patience_s: float = PATIENCE_S) -> float:
        """Until every stream has moved on; returns how many seconds that took.

        Raises ``TimeoutError`` if one does not, ``AssertionError`` at the first fault.
        """
        began = time.monotonic()
        start = self._progress()
        behind = set(start)
        while behind:
            time.sleep(GLANCE_S)
            now = self._progress()
            self._check()
            behind = {name for name in behind if now.get(name, 0) <= start[name]}
            if time.monotonic() - began > patience_s:
                raise TimeoutError(f"stand still: {sorted(behind)}")
        return time.monotonic() - began

    def let_run(self, seconds: float) -> None:
        """Let so much time pass, whatever happens to the streams. Raises AssertionError if a program has ended."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            time.sleep(GLANCE_S)
            assert all(java.progress() for java in self._java), "a Java program has ended"

    def hold(self) -> None:
        """Return when no Java client opens or closes a connection; none will until `go`."""
        for java in self._java:
            java.hold()

    def go(self) -> None:
        """Connections may be opened and closed again."""
        for java in self._java:
            java.go()

    def mark(self) -> None:
        """From here on: see `since`."""
        for java in self._java:
            java.mark()
        for ledger in self._flat():
            ledger.mark()

    def since(self) -> dict[str, Since]:
        """What each stream went through since the mark."""
        lanes = {
            f"{version} {name}": since
            for version, java in zip(self._versions, self._java, strict=True)
            for name, since in java.since().items()
        }
        return lanes | {ledger.queue: ledger.since() for ledger in self._flat()}

    def slowest_send(self) -> float:
        """The longest that a blocking send of any stream took since the mark, in seconds."""
        return max(since.slowest_send for since in self.since().values())

    # -- the end -----------------------------------------------------------------------------------------------------------

    def finish(self, drain_s: float = DRAIN_S, java_s: int | None = None) -> Verdict:
        """No new messages; wait for what was sent, ``drain_s`` at most where it is ours, ``java_s`` where it is Java's, and judge."""
        self._stopped = True
        for java in self._java:
            if java_s is None:
                java.stop()
            else:
                java.end(java_s)
        for traffic in self._ours:
            traffic.stop()
        deadline = time.monotonic() + drain_s
        for traffic in self._ours:
            traffic.join(deadline)
        results = {
            f"{version} {name}": lane
            for version, java in zip(self._versions, self._java, strict=True)
            for name, lane in java.result().items()
        }
        ledgers = self._flat()
        anew = [
            f"{each.world.value}: {each.recreated_sessions} sessions made anew"
            for each in self._ours
            if each.recreated_sessions
        ]
        return Verdict(
            [*faults(results), *(line for ledger in ledgers for line in ledger.noticed), *anew],
            sent=sum(lane["sent"] for lane in results.values()) + sum(len(ledger.confirmed) for ledger in ledgers),
            received=sum(lane["received"] for lane in results.values()) + sum(len(ledger.came) for ledger in ledgers),
            lost=sum(lane["lost"] for lane in results.values()) + sum(len(ledger.lost) for ledger in ledgers),
            doubled=sum(lane["doubled"] for lane in results.values()) + sum(len(ledger.doubled) for ledger in ledgers),
        )

    # -- inside ------------------------------------------------------------------------------------------------------------

    def _flat(self) -> list[PacedLedger]:
        return [ledger for ledgers in self._ledgers for ledger in ledgers]

    def _progress(self) -> dict[str, int]:
        lanes = {
            f"{version} {number}": steps
            for version, java in zip(self._versions, self._java, strict=True)
            for number, steps in enumerate(java.progress())
        }
        return lanes | {ledger.queue: ledger.progress for ledger in self._flat()}

    def _check(self) -> None:
        for java in self._java:
            assert java.first_fault is None, java.first_fault
            assert java.progress(), "\n".join(["the lanes have ended", *java.output[-20:]])
        for ledger in self._flat():
            assert not ledger.failures, ledger.failures
            assert not ledger.errors, ledger.errors
