"""
Our client in its worlds, stomp.py and python-qpid-proton, one real Artemis: ``python -m bench.clients`` (or ``make bench-clients``).

Non-durable messages of 100 bytes: all are sent, then all are received, each acknowledged. Clients take turns, each run is a process
of its own, and what is printed are medians over the rounds: CPU of the client process per message, and rates. Nothing is asserted but
that every message came.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Final

from tests.interop.artemis import Artemis
from tests.interop.peers import work_folder

ROOT: Final = Path(__file__).parents[2]
#: What is printed, and the program with its world.
CLIENTS: Final = {
    "corewire, asyncio": ("ours", "asyncio"),
    "corewire, trio": ("ours", "trio"),
    "corewire, threads": ("ours", "threads"),
    "corewire, blocking": ("ours", "blocking"),
    "stomp.py": ("stomp_client", ""),
    "python-qpid-proton": ("proton_client", ""),
}
LIMIT_S: Final = 300.0

Row = dict[str, float]


def run(client: str, port: int, messages: int) -> Row:
    """One client, once. Raises CalledProcessError where it failed."""
    program, world = CLIENTS[client]
    command = [sys.executable, "-m", f"bench.clients.{program}", "127.0.0.1", str(port), str(messages), world]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True, timeout=LIMIT_S)
    row: Row = json.loads(done.stdout)
    row["CPU us/message"] = row["send CPU us/message"] + row["receive CPU us/message"]
    return row


def report(rows: dict[str, list[Row]]) -> None:
    """Medians, and ours against the others."""
    names = (
        "send CPU us/message",
        "receive CPU us/message",
        "CPU us/message",
        "send k messages/s",
        "receive k messages/s",
    )
    print(f"| client | {' | '.join(names)} | / stomp.py | / proton |\n|---|---|---|---|---|---|---|---|")
    sums = {client: median(row["CPU us/message"] for row in each) for client, each in rows.items()}
    for client, each in rows.items():
        cells = " | ".join(f"{median(row[name] for row in each):.3g}" for name in names)
        ratios = (sums[client] / sums[other] for other in ("stomp.py", "python-qpid-proton"))
        print(f"| {client} | {cells} | {' | '.join(f'{ratio:.2f}' for ratio in ratios)} |", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=20_000)
    arguments = parser.parse_args()
    rows: dict[str, list[Row]] = {client: [] for client in CLIENTS}
    with work_folder() as work:
        artemis = Artemis(Path(work) / "artemis", "protocols")
        artemis.create()
        artemis.start()
        try:
            artemis.wait()
            for turn in range(arguments.rounds + 1):
                for client, each in rows.items():
                    row = run(client, artemis.port, arguments.messages)
                    if turn:  # the first warms the virtual machine up
                        each.append(row)
        finally:
            artemis.stop()
    report(rows)


if __name__ == "__main__":
    main()
