"""
Our pair and a real replicated pair of Artemis, one Java program: ``python -m bench.pair``.

Both pairs run from the beginning, and take turns: in every round each gets the same work, and what is printed are medians over
the rounds, and ours divided by Artemis'. Then who serves is killed, again and again, under one blocking producer and its
consumer: printed is the time from the kill to the end of the consumer's silence. Nothing is asserted but that, while nobody is
killed, every message came once and in order.
"""

from __future__ import annotations

import argparse
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING

from bench.end_to_end import report
from bench.pairs import Program, cpu_s, ours, single, theirs
from bench.peers import compiled
from tests.interop.peers import work_folder

if TYPE_CHECKING:
    from bench.end_to_end import Row
    from bench.pairs import Contestant

# Mode, producers, and messages of each as a share of --messages.
WORK = (("blocking", 1, 0.2), ("blocking", 10, 0.06), ("blocking", 50, 0.02), ("async", 1, 1.0))
CALM_S = 1.0
SILENCE_S = 30.0  # how long a failover may take, as seen by a client that waits for its call timeout


def measure(contestant: Contestant, program: Program, mode: str, producers: int, each: int) -> Row:
    """One run: what the client saw, and what it cost all nodes."""
    before = cpu_s(contestant)
    answer = program.run(mode, producers, each)
    spent = cpu_s(contestant) - before
    messages = producers * each
    return {
        "k messages/s": messages / answer.seconds / 1000,
        "CPU us/message": spent / messages * 1e6,
        "p50 us": answer.p50_us,
        "p99 us": answer.p99_us,
    }


def title(mode: str, producers: int) -> str:
    """Of a row."""
    return f"{mode}, {producers} producer{'s' if producers > 1 else ''}"


def compare(entrants: list[tuple[Contestant, Program]], rounds: int, messages: int) -> None:
    """All work, both in turn."""
    for mode, producers, share in WORK:
        rows: list[list[Row]] = [[] for _ in entrants]
        for turn in range(rounds + 1):
            for at, (contestant, program) in enumerate(entrants):
                row = measure(contestant, program, mode, producers, max(1, int(messages * share)))
                if turn:  # the first warms the virtual machines up
                    rows[at].append(row)
        report(title(mode, producers), *rows)


def fail_over(name: str, contestant: Contestant, program: Program, kills: int) -> None:
    """Kill who serves so many times."""
    program.flow()
    outages: list[float] = []
    for _ in range(kills):
        time.sleep(CALM_S)
        program.mark()
        at = contestant.kill()
        outages.append(silence_behind(program, at))
        contestant.mend()
    raised = program.since()[2]
    ninth = quantiles(outages, n=10, method="inclusive")[-1] if len(outages) > 1 else outages[0]
    print(
        f"| {name}, {kills} kills | {median(outages):.3f} | {ninth:.3f} | {max(outages):.3f} | {raised} |", flush=True
    )


def silence_behind(program: Program, at: float) -> float:
    """Seconds from ``at`` to the end of the longest silence, once it is over."""
    deadline = time.monotonic() + 2 * SILENCE_S
    while True:
        time.sleep(CALM_S / 2)
        _, end, _ = program.since()
        if end > at:
            time.sleep(CALM_S / 2)  # a longer one may follow
            return program.since()[1] - at
        if time.monotonic() > deadline:
            raise TimeoutError("nothing comes any more")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--messages", type=int, default=20_000, help="of one asynchronous producer; less where sends block"
    )
    parser.add_argument("--kills", type=int, default=20, help="of each pair; 0: none")
    arguments = parser.parse_args()
    with work_folder() as work, ExitStack() as stack:
        folder = Path(work)
        (folder / "classes").mkdir()
        classes = compiled(folder / "classes", "Pairs")

        def enter(contestant: Contestant) -> tuple[Contestant, Program]:
            return contestant, stack.enter_context(Program(contestant.url, classes))

        mine = enter(stack.enter_context(ours(folder / "ours")))
        others = enter(stack.enter_context(theirs(folder / "theirs")))
        if arguments.rounds:
            print("| what | | ours | Artemis | ours / Artemis |\n|---|---|---|---|---|", flush=True)
            compare([mine, others], arguments.rounds, arguments.messages)
            print("\n| what | | pair | single | pair / single |\n|---|---|---|---|---|", flush=True)
            alone = enter(stack.enter_context(single(folder / "single")))
            compare([mine, alone], arguments.rounds, arguments.messages)
        if arguments.kills:
            print("\n| failover, s | median | 90 % | worst | calls that raised |\n|---|---|---|---|---|", flush=True)
            fail_over("ours", *mine, arguments.kills)
            fail_over("Artemis", *others, arguments.kills)


if __name__ == "__main__":
    main()
