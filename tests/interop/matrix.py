"""
Faults of a real pair under load in several modes at once, and what the ledgers say of each fault in each mode: a cell.

The network that is cut is the clients': towards the node that serves, whose backup is in step all the time.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass
from enum import Enum
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Self

from tests.interop.client_traffic import errors
from tests.interop.matrix_streams import BranchTraffic, TryTraffic

from corewire_server.demo.cutting import await_new
from corewire_server.demo.ledger import Ledger, Way
from corewire_server.demo.traffic import Traffic, World
from corewire_server.proxy import Proxy
from corewire_transports.blocking import connect

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import TracebackType

    from tests.interop.artemis_pair import ArtemisPair

PATIENCE_S = 120.0  # for a stream to move on, however busy the machine
CUT_S = 1.0  # so long nobody is there
GLANCE_S = 0.01
RECONNECTING = "ha=true&reconnectAttempts=-1&retryInterval=100&blockOnAcknowledge=true"
NO_WINDOW = f"{RECONNECTING}&confirmationWindowSize=-1"
WINDOW = f"{RECONNECTING}&confirmationWindowSize=1048576"
EXACTLY_ONCE = "exactlyOnce=true&retryInterval=100"
_names = count(1)


class Fault(Enum):
    """What happens to the pair."""

    KILL = "kill -9"
    SHUTDOWN = "planned shutdown"
    FAILBACK = "failback"
    CUT = "network cut"


class Mode(Enum):
    """How an application works, and what it wrote into its URL."""

    AUTO_COMMIT = ("auto-commit, no window", NO_WINDOW, World.ASYNCIO)
    AUTO_COMMIT_WINDOW = ("auto-commit, 1 MiB", WINDOW, World.BLOCKING)
    TRANSACTED = ("transacted, no window", NO_WINDOW, World.TRIO)
    TRANSACTED_WINDOW = ("transacted, 1 MiB", WINDOW, World.THREADS)
    XA = ("XA, no window", NO_WINDOW, World.THREADS)
    XA_WINDOW = ("XA, 1 MiB", WINDOW, World.THREADS)
    EXACTLY_ONCE = ("exactlyOnce", EXACTLY_ONCE, World.ASYNCIO)

    def __init__(self, words: str, options: str, world: World) -> None:
        self.words = words
        self.options = options
        self.world = world

    def traffics(self, address: str) -> list[Traffic]:
        """Its streams, on queues of their own."""
        url = f"{address}?{self.options}"
        name = f"matrix.{self.name.lower()}.{next(_names)}"
        ledgers = {way: Ledger(f"{name}.{way.name.lower()}", way, ids=False) for way in Way}
        one_by_one = [ledgers[Way.ONE_BY_ONE], ledgers[Way.PIPELINED]]
        in_transactions = [ledgers[Way.TRANSACTED]]
        match self:
            case Mode.AUTO_COMMIT | Mode.AUTO_COMMIT_WINDOW:
                return [Traffic(self.world, url, one_by_one)]
            case Mode.TRANSACTED | Mode.TRANSACTED_WINDOW:
                return [Traffic(self.world, url, in_transactions)]
            case Mode.XA | Mode.XA_WINDOW:
                return [BranchTraffic(self.world, url, in_transactions)]
            case Mode.EXACTLY_ONCE:
                return [Traffic(self.world, url, one_by_one), TryTraffic(World.THREADS, url, in_transactions)]

    @property
    def exceptions(self) -> frozenset[str]:
        """What api.md 4.6 lets calls raise."""
        match self:
            case Mode.AUTO_COMMIT | Mode.AUTO_COMMIT_WINDOW:
                return frozenset({"Unblocked", "TransactionRolledBack"})
            case Mode.TRANSACTED | Mode.TRANSACTED_WINDOW:
                return frozenset({"Unblocked", "TransactionRolledBack", "TransactionOutcomeUnknown"})
            case Mode.XA | Mode.XA_WINDOW:
                return frozenset({"Unblocked", "TransactionRolledBack", "XaError"})
            case Mode.EXACTLY_ONCE:
                return frozenset()


class Watch:
    """Looks how long each traffic stands still; a context manager."""

    def __init__(self, traffics: Sequence[Traffic]) -> None:
        self.longest_s = dict.fromkeys(traffics, 0.0)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def _look(self) -> None:
        streams = [(traffic, ledger) for traffic in self.longest_s for ledger in traffic.ledgers]
        moved = {ledger.queue: (time.monotonic(), len(ledger.came)) for _, ledger in streams}
        while not self._over.wait(GLANCE_S):
            now = time.monotonic()
            for traffic, ledger in streams:
                since, came = moved[ledger.queue]
                if len(ledger.came) != came:
                    self.longest_s[traffic] = max(self.longest_s[traffic], now - since)
                    moved[ledger.queue] = (now, len(ledger.came))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()


@dataclass(frozen=True)
class Cell:
    """What so many faults came to in one mode, with what it took to have a whole pair before and after each."""

    where: str
    fault: Fault
    mode: Mode
    traffics: Sequence[Traffic]
    standstill_s: float  #: the longest of any of its streams, in a fault

    @property
    def ledgers(self) -> list[Ledger]:
        return [ledger for traffic in self.traffics for ledger in traffic.ledgers]

    @property
    def exceptions(self) -> Counter[str]:
        """By name."""
        return sum(map(errors, self.traffics), Counter[str]())

    @property
    def may_double(self) -> bool:
        """Only a broker that is still there, and not ours, runs commands twice: at a re-attachment (Q3)."""
        return self.fault is Fault.CUT and self.mode.options is WINDOW

    @property
    def wrong(self) -> list[str]:
        """What must not have happened, in words."""
        found = [f"raised {name}" for name in self.exceptions if name not in self.mode.exceptions]
        for ledger in self.ledgers:
            doubled = [number for number in ledger.doubled if not (self.may_double and number in ledger.at_cut)]
            problems: dict[str, Sequence[object]] = {
                "lost": sorted(ledger.lost),
                "doubled": doubled,
                "foreign": ledger.foreign,
                "raised without a reason": ledger.untraced,
                "failed": ledger.failures,
            }
            if self.mode is Mode.EXACTLY_ONCE:
                problems |= {"came again": ledger.redelivered, "out of order": ledger.disorder}
            found += [f"{ledger.queue}: {len(what)} {word}: {what[:5]}" for word, what in problems.items() if what]
        return found

    def __str__(self) -> str:
        counts = {
            "sent": sum(ledger.begun for ledger in self.ledgers),
            "confirmed": sum(len(ledger.confirmed) for ledger in self.ledgers),
            "lost": sum(len(ledger.lost) for ledger in self.ledgers),
            "doubled": sum(len(ledger.doubled) for ledger in self.ledgers),
            "redelivered": sum(len(ledger.redelivered) for ledger in self.ledgers),
        }
        numbers = ", ".join(f"{word} {number}" for word, number in counts.items())
        raised = ", ".join(f"{name} {times}" for name, times in sorted(self.exceptions.items())) or "none"
        verdict = "; ".join(self.wrong) or "right"
        return (
            f"{self.where} | {self.fault.value} | {self.mode.words} | {numbers} | exceptions: {raised} | "
            f"{self.standstill_s:.1f} s | {verdict}"
        )


def run(pair: ArtemisPair, where: str, fault: Fault, modes: Iterable[Mode], times: int) -> dict[Mode, Cell]:
    """Have the fault so often, under all these loads at once; each comes when the pair is whole and every stream has moved on.

    ``where`` names the pair in the lines that are printed, one per cell. The pair is whole again in the end. Raises StandsStill.
    """
    with Proxy(("127.0.0.1", pair.primary.port)) as proxy:
        address = f"tcp://127.0.0.1:{proxy.port}" if fault is Fault.CUT else pair.address
        loads = {mode: mode.traffics(address) for mode in modes}
        _make_queues(address, [load for mode, load in loads.items() if mode is not Mode.EXACTLY_ONCE])
        traffics = [traffic for load in loads.values() for traffic in load]
        for traffic in traffics:
            traffic.start()
        try:
            moves_on = partial(await_new, traffics, PATIENCE_S)
            moves_on()
            watches: list[Watch] = []
            for _ in range(times):
                if fault is Fault.FAILBACK:
                    pair.shut_down_primary()
                    moves_on()
                with Watch(traffics) as watch:
                    _strike(fault, pair, proxy)
                    moves_on()
                watches.append(watch)
                if fault in (Fault.KILL, Fault.SHUTDOWN):
                    pair.mend()
                    moves_on()
        finally:
            _finish(traffics)
    cells = {
        mode: Cell(where, fault, mode, load, max(watch.longest_s[traffic] for watch in watches for traffic in load))
        for mode, load in loads.items()
    }
    for cell in cells.values():
        print(f"\n{cell}", end="", flush=True)
    return cells


def _make_queues(address: str, loads: Sequence[Sequence[Traffic]]) -> None:
    """An Artemis that starts deletes those that it made itself and are empty, and what is in prepared branches for them is lost."""
    with connect(f"{address}?{NO_WINDOW}") as client, client.session() as session:
        for ledger in [ledger for load in loads for traffic in load for ledger in traffic.ledgers]:
            session.create_queue(ledger.queue)


def _strike(fault: Fault, pair: ArtemisPair, proxy: Proxy) -> None:
    """Returns when it has happened."""
    match fault:
        case Fault.KILL:
            pair.kill_primary()
        case Fault.SHUTDOWN:
            pair.shut_down_primary()
        case Fault.FAILBACK:
            pair.mend()
        case Fault.CUT:
            proxy.refuse()
            assert proxy.cut_all(), "the clients go past the proxy"
            time.sleep(CUT_S)
            proxy.accept()


def _finish(traffics: Sequence[Traffic]) -> None:
    for traffic in traffics:
        traffic.stop()
    deadline = time.monotonic() + PATIENCE_S
    for traffic in traffics:
        traffic.join(deadline)
