"""
Our broker and a real Artemis, one Java client, the broker on a core of its own: ``python -m bench.end_to_end``.

Both brokers run from the beginning, and take turns: in every round each gets the same work, and what is printed are medians over
the rounds, and ours divided by Artemis'. Nothing here is asserted but that every message came once and in order.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from bench.peers import CORES, Corewire, Load, Reference, compiled, on_cores, usage
from tests.interop.peers import work_folder

if TYPE_CHECKING:
    from bench.peers import Broker

FLOODS = ("flood volatile", "flood durable", "confirmed volatile", "confirmed durable")
BLOCKING = "blocking durable"
IDLE_S = 2.0

Row = dict[str, float]


def measure(broker: Broker, load: Load, mode: str, messages: int) -> Row:
    """One run: what the client saw, and what it cost the broker."""
    before = usage(broker.pid)
    answer = load.run(mode, messages)
    after = usage(broker.pid)
    row = {
        "k messages/s": messages / answer.seconds / 1000,
        "broker CPU us/message": (after.cpu_s - before.cpu_s) / messages * 1e6,
    }
    if mode == BLOCKING:
        row |= {"p50 us": answer.p50_us, "p99 us": answer.p99_us}
    return row


def report(title: str, ours: list[Row], theirs: list[Row]) -> None:
    """Medians of the rounds, and the median of the rounds' ratios."""
    for name in ours[0]:
        mine, others = [row[name] for row in ours], [row[name] for row in theirs]
        # The system counts CPU in steps of 10 ms: of the few messages of a test there may be none.
        ratio = median(a / b if b else math.inf for a, b in zip(mine, others, strict=True))
        print(f"| {title} | {name} | {median(mine):.3g} | {median(others):.3g} | {ratio:.2f} |", flush=True)


def python_s() -> float:
    """How long an interpreter takes to start and import asyncio."""
    with on_cores({CORES[0]}):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import asyncio"], check=True)
        return time.perf_counter() - began


def starts(work: Path, rounds: int) -> None:
    """Start time and idle memory, on empty folders and then on what they left."""
    ours: list[Row] = []
    theirs: list[Row] = []
    bare: list[float] = []
    for _ in range(rounds):
        bare.append(python_s())
        for rows, broker in ((ours, Corewire(work / "start-ours")), (theirs, Reference(work / "start-theirs"))):
            time.sleep(IDLE_S)
            rows.append({"start s": broker.start_s, "idle MB": usage(broker.pid).resident_mb})
            broker.stop()
    report("process", ours, theirs)
    ratio = median(row["start s"] / one for row, one in zip(ours, bare, strict=True))
    print(f"| process | start s, ours against `python -c 'import asyncio'` | | {median(bare):.3g} | {ratio:.2f} |")


def floods(work: Path, rounds: int, messages: int, modes: list[str]) -> None:
    """All modes, both brokers in turn."""
    with ExitStack() as stack:
        (work / "classes").mkdir()
        classes = compiled(work / "classes")
        brokers: list[tuple[Broker, Load]] = []
        peers: tuple[Broker, Broker] = (Corewire(work / "ours"), Reference(work / "theirs"))
        for broker in peers:
            stack.callback(broker.stop)
            load = Load(broker.url, classes)
            stack.callback(load.stop)
            brokers.append((broker, load))
        for mode in modes:
            count = max(1, messages // 10) if mode == BLOCKING else messages
            rows: list[list[Row]] = [[], []]
            for turn in range(rounds + 1):
                for at, (broker, load) in enumerate(brokers):
                    row = measure(broker, load, mode, count)
                    if turn:  # the first warms both virtual machines up
                        rows[at].append(row)
            report(mode, *rows)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=40_000, help="in each run; a tenth of it where sends block")
    parser.add_argument("--modes", default=",".join((*FLOODS, BLOCKING)), help="comma separated; empty: none")
    parser.add_argument("--no-starts", action="store_true", help="leave start time and memory out")
    arguments = parser.parse_args()
    modes = [mode for mode in arguments.modes.split(",") if mode]
    if unknown := [mode for mode in modes if mode not in (*FLOODS, BLOCKING)]:
        parser.error(f"no such mode: {', '.join(unknown)} (there are: {', '.join((*FLOODS, BLOCKING))})")
    print("| what | | ours | Artemis | ours / Artemis |\n|---|---|---|---|---|", flush=True)
    with work_folder() as work:
        if not arguments.no_starts:
            starts(Path(work), arguments.rounds)
        if modes:
            floods(Path(work), arguments.rounds, arguments.messages, modes)


if __name__ == "__main__":
    main()
