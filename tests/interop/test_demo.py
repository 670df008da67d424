"""The demo, with a pair and with one broker: it keeps its promises, and says so if it does not."""

from __future__ import annotations

import subprocess
import threading
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest
from tests.interop.ours import PROGRAM

from corewire_server.cli import demo
from corewire_server.cli.report import attempt
from corewire_server.demo.broker import BrokerProcess
from corewire_server.demo.pair import Pair
from corewire_server.demo.scenario import Scenario
from corewire_server.demo.single import Single
from corewire_server.demo.traffic import World
from corewire_transports.threads import connect

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from corewire_server.demo.outcome import Outcome
    from corewire_server.demo.scenario import Subject

pytestmark = [pytest.mark.interop, pytest.mark.slow]

STREAM = "demo.threads.one_by_one"


def play(*options: str) -> dict[str, list[str]]:
    """
    As users do; what every table of a success says is checked. Returns its rows.

    How long it takes is only printed: other tests have the processors, too. ``tests/campaign`` holds it to its promise.
    """
    began = time.monotonic()
    done = subprocess.run([str(PROGRAM), "demo", *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "kill -9" in done.stderr
    print(done.stdout, f"{time.monotonic() - began:.1f} s")
    head, *lines = (line.split("\t") for line in done.stdout.splitlines())
    assert head == ["", "asyncio", "threads", "blocking", "all"]
    rows = {line[0]: line[1:] for line in lines}
    assert rows["sent"] == rows["confirmed"] == rows["delivered"]
    assert rows["lost"] == rows["doubled"] == ["0"] * 4
    assert rows["order kept"] == ["yes"] * 4
    assert all(int(count) > 0 for count in rows["re-attachments"])
    assert all(int(ms) > 0 for name, row in rows.items() if name.startswith("ms until") for ms in row)
    return rows


def test_no_application_notices_anything_of_a_pair() -> None:
    rows = play()
    assert rows["exceptions seen by the application"] == rows["redelivered"] == ["0"] * 4


def test_one_broker_tells_its_clients_what_may_have_happened() -> None:
    rows = play("--single")
    assert rows["exceptions while links were cut"] == ["0"] * 4
    assert "exceptions seen by the application" not in rows


def steal(address: str) -> None:
    """Take a message away from whom it was promised."""
    with connect(address) as client, client.session() as session:
        assert session.consumer(STREAM).receive(timeout=10)


class RobbedPair(Pair):
    """Somebody steals just before the kill."""

    def kill(self) -> float:
        steal(self.address)
        return super().kill()


class RobbedBroker(Single):
    """Likewise."""

    def kill(self) -> float:
        steal(self.address)
        return super().kill()


@pytest.mark.parametrize("rob", [RobbedPair, lambda folder: RobbedBroker(BrokerProcess(folder / "data"))])
def test_it_ends_with_1_if_a_promise_is_broken(
    rob: Callable[[Path], Subject], capsys: pytest.CaptureFixture[str]
) -> None:
    def robbed(folder: Path, *, say: Callable[[str], None], seed: int) -> Outcome:
        return Scenario(rob(folder), worlds=[World.THREADS], cuts_s=0.2, drain_s=4.0, say=say).play()

    assert demo.run(robbed) == 1
    said = capsys.readouterr()
    assert f"broken: {STREAM}: 1 lost" in said.err
    assert "lost\t1\t1" in said.out
    assert not [thread.name for thread in threading.enumerate() if STREAM in thread.name]


def test_it_says_why_it_cannot_begin(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("data", "one"):
        (tmp_path / name).write_text("a file where a folder should be")
    for subject in (Pair(tmp_path), Single(BrokerProcess(tmp_path / "data"))):
        assert attempt(partial(demo.run, lambda *_, subject=subject, **__: Scenario(subject).play())) == 1
        assert "the broker did not start: error: " in capsys.readouterr().err
