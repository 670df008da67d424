"""Exactly-once in histories: no call fails, and nothing comes twice; without the ids, or without sending again, that is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from corewire.client import _topology, message
from corewire.client._session import Session
from corewire.client.verbs import _sending
from corewire_server.cli import main
from corewire_server.cli.simulate import replay
from corewire_server.simulator.checkers import CHECKERS, ExactlyOnce, checkers_of
from corewire_server.simulator.history import play
from corewire_server.simulator.scenario import Options
from corewire_server.simulator.transcript import Detail

if TYPE_CHECKING:
    from collections.abc import Iterable

WITH_KILLS = Options(workload="send", exactly_once=True, faults=("kill", "power"), messages=20)


def broken(seeds: Iterable[int], options: Options) -> list[str]:
    """What went wrong in the histories of these seeds."""
    histories = [play(seed, options) for seed in seeds]
    return [str(violation) for history in histories for violation in history.violations]


@pytest.mark.parametrize("workload", ["send", None])
@pytest.mark.parametrize("nodes", [1, 2])
def test_no_call_fails_and_nothing_comes_twice(nodes: int, workload: str | None) -> None:
    assert broken(range(12), Options(nodes=nodes, workload=workload, exactly_once=True)) == []


@pytest.mark.parametrize(("workload", "looks"), [("send", True), (None, True), ("transact", False), ("request", False)])
def test_the_checker_looks_where_so_much_is_promised(workload: str | None, looks: bool) -> None:
    options = Options(workload=workload, exactly_once=True)
    assert checkers_of(options) == (*CHECKERS, *[ExactlyOnce] * looks)
    assert checkers_of(Options(workload=workload)) == CHECKERS


def test_it_is_played_and_played_again_from_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    history = play(11600, Options(nodes=2, workload="send", exactly_once=True, every_option=True), detail=Detail.STORY)
    command = replay(history)
    assert command == "corewire simulate --seed 11600 --nodes 2 --exactly-once --every-option --workload send"
    assert main([*command.split()[1:], "--verbose", "--quiet"]) == 0
    said = capsys.readouterr()
    assert said.err == f"replay: {command}\n"
    assert history.transcript is not None
    assert [line for line in history.transcript.lines if line not in said.out.splitlines()] == []


def test_a_broken_promise_of_it_ends_the_command_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    leave_alone(monkeypatch)
    words = ["--faults", "kill,power", "--messages", "20", "--workload", "send", "--nodes", "1", "--seeds", "12"]
    assert main(["simulate", *words, "--quiet"]) == 0
    assert main(["simulate", *words, "--quiet", "--exactly-once"]) == 1


def test_what_it_does_not_promise_is_not_played_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--exactly-once", "--workload", "transact"]) == 2
    assert "--exactly-once and --workload transact exclude each other" in capsys.readouterr().err


def leave_alone(patch: pytest.MonkeyPatch) -> None:
    """Clients send nothing again."""
    begin = Session.__init__

    def begin_without(session: Session, *args: Any, **fields: Any) -> None:
        begin(session, *args, **fields)
        session.sends_again = False

    patch.setattr(Session, "__init__", begin_without)


def test_without_sending_again_senders_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    leave_alone(monkeypatch)
    told = broken(range(12), WITH_KILLS)
    assert any("was told Unblocked" in each for each in told)
    assert {each.partition(": ")[0] for each in told} == {ExactlyOnce.rule}  # no other rule has a word against it


def test_without_ids_what_is_sent_again_comes_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_id(*args: Any, duplicate_id: str | None, **fields: Any) -> bytes:
        return message.encode(*args, **fields)

    monkeypatch.setattr(_sending, "encode", without_id)
    assert any("which its client had already" in each for each in broken(range(30), WITH_KILLS))


def test_a_broker_not_ours_is_survived_by_new_sessions_behind_the_fence(monkeypatch: pytest.MonkeyPatch) -> None:
    """One consumer: others, in other programs, may get what it had."""
    monkeypatch.setattr(_topology, "OUR_NODE_ID_PREFIX", "nobody's")
    for nodes in (1, 2):
        options = Options(nodes=nodes, workload="send", exactly_once=True, applications=1)
        assert broken(range(12), options) == []
