"""Applications that ask for what our broker lacks: one that took it would be found."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.simulation.batch import LACKING

from corewire.errors import ErrorCode
from corewire_server.simulator import scenario
from corewire_server.simulator.history import play
from corewire_server.simulator.observer import Observer

if TYPE_CHECKING:
    import pytest

NEVER = 1 << 30


class Refusals(Observer):
    """Errors of sends."""

    def __init__(self) -> None:
        self.codes: set[ErrorCode | None] = set()
        self.confirmed_messages = 0

    def refused(self, now: int, client: str, producer: str, number: int, error: Exception) -> None:
        self.codes.add(getattr(error, "code", None))

    def confirmed(self, now: int, client: str, producer: str, number: int) -> None:
        self.confirmed_messages += 1


def test_large_messages_are_refused_and_small_ones_come() -> None:
    told = Refusals()
    histories = [play(seed, replace(LACKING, faults=()), observers=[told]) for seed in range(6)]
    assert not any(history.violations for history in histories)
    probes = {probe for history in histories for probe in history.probes}
    assert probes >= {"a large message was refused", "a distributed transaction was refused"}
    assert told.codes == {ErrorCode.NOT_IMPLEMENTED_EXCEPTION}
    assert told.confirmed_messages


def test_a_large_message_that_is_taken_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenario, "LARGE_FROM", NEVER)
    broken = [play(seed, LACKING).broken for seed in range(4)]
    assert "raised" in broken
