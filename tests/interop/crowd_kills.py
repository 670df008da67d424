"""
Kill who serves, again and again, under workers that compete for one queue through `transact`: ``python -m tests.interop.crowd_kills
KIND --kills 30``.

One program in each world has workers, each with a client of its own; one fills the queue. In the end a Java client counts what
they forwarded: each number once. Order is not promised to those who compete.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.interop.exactly_once_kills import OPTIONS, Kind, Program, await_progress, judge
from tests.interop.worlds import World

from corewire_transports.blocking import connect

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.interop.exactly_once_kills import Judged

NAME = "crowd"
WORKERS = 2  # of each program


def run(kind: Kind, folder: Path, kills: int, worlds: Sequence[World] = tuple(World)) -> Judged:
    """Kill so often; what came of it."""
    with kind.pair(folder) as pair:
        url = f"{pair.address}?{OPTIONS}"
        with connect(url) as client, client.session() as session:
            for part in ("work", "done"):
                session.create_queue(f"{NAME}.{part}")
        feeder = member(World.THREADS, url, "feed", WORKERS * len(worlds))
        workers = [member(world, url, "work", WORKERS) for world in worlds]
        try:
            for _ in range(kills):
                await_progress([feeder, *workers])
                pair.kill_primary()
                await_progress([feeder, *workers])
                pair.mend()
            await_progress([feeder, *workers])
            count = feeder.stop()
            forwarded = sum(worker.stop() for worker in workers)
        finally:
            for program in (feeder, *workers):
                program.close()
        assert forwarded == count, f"{forwarded} of {count} are said to be forwarded"
        [judged] = judge(pair.address, {f"{NAME}.done": count})
        return judged


def member(world: World, url: str, role: str, workers: int) -> Program:
    """A program of the crowd."""
    return Program(f"{role} in {world.value}", "crowd_program", url, world.value, NAME, role, str(workers))


def main() -> int:
    """Print what came of it; 1 if anything did that must not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", type=Kind, choices=list(Kind), metavar="|".join(kind.value for kind in Kind))
    parser.add_argument("--kills", type=int, default=30)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        judged = run(arguments.kind, Path(folder), arguments.kills)
    print(judged)
    return 1 if judged.missing or judged.doubled else 0


if __name__ == "__main__":
    sys.exit(main())
