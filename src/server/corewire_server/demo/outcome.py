"""What came of the demo: a table, and the promises that were broken."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

from corewire_server.demo.traffic import World

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from corewire_server.demo.ledger import Ledger
    from corewire_server.demo.traffic import Traffic


@dataclass(slots=True)
class Outcome:
    """Filled in while it goes on; judged from the ledgers of the streams."""

    traffics: Sequence[Traffic]
    transparent: bool  #: it was promised that applications notice nothing at all, not even the kill
    cuts: int = 0
    cut_ms: dict[World, list[float]] = field(
        default_factory=dict[World, list[float]]
    )  #: until links were attached again
    kill_ms: dict[World, float] = field(default_factory=dict[World, float])
    excused: Counter[World] = field(default_factory=Counter[World])  #: calls that raised because of the kill, as told
    stuck: str | None = None

    def raised(self) -> Counter[World]:
        """How many calls have raised so far."""
        return Counter({t.world: sum(sum(ledger.errors.values()) for ledger in t.ledgers) for t in self.traffics})

    @property
    def broken(self) -> list[str]:
        """The promises that were broken, in words; empty if all is well."""
        found = [broken for traffic in self.traffics for ledger in traffic.ledgers for broken in ledger.broken]
        for traffic, exceptions in zip(self.traffics, self._exceptions, strict=True):
            unkept = {"calls raised" if self.transparent else "calls raised while links were cut": exceptions}
            if self.transparent:
                unkept["sessions made anew"] = traffic.recreated_sessions
                unkept["messages redelivered"] = sum(len(ledger.redelivered) for ledger in traffic.ledgers)
            found += [f"{traffic.world.value}: {count} {what}" for what, count in unkept.items() if count]
        if self.stuck is not None:
            found.append(f"it does not go on: {self.stuck}")
        return found

    @property
    def columns(self) -> list[str]:
        """The heads of the table."""
        return ["", *(traffic.world.value for traffic in self.traffics), "all"]

    @property
    def rows(self) -> list[list[Any]]:
        """The table: a measure each, by world and over all."""
        in_order = [not any(ledger.disorder for ledger in traffic.ledgers) for traffic in self.traffics]
        seen = "exceptions seen by the application" if self.transparent else "exceptions while links were cut"
        again = [] if self.transparent else [self._sum("sends settled by sending again", lambda x: len(x.sent_again))]
        return [
            self._sum("sent", lambda ledger: ledger.begun),
            self._sum("confirmed", lambda ledger: len(ledger.confirmed)),
            self._sum("delivered", lambda ledger: len(ledger.came)),
            self._sum("lost", lambda ledger: len(ledger.lost)),
            self._sum("doubled", lambda ledger: len(ledger.doubled)),
            ["order kept", *("yes" if kept else "no" for kept in (*in_order, all(in_order)))],
            self._row("re-attachments", [len(traffic.reattachments) for traffic in self.traffics]),
            self._row(seen, self._exceptions),
            *again,
            self._sum("redelivered", lambda ledger: len(ledger.redelivered)),
            *self._durations(),
        ]

    @property
    def _exceptions(self) -> list[int]:
        raised = self.raised()
        return [raised[traffic.world] - self.excused[traffic.world] for traffic in self.traffics]

    def _sum(self, name: str, count: Callable[[Ledger], int]) -> list[Any]:
        return self._row(name, [sum(map(count, traffic.ledgers)) for traffic in self.traffics])

    def _row(self, name: str, counts: list[int]) -> list[Any]:
        return [name, *counts, sum(counts)]

    def _durations(self) -> list[list[Any]]:
        outages = [self.cut_ms.get(traffic.world, []) for traffic in self.traffics]
        outages.append([outage for each in outages for outage in each])
        kills = [self.kill_ms.get(traffic.world) for traffic in self.traffics]
        kills.append(max((each for each in kills if each is not None), default=None))
        return [
            ["ms until traffic flowed again, cut, median", *(round(median(x)) if x else None for x in outages)],
            ["ms until traffic flowed again, cut, longest", *(round(max(x)) if x else None for x in outages)],
            ["ms until traffic flowed again, kill -9", *(None if x is None else round(x) for x in kills)],
        ]
