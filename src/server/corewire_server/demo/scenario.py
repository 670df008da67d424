"""
What the demo does: clients of three worlds, links that are cut, and a kill.

    node <── proxy <──┐
                      ├── producers and consumers on asyncio, in threads, on blocking sockets
    node <── proxy <──┘

Links are cut behind random bytes, one after the other; then the node that serves is killed with -9, and started again while
the other one serves; then links are cut again. What was promised is read off the ledgers of the streams. A broker alone, with
one proxy, is killed and started again on its journal.
"""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from corewire_server.demo.broker import BrokerProcess
from corewire_server.demo.cutting import PATIENCE_S, Cutter, StandsStill, await_new, await_progress
from corewire_server.demo.ledger import Ledger, Way
from corewire_server.demo.outcome import Outcome
from corewire_server.demo.pair import Pair
from corewire_server.demo.single import Single
from corewire_server.demo.traffic import Traffic, World

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from corewire_server.proxy import Proxy

WORLDS = (World.ASYNCIO, World.THREADS, World.BLOCKING)
OPTIONS = "?resilient=true&blockOnAcknowledge=true"  # an answered acknowledgement is a promise, too


class Subject(AbstractContextManager["Subject"], Protocol):
    """The service that is spoiled; it runs within its block. Starting it raises CorewireError."""

    @property
    def transparent(self) -> bool:
        """Whether it is promised that applications notice nothing, not even the kill."""
        ...

    @property
    def address(self) -> str:
        """Where clients find it: a URL without options."""
        ...

    @property
    def proxy(self) -> Proxy:
        """That every link to who serves goes through."""
        ...

    def kill(self) -> float:
        """Kill who serves with -9. Returns when that was, on the monotonic clock, as soon as somebody may serve again."""
        ...

    def mend(self) -> None:
        """Make it what it was before the kill, while traffic goes on."""
        ...


class Scenario:
    """One run: `play` it once."""

    def __init__(
        self,
        subject: Subject,
        *,
        worlds: Sequence[World] = WORLDS,
        cuts_s: float = 3.0,
        drain_s: float = 20.0,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """``cuts_s``: seconds of cuts before the kill, and after it. ``drain_s``: how long what was confirmed may take to
        come in the end. ``say``: is told of the progress, in short lines."""
        self._subject = subject
        self._worlds = worlds
        self._cuts_s = cuts_s
        self._drain_s = drain_s
        self._say = say

    def play(self) -> Outcome:
        """Do it all; takes about three times ``cuts_s``. Raises CorewireError if the service does not start."""
        self._say("starting")
        with self._subject as subject:
            traffics = [self._traffic(world) for world in self._worlds]
            outcome = Outcome(traffics, subject.transparent)
            try:
                for traffic in traffics:
                    traffic.start()
                self._spoil(outcome)
            except StandsStill as still:
                outcome.stuck = str(still)
            self._say("waiting for what is under way")
            for traffic in traffics:
                traffic.stop()
            deadline = time.monotonic() + self._drain_s
            for traffic in traffics:
                traffic.join(deadline)
            return outcome

    def _traffic(self, world: World) -> Traffic:
        """Nothing is sent again where nothing may have to be, so nothing has an id that would hide it."""
        ids = not self._subject.transparent
        ledgers = [Ledger(f"demo.{world.value}.{way.name.lower()}", way, ids) for way in Way]
        return Traffic(world, self._subject.address + OPTIONS, ledgers)

    def _spoil(self, outcome: Outcome) -> None:
        await_progress(outcome.traffics)
        self._cut(outcome)
        self._kill(outcome)
        self._subject.mend()
        self._say("all is as it was before the kill")
        await_progress(outcome.traffics)
        self._cut(outcome)

    def _kill(self, outcome: Outcome) -> None:
        before = outcome.raised()
        self._say("kill -9")
        at = self._subject.kill()
        took_s = time.monotonic() - at
        for traffic, flows_s in zip(outcome.traffics, await_new(outcome.traffics), strict=True):
            outcome.kill_ms[traffic.world] = 1000 * (took_s + flows_s)
        self._say("traffic flows again")
        if not outcome.transparent:
            outcome.excused = outcome.raised() - before

    def _cut(self, outcome: Outcome) -> None:
        """For its time, and until every world has had a cut."""
        cutter = Cutter(self._subject.proxy, outcome.traffics)
        known = [len(traffic.reattachments) for traffic in outcome.traffics]
        cuts_before = outcome.cuts
        over_at = time.monotonic() + self._cuts_s
        while (now := time.monotonic()) < over_at or (now < over_at + PATIENCE_S and self._spared(outcome, known)):
            cutter.cut()
            outcome.cuts = cuts_before + cutter.cuts
            came = sum(sum(traffic.progress) for traffic in outcome.traffics)
            self._say(f"{came} messages, {outcome.cuts} cuts")
        for traffic, count in zip(outcome.traffics, known, strict=True):
            outages = [1000 * event.outage_s for event in traffic.reattachments[count:]]
            outcome.cut_ms.setdefault(traffic.world, []).extend(outages)

    def _spared(self, outcome: Outcome, known: Sequence[int]) -> bool:
        """Whether a world has had no cut, in addition to so many re-attachments that are known."""
        return any(len(t.reattachments) == count for t, count in zip(outcome.traffics, known, strict=True))


def play_pair(folder: Path, *, say: Callable[[str], None] = lambda _: None, seed: int = 0) -> Outcome:
    """The demo as users see it, with the data of both nodes in ``folder``."""
    return Scenario(Pair(folder, seed=seed), say=say).play()


def play_single(folder: Path, *, say: Callable[[str], None] = lambda _: None, seed: int = 0) -> Outcome:
    """The same with one broker."""
    return Scenario(Single(BrokerProcess(folder / "data"), seed=seed), say=say).play()
