"""Exactly-once in histories: no call fails, and nothing comes twice; without the ids, or without sending again, that is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from corewire.client import _topology, message
from corewire.client._session import Session
from corewire.client.verbs import _sending
from corewire_server.simulator.checkers import CHECKERS, ExactlyOnce
from corewire_server.simulator.history import play
from corewire_server.simulator.scenario import Options

if TYPE_CHECKING:
    from collections.abc import Iterable

WITH_KILLS = Options(workload="send", exactly_once=True, faults=("kill", "power"), messages=20)


def broken(seeds: Iterable[int], options: Options) -> list[str]:
    """What went wrong in the histories of these seeds."""
    histories = [play(seed, options, checkers=[*CHECKERS, ExactlyOnce]) for seed in seeds]
    return [str(violation) for history in histories for violation in history.violations]


@pytest.mark.parametrize("nodes", [1, 2])
def test_no_call_fails_and_nothing_comes_twice(nodes: int) -> None:
    assert broken(range(12), Options(nodes=nodes, workload="send", exactly_once=True)) == []


def test_without_sending_again_senders_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    begin = Session.__init__

    def begin_without(session: Session, *args: Any, **fields: Any) -> None:
        begin(session, *args, **fields)
        session.sends_again = False

    monkeypatch.setattr(Session, "__init__", begin_without)
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
