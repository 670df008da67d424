"""
Two builds decide the same: ``python -m tests.simulation.same FOLDER [SEEDS]`` plays histories with the package of this environment
and with that which is installed in FOLDER, and compares what every core was given, kept and sent. Rare places (probes) are left
out: those of compiled code are not seen.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256

from tests.simulation.batch import JOINS, PAIR, SINGLE, TRIES

from corewire_server.core import broker
from corewire_server.simulator.history import play
from corewire_server.simulator.transcript import Detail

KINDS = (SINGLE, PAIR, JOINS, replace(TRIES, nodes=2))
SEEDS = "150"  # of each kind


def say(seeds: int) -> None:
    """Print where the broker comes from, then a line for each history."""
    print(broker.__file__)
    for kind, options in enumerate(KINDS):
        for seed in range(seeds):
            transcript = play(seed, options, detail=Detail.STEPS).transcript
            assert transcript is not None
            lines = [line for line in transcript.lines if "reached: " not in line]
            print(kind, seed, len(lines), sha256("\n".join(lines).encode()).hexdigest())


def main(folder: str, seeds: str = SEEDS) -> int:
    """Compare. Returns the exit code."""
    command = [sys.executable, "-m", "tests.simulation.same", "--say", seeds]
    builds = (dict(os.environ), os.environ | {"PYTHONPATH": folder})
    said = [subprocess.Popen(command, env=build, stdout=subprocess.PIPE, text=True) for build in builds]
    first, second = (process.communicate()[0].splitlines() for process in said)
    print(first[0], second[0], sep="\n")
    different = [one for one, other in zip(first[1:], second[1:], strict=True) if one != other]
    print(f"{len(first) - 1} histories, {len(different)} of them different", *different, sep="\n")
    return int(bool(different) or first[0] == second[0] or any(process.returncode for process in said))


if __name__ == "__main__":
    if sys.argv[1] == "--say":
        say(int(sys.argv[2]))
    else:
        sys.exit(main(*sys.argv[1:]))
