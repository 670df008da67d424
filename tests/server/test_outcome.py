"""What the demo makes of its ledgers: the table, the promises that were broken, and how the command ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from corewire.client.config import Endpoint
from corewire.errors import NotConnected, Unblocked
from corewire.events import FailedOver
from corewire_server.cli import demo
from corewire_server.demo.ledger import Ledger, Way
from corewire_server.demo.outcome import Outcome
from corewire_server.demo.traffic import Traffic, World

if TYPE_CHECKING:
    from collections.abc import Callable


def outcome(*, transparent: bool = True) -> Outcome:
    """Of two worlds with a stream each, in which ten messages came as they should."""
    traffics = [Traffic(world, "", [Ledger("q", Way.ONE_BY_ONE)]) for world in (World.ASYNCIO, World.THREADS)]
    for traffic in traffics:
        ledger = traffic.ledgers[0]
        for _ in range(10):
            number = ledger.begin()
            assert number is not None
            ledger.confirm([number])
            ledger.take(ledger.text(number), 0)
            ledger.settle(0)
    times = {World.ASYNCIO: [10.0, 30.4], World.THREADS: [20.0]}
    return Outcome(traffics, transparent, cuts=3, cut_ms=times, kill_ms={World.ASYNCIO: 99.6, World.THREADS: 80.0})


def run(found: Outcome) -> int:
    return demo.run(lambda *_, **__: found, quiet=True, seed=7)


def lose(found: Outcome) -> None:
    ledger = found.traffics[1].ledgers[0]
    ledger.begin()
    ledger.confirm([10])


def double(found: Outcome) -> None:
    found.traffics[1].ledgers[0].take("q#9", 0)


def disorder(found: Outcome) -> None:
    ledger = found.traffics[1].ledgers[0]
    ledger.begin()
    ledger.begin()
    ledger.take("q#11", 0)
    ledger.take("q#10", 0)


def redeliver(found: Outcome) -> None:
    ledger = found.traffics[1].ledgers[0]
    ledger.begin()
    ledger.take("q#10", 0)
    ledger.give_back()
    ledger.take("q#10", 0)


def throw(found: Outcome) -> None:
    found.traffics[1].ledgers[0].raised(Unblocked("?"), traced=True)


def make_anew(found: Outcome) -> None:
    found.traffics[1].events.append(FailedOver(Endpoint(), NotConnected("?"), 2, 0, 0.1))


def stick(found: Outcome) -> None:
    found.stuck = "q"


BREACHES: dict[Callable[[Outcome], None], str] = {
    lose: "q: 1 lost: [10]",
    double: "q: 1 doubled: [9]",
    disorder: "q: 1 out of order: [(10, 11)]",
    throw: "threads: 1 calls raised",
    redeliver: "threads: 1 messages redelivered",
    make_anew: "threads: 2 sessions made anew",
    stick: "it does not go on: q",
}


def test_kept_promises_end_with_0_and_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(outcome()) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert [line.split("\t") for line in said.out.splitlines()] == [
        ["", "asyncio", "threads", "all"],
        ["sent", "10", "10", "20"],
        ["confirmed", "10", "10", "20"],
        ["delivered", "10", "10", "20"],
        ["lost", "0", "0", "0"],
        ["doubled", "0", "0", "0"],
        ["order kept", "yes", "yes", "yes"],
        ["re-attachments", "0", "0", "0"],
        ["exceptions seen by the application", "0", "0", "0"],
        ["redelivered", "0", "0", "0"],
        ["ms until traffic flowed again, cut, median", "20", "20", "20"],
        ["ms until traffic flowed again, cut, longest", "30", "20", "30"],
        ["ms until traffic flowed again, kill -9", "100", "80", "100"],
    ]


@pytest.mark.parametrize("breach", BREACHES, ids=lambda breach: breach.__name__)
def test_each_broken_promise_of_a_pair_ends_with_1(
    breach: Callable[[Outcome], None], capsys: pytest.CaptureFixture[str]
) -> None:
    found = outcome()
    breach(found)
    assert run(found) == 1
    assert capsys.readouterr().err == f"broken: {BREACHES[breach]}\n"


def test_what_the_kill_of_a_single_broker_explains_breaks_no_promise(capsys: pytest.CaptureFixture[str]) -> None:
    found = outcome(transparent=False)
    for explained in (throw, redeliver, make_anew):
        explained(found)
    found.excused = found.raised()
    assert run(found) == 0
    rows = dict(line.split("\t", 1) for line in capsys.readouterr().out.splitlines())
    assert rows["exceptions while links were cut"] == "0\t0\t0"
    assert rows["redelivered"] == "0\t1\t1"
    throw(found)
    assert run(found) == 1
    assert "broken: threads: 1 calls raised while links were cut" in capsys.readouterr().err


def test_what_was_not_reached_has_no_number(capsys: pytest.CaptureFixture[str]) -> None:
    found = outcome()
    found.cut_ms, found.kill_ms = {}, {}
    stick(found)
    assert demo.run(lambda *_, **__: found, as_json=True, quiet=True) == 1
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert list(last.values()) == ["ms until traffic flowed again, kill -9", None, None, None]
