"""
What the demo does: a broker with a journal, clients of three worlds behind a proxy that cuts their links, and a kill.

    broker process <── proxy <── producers and consumers on asyncio, in threads, on blocking sockets

Links are cut behind random bytes, one after the other; then the broker is killed with -9 and started again on its journal;
then links are cut again. What was promised is read off the ledgers of the streams.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

from corewire_server.demo.broker import BrokerProcess
from corewire_server.demo.cutting import Cutter, StandsStill, await_progress, kill_and_restart
from corewire_server.demo.ledger import Ledger, Way
from corewire_server.demo.traffic import Traffic, World
from corewire_server.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

WORLDS = (World.ASYNCIO, World.THREADS, World.BLOCKING)
OPTIONS = "?resilient=true&blockOnAcknowledge=true"  # an answered acknowledgement is a promise, too


@dataclass(slots=True)
class Outcome:
    """What came of it."""

    traffics: Sequence[Traffic]
    cuts: int = 0
    raised_at_cuts: dict[World, int] = field(default_factory=dict[World, int])
    kill_ms: dict[World, float] = field(default_factory=dict[World, float])
    stuck: str | None = None

    @property
    def broken(self) -> list[str]:
        """The promises that were broken, in words; empty if all is well."""
        found = [broken for traffic in self.traffics for ledger in traffic.ledgers for broken in ledger.broken]
        found += [
            f"{world.value}: {n} calls raised while links were cut" for world, n in self.raised_at_cuts.items() if n
        ]
        if self.stuck is not None:
            found.append(f"traffic stands still: {self.stuck}")
        return found

    @property
    def columns(self) -> list[str]:
        """The heads of the table."""
        return ["", *(traffic.world.value for traffic in self.traffics), "all"]

    @property
    def rows(self) -> list[list[Any]]:
        """The table: a measure each, by world and over all."""
        in_order = [not any(ledger.disorder for ledger in traffic.ledgers) for traffic in self.traffics]
        return [
            self._sum("sent", lambda ledger: ledger.begun),
            self._sum("confirmed", lambda ledger: len(ledger.confirmed)),
            self._sum("delivered", lambda ledger: len(ledger.came)),
            self._sum("lost", lambda ledger: len(ledger.lost)),
            self._sum("doubled", lambda ledger: len(ledger.doubled)),
            ["order kept", *("yes" if kept else "no" for kept in (*in_order, all(in_order)))],
            self._row("re-attachments", [len(traffic.reattachments) for traffic in self.traffics]),
            self._row("exceptions while links were cut", [self.raised_at_cuts.get(t.world, 0) for t in self.traffics]),
            self._sum("sends settled by sending again", lambda ledger: len(ledger.sent_again)),
            self._sum("redelivered", lambda ledger: len(ledger.redelivered)),
            *self._durations(),
        ]

    def _sum(self, name: str, count: Callable[[Ledger], int]) -> list[Any]:
        return self._row(name, [sum(map(count, traffic.ledgers)) for traffic in self.traffics])

    def _row(self, name: str, counts: list[int]) -> list[Any]:
        return [name, *counts, sum(counts)]

    def _durations(self) -> list[list[Any]]:
        outages = [[1000 * event.outage_s for event in traffic.reattachments] for traffic in self.traffics]
        outages.append([outage for each in outages for outage in each])
        kills = [self.kill_ms.get(traffic.world) for traffic in self.traffics]
        kills.append(max((each for each in kills if each is not None), default=None))
        return [
            [
                "ms until traffic flowed again, cut, median",
                *(round(median(x)) if x else None for x in outages),
            ],
            ["ms until traffic flowed again, cut, longest", *(round(max(x)) if x else None for x in outages)],
            ["ms until traffic flowed again, kill -9", *(None if x is None else round(x) for x in kills)],
        ]


class Scenario:
    """One run: `play` it once."""

    def __init__(
        self,
        broker: BrokerProcess,
        *,
        worlds: Sequence[World] = WORLDS,
        cuts_s: float = 4.0,
        drain_s: float = 10.0,
        seed: int = 0,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """``cuts_s``: seconds of cuts before the kill, and after it. ``drain_s``: how long what was confirmed may take to
        come in the end. ``say``: is told of the progress, in short lines."""
        self._broker = broker
        self._worlds = worlds
        self._cuts_s = cuts_s
        self._drain_s = drain_s
        self._seed = seed
        self._say = say

    def play(self) -> Outcome:
        """Do it all; takes about three times ``cuts_s``. Raises CorewireError if the broker does not start."""
        self._say("starting a broker")
        with self._broker, Proxy(self._broker.address, seed=self._seed) as proxy:
            url = f"tcp://127.0.0.1:{proxy.port}{OPTIONS}"
            traffics = [
                Traffic(world, url, [Ledger(f"demo.{world.value}.{way.name.lower()}", way) for way in Way])
                for world in self._worlds
            ]
            outcome = Outcome(traffics)
            try:
                for traffic in traffics:
                    traffic.start()
                self._spoil(proxy, Cutter(proxy, traffics), outcome)
            except StandsStill as still:
                outcome.stuck = str(still)
            self._say("waiting for what is under way")
            for traffic in traffics:
                traffic.stop()
            deadline = time.monotonic() + self._drain_s
            for traffic in traffics:
                traffic.join(deadline)
            return outcome

    def _spoil(self, proxy: Proxy, cutter: Cutter, outcome: Outcome) -> None:
        await_progress(outcome.traffics)
        self._cut(cutter, outcome)
        at_the_kill = self._raised(outcome)
        self._say("kill -9")
        began = time.monotonic()
        kill_and_restart(self._broker, proxy)
        self._say("the broker is back")
        back = 1000 * (time.monotonic() - began)
        for traffic, took_s in zip(outcome.traffics, await_progress(outcome.traffics), strict=True):
            outcome.kill_ms[traffic.world] = back + 1000 * took_s
        after_the_kill = self._raised(outcome)
        self._cut(cutter, outcome)
        for world, count in self._raised(outcome).items():
            outcome.raised_at_cuts[world] = count - after_the_kill[world] + at_the_kill[world]

    def _cut(self, cutter: Cutter, outcome: Outcome) -> None:
        over_at = time.monotonic() + self._cuts_s
        while time.monotonic() < over_at:
            cutter.cut()
            outcome.cuts = cutter.cuts
            came = sum(sum(traffic.progress) for traffic in outcome.traffics)
            self._say(f"{came} messages, {cutter.cuts} cuts")

    def _raised(self, outcome: Outcome) -> Counter[World]:
        return Counter({t.world: sum(sum(ledger.errors.values()) for ledger in t.ledgers) for t in outcome.traffics})


def play(folder: Path, *, say: Callable[[str], None] = lambda _: None, seed: int = 0) -> Outcome:
    """The demo as users see it, with the broker's data in ``folder``."""
    return Scenario(BrokerProcess(folder / "data"), say=say, seed=seed).play()
