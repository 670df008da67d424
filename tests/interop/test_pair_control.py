"""The control: the same kills, lanes and judges find what is wrong with a pair whose answers do not wait for the backup."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.usefixtures("java")]
ROOT = Path(__file__).parents[2]


def test_without_the_gate_messages_are_lost_and_it_is_said() -> None:
    command = "tests.interop.pair_kills --gate disk --held-back 30 --kills 3"
    done = subprocess.run(
        [sys.executable, "-m", *command.split()],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=600,
    )
    print(f"\n{done.stdout}")
    assert done.returncode == 1, done.stdout
    counts = re.search(r"lost (\d+), doubled (\d+), faults (\d+)", done.stdout)
    assert counts is not None, done.stdout
    assert int(counts[3]) > 10
    assert int(counts[1]) + int(counts[2]) > 0
