"""The benches do not rot: each runs here, with few units and without a clock. What they measure is asserted nowhere."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.interop import peers

ROOT = Path(__file__).parent.parent


def run(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_benches_have_a_folder_in_a_fresh_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "CACHE", tmp_path / ".cache" / "peers")
    with peers.work_folder() as folder:
        assert Path(folder).parent == tmp_path / ".cache" / "peers"
    assert not Path(folder).exists()


@pytest.mark.slow
def test_benches_run() -> None:
    files = sorted(str(path) for path in ROOT.glob("bench/bench_*.py"))
    assert len(files) == 5
    assert "failed" not in run("pytest", "-q", "--benchmark-disable", *files)


@pytest.mark.slow
@pytest.mark.interop
def test_both_brokers_are_measured() -> None:
    printed = run("bench.end_to_end", "--rounds", "1", "--messages", "300")
    for mode in (
        "process",
        "flood volatile",
        "flood durable",
        "confirmed volatile",
        "confirmed durable",
        "blocking durable",
    ):
        assert f"| {mode} |" in printed


@pytest.mark.slow
@pytest.mark.interop
def test_both_pairs_are_measured() -> None:
    printed = run("bench.pair", "--rounds", "1", "--messages", "50", "--kills", "1")
    for row in ("blocking, 1 producer", "blocking, 10 producers", "blocking, 50 producers", "async, 1 producer"):
        assert printed.count(f"| {row} | CPU us/message |") == 2
    for who in ("ours", "Artemis"):
        assert f"| {who}, 1 kills |" in printed
