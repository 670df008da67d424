"""
Kill who serves, again and again, under applications of every kind: ``python -m tests.interop.pair_kills --kills 20``.

The control, ``--gate disk --held-back 30 --kills 4``, must find faults and exit 1: there answers do not wait for the backup, and
what the primary had answered and not yet sent to it is gone.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING

from tests.interop.pair import Pair
from tests.interop.pair_digests import Digests, compare
from tests.interop.pair_load import JAVA_OPTIONS, Load
from tests.interop.pair_watch import Watch
from tests.interop.peers import ARTEMIS, OLDER_CLIENT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.interop.pair import Member
    from tests.interop.pair_load import Verdict
    from tests.interop.pair_tough_load import ToughLoad

PROGRAM = ("-m", "tests.interop.pair_node")
DIGESTS = ("--digests",)
ENDLESS_S = 3600
CONTROL_S = 25  # in which lanes of a control have to come to an end; many never do
CONTROL_PROGRESS_S = 3.0


@dataclass(slots=True)
class Series:
    """What came of it."""

    kills: int = 0
    joins: int = 0
    outages: dict[str, list[float]] = field(default_factory=dict[str, list[float]])  #: seconds, by stream
    verdict: Verdict | None = None
    fell_out: int = 0
    slowest_send: float = 0.0  #: seconds, of those that block, while a node joined
    digests: Digests | None = None

    @property
    def all_outages(self) -> list[float]:
        """Of all streams."""
        return [outage for outages in self.outages.values() for outage in outages]

    def __str__(self) -> str:
        lines = [f"{self.kills} kills, {self.joins} joins, out of step unasked: {self.fell_out}", str(self.verdict)]
        lines.append(f"longest blocking send during a join: {1000 * self.slowest_send:.0f} ms")
        if len(self.all_outages) > 1:
            lines.append("ms from the kill to the first message: median, 90 %, worst")
            lines.append(f"  {'all streams':28} {milliseconds(self.all_outages)}")
            by_worst = sorted(self.outages.items(), key=lambda item: -max(item[1]))
            lines += [f"  {name:28} {milliseconds(outages)}" for name, outages in by_worst]
        if self.digests is not None:
            lines += [str(self.digests), *self.digests.differing[:5]]
        return "\n".join(lines)


def milliseconds(seconds: Sequence[float]) -> str:
    """Median, ninth decile, worst."""
    ninth = quantiles(seconds, n=10, method="inclusive")[-1] if len(seconds) > 1 else seconds[0]
    return " ".join(f"{1000 * value:6.0f}" for value in (median(seconds), ninth, max(seconds)))


def outages_since(load: Load, at: float) -> dict[str, float]:
    """Seconds from ``at`` to the end of each stream's longest silence since the mark; not of streams that wait by themselves."""
    return {name: since.silence_to - at for name, since in load.since().items() if since.silence_to > at}


def joined(pair: Pair, load: Load | ToughLoad) -> float:
    """From the mark of the load to when the pair is in step and every stream has moved on: how long the slowest blocking send took."""
    pair.wait_in_step()
    load.await_progress()
    return load.slowest_send()


def join_again(pair: Pair, load: Load | ToughLoad, member: Member, *options: str) -> float:
    """Start a node that has ended, and wait until it is `joined`."""
    load.mark()
    pair.start_again(member, *options)
    return joined(pair, load)


def kill_primary(pair: Pair, load: Load, series: Series) -> None:
    """One kill, when the pair is in step and every stream has moved on; and the way back to that."""
    load.hold()
    load.mark()
    pair.wait_in_step()
    primary = pair.primary
    at = pair.kill(primary)
    load.go()
    series.kills += 1
    load.await_progress()
    for name, outage in outages_since(load, at).items():
        series.outages.setdefault(name, []).append(outage)
    held_back = ("--held-back", "20") if series.kills % 4 in (1, 2) else ()  # it is killed at the kill after the next
    series.slowest_send = max(series.slowest_send, join_again(pair, load, primary, *held_back))
    series.joins += 1


def run(folder: Path, kills: int, versions: Sequence[str] = (ARTEMIS, OLDER_CLIENT)) -> Series:
    """Of every four starts two hold back inputs for 20 ms, so that half of the kills lose what was executed."""
    series = Series()
    with (
        Pair(folder, *DIGESTS, program=PROGRAM) as pair,
        Watch(pair),
        Load(pair.address, versions=versions, seconds=ENDLESS_S) as load,
    ):
        load.await_progress()
        for _ in range(kills):
            kill_primary(pair, load, series)
        series.verdict = load.finish()
        series.fell_out = pair.unasked()
    series.digests = compare(folder)
    return series


def run_control(folder: Path, kills: int, options: Sequence[str]) -> Series:
    """The same with a pair that must lose something; nobody is waited for that may wait for ever."""
    series = Series()
    with (
        Pair(folder, *options, program=PROGRAM) as pair,
        Load(pair.address, seconds=ENDLESS_S, java_options=f"{JAVA_OPTIONS}&callTimeout=10000") as load,
    ):
        load.await_progress()
        for _ in range(kills):
            primary = pair.primary
            pair.kill(primary)
            series.kills += 1
            load.let_run(CONTROL_PROGRESS_S)
            pair.start_again(primary)
            pair.wait_in_step()
            series.joins += 1
        series.verdict = load.finish(drain_s=5.0, java_s=CONTROL_S)
    return series


def main() -> int:
    """Print what came of it; 1 if anything did that must not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--gate", choices=["disk", "disk+backup"], default="disk+backup", help="disk: the control")
    parser.add_argument("--held-back", type=int, default=0, metavar="MS", help="only with the control")
    parser.add_argument("--folder", type=Path, default=None, help="for data and logs, which are kept then")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        folder = arguments.folder or Path(temporary)
        if arguments.gate == "disk":
            options = ("--gate", "disk", "--held-back", str(arguments.held_back))
            series = run_control(folder, arguments.kills, options)
        else:
            series = run(folder, arguments.kills)
    print(series)
    verdict, digests = series.verdict, series.digests
    assert verdict is not None
    for fault in verdict.faults[:10]:
        print(f"  {fault[:200]}")
    return 1 if verdict.faults or series.fell_out or (digests is not None and digests.differing) else 0


if __name__ == "__main__":
    sys.exit(main())
