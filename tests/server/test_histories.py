"""The core is a function of its inputs: the same on every machine, whatever bytes come."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from tests.server.captures import FOLDER, recorded_config
from tests.server.histories import digests, mutated, recorded

from corewire_server.core import Broker

ROOT = Path(__file__).parents[2]
SCENARIOS = sorted(path.stem for path in FOLDER.glob("*.txt"))


def _run(hash_seed: int) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tests.server.histories", "1", "2"],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.mark.slow
def test_two_processes_with_different_hash_seeds_do_the_same_at_every_step() -> None:
    one, other = _run(1), _run(4_000_000_000)
    assert one.count("\n") > 10_000
    assert one == other


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_no_bytes_make_an_exception_leave_step(scenario: str) -> None:
    history, config = recorded(scenario), recorded_config(scenario)
    for seed in range(3):
        broker = Broker(config)
        for now, item in mutated(history, random.Random(seed)):
            broker.step(now, item)


@pytest.mark.parametrize("scenario", ["jms-topic", "reattach-two-sessions", "ack-transacted"])
def test_a_snapshot_in_a_spoilt_history_goes_on_alike(scenario: str) -> None:
    config = recorded_config(scenario)
    history = mutated(recorded(scenario), random.Random(7))
    wanted = digests(history, config)
    for cut in range(0, len(history), 9):
        broker = Broker(config)
        for now, item in history[:cut]:
            broker.step(now, item)
        copy = Broker.restore(config, broker.snapshot())
        for now, item in history[cut:]:
            copy.step(now, item)
        assert f"{copy.effects_digest.hex()} {copy.digest().hex()}" == wanted[-1]
