"""Applications that have something done once: what they tell of each try, and that a try's messages are its own."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from tests.simulation.batch import TRIES

from corewire.client._tries import TryOutcome
from corewire_server.simulator.history import play
from corewire_server.simulator.observer import Observer


class Told(Observer):
    """What became of tries and of messages."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.sent_by: Counter[tuple[str, int]] = Counter()
        self.refused_messages: set[tuple[str, int]] = set()
        self.came: Counter[tuple[str, int]] = Counter()

    def tried(self, now: int, client: str, producer: str, outcome: str, error: Exception | None) -> None:
        self.outcomes[outcome] += 1

    def sent(
        self, now: int, client: str, producer: str, number: int, queue: str, *, durable: bool, priority: int
    ) -> None:
        self.sent_by[producer, number] += 1

    def refused(self, now: int, client: str, producer: str, number: int, error: Exception) -> None:
        self.refused_messages.add((producer, number))

    def consumed(self, now: int, client: str, consumer: str, producer: str, number: int, queue: str) -> None:
        self.came[producer, number] += 1


def of_tries(seeds: range, nodes: int) -> list[Told]:
    """What was told in these histories, none of which broke a promise."""
    tales: list[Told] = []
    for seed in seeds:
        tales.append(Told())
        assert not play(seed, replace(TRIES, nodes=nodes), observers=[tales[-1]]).violations
    return tales


@pytest.mark.parametrize("nodes", [1, 2])
def test_no_message_of_a_try_is_one_of_another(nodes: int) -> None:
    tales = of_tries(range(12), nodes)
    assert all(set(told.sent_by.values()) == {1} for told in tales)
    assert all(set(told.came.values()) <= {1} for told in tales)
    assert not any(told.refused_messages & set(told.came) for told in tales)
    assert sum(told.outcomes[TryOutcome.AGAIN.name] for told in tales)


def test_without_faults_each_try_is_the_only_one() -> None:
    told = Told()
    assert not play(1, replace(TRIES, faults=()), observers=[told]).violations
    assert set(told.outcomes) == {TryOutcome.COMMITTED.name}
    assert not told.refused_messages
