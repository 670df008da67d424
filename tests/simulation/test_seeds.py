"""No history breaks a promise: those of a fixed batch, and those of a batch that is new with each commit."""

from __future__ import annotations

import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.simulation.batch import ONCE, PAIR, SINGLE, fixed_batch

from corewire_server.cli.simulate import replay
from corewire_server.simulator.history import History, play

if TYPE_CHECKING:
    from corewire_server.simulator.scenario import Options

SECONDS = 6.0  # of the batch of a commit, for each kind
SECONDS_ONCE = 3.0  # likewise, where all clients want exactly-once

KINDS = {"single": SINGLE, "pair": PAIR, "single, once": ONCE, "pair, once": replace(ONCE, nodes=2)}

pytestmark = pytest.mark.slow


def told(history: History) -> str:
    return "\n".join([*map(str, history.violations), replay(history)])


def test_no_history_of_the_fixed_batch_breaks_a_promise() -> None:
    assert not [told(history) for history in fixed_batch() if history.violations]


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
def test_no_history_of_this_commit_breaks_a_promise(options: Options) -> None:
    first = _seed_of_the_commit()
    until = time.monotonic() + (SECONDS_ONCE if options.exactly_once else SECONDS)
    played = 0
    while time.monotonic() < until:
        history = play(first + played, options)
        played += 1
        assert not history.violations, told(history)
    print(f"{played} histories from seed {first}")


def _seed_of_the_commit() -> int:
    """So that a batch is new with each commit, and the same whenever it is tested."""
    try:
        words = ("git", "rev-parse", "HEAD")
        found = subprocess.run(words, capture_output=True, text=True, check=True, cwd=Path(__file__).parent)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("there is no repository")
    return int(found.stdout[:12], 16)
