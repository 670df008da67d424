"""The demo: it keeps its promises, and says so if it does not."""

from __future__ import annotations

import subprocess
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest
from tests.interop.ours import PROGRAM

from corewire_server.cli import demo
from corewire_server.cli.report import attempt
from corewire_server.demo.broker import BrokerProcess
from corewire_server.demo.scenario import Outcome, Scenario
from corewire_server.demo.traffic import World
from corewire_transports.threads import connect

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.slow


def test_it_keeps_every_promise() -> None:
    began = time.monotonic()
    done = subprocess.run([str(PROGRAM), "demo"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    head, *lines = (line.split("\t") for line in done.stdout.splitlines())
    assert head == ["", "asyncio", "threads", "blocking", "all"]
    rows = {line[0]: line[1:] for line in lines}
    assert rows["sent"] == rows["confirmed"] == rows["delivered"]
    assert rows["lost"] == rows["doubled"] == rows["exceptions while links were cut"] == ["0"] * 4
    assert rows["order kept"] == ["yes"] * 4
    assert all(int(count) > 0 for count in rows["re-attachments"])
    assert all(int(ms) > 0 for name, row in rows.items() if name.startswith("ms until") for ms in row)
    assert "kill -9" in done.stderr
    print(done.stdout, f"{time.monotonic() - began:.1f} s")


class Thief(BrokerProcess):
    """Takes a message away from whom it was promised, just before the first end."""

    has_stolen = False

    def kill(self) -> None:
        if not self.has_stolen:
            self.has_stolen = True
            host, port = self.address
            with connect(f"tcp://{host}:{port}") as client, client.session() as session:
                assert session.consumer("demo.threads.one_by_one").receive(timeout=10)
        super().kill()


def with_thief(folder: Path, *, say: Callable[[str], None], seed: int) -> Outcome:
    return Scenario(Thief(folder / "data"), worlds=[World.THREADS], cuts_s=0.2, drain_s=1.0, seed=seed, say=say).play()


def test_it_ends_with_1_if_a_promise_is_broken(capsys: pytest.CaptureFixture[str]) -> None:
    assert demo.run(play=with_thief) == 1
    said = capsys.readouterr()
    assert "broken: demo.threads.one_by_one: 1 lost" in said.err
    assert "lost\t1\t1" in said.out


def test_it_says_why_it_cannot_begin(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "data").write_text("a file where a folder should be")
    broker = BrokerProcess(tmp_path / "data")
    code = attempt(partial(demo.run, play=lambda *_, **__: Scenario(broker).play()))
    assert code == 1
    assert "the broker did not start" in capsys.readouterr().err
