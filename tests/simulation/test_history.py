"""A history is played under the eyes of checkers, and what it raises is one more finding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from corewire._channel import Channel
from corewire_server.core import Broker
from corewire_server.simulator.checkers.checker import Checker
from corewire_server.simulator.chorus import Chorus
from corewire_server.simulator.history import RAISED, play
from corewire_server.simulator.observer import Observer
from corewire_server.simulator.scenario import Options

if TYPE_CHECKING:
    import pytest


class NoThirdMessage(Checker):
    rule = "no third"

    def sent(self, now: int, client: str, producer: str, number: int, queue: str, **kind: Any) -> None:
        if number == 2:
            self.broken(now, f"{producer} sends a third message")


def test_a_checker_of_ones_own_judges() -> None:
    found = next(
        history
        for seed in range(20)
        if (history := play(seed, Options(faults=()), checkers=[NoThirdMessage])).violations
    )
    assert found.broken == "no third"


def test_what_is_raised_is_told_with_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(self: Broker) -> None:
        raise ZeroDivisionError("of the core")

    monkeypatch.setattr(Broker, "next_timeout", stumble)
    history = play(1)
    assert history.broken == RAISED
    assert history.violations[0].text == "ZeroDivisionError: of the core (in stumble, test_history.py)"


def test_nothing_is_left_wrapped_behind_a_history() -> None:
    resume = Channel.resume
    play(1)
    assert Channel.resume is resume


def test_a_chorus_tells_each_what_it_hears_and_nobody_else() -> None:
    class Hears(Observer):
        def __init__(self) -> None:
            self.heard: list[int] = []

        def calm(self, now: int) -> None:
            self.heard.append(now)

    one, other = Hears(), Hears()
    chorus = Chorus([one, Observer(), other])
    chorus.calm(3)
    chorus.log(4, "a", "info", "nobody listens")
    assert one.heard == other.heard == [3]
    alone = Chorus([one])
    alone.calm(5)
    assert one.heard == [3, 5]
