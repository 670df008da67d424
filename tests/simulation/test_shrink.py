"""What fails is made smaller as long as the same promise is broken, in bounded time, and always to the same."""

from __future__ import annotations

from dataclasses import replace

from corewire_server.simulator.checkers import Violation
from corewire_server.simulator.history import History
from corewire_server.simulator.scenario import Options
from corewire_server.simulator.shrink import candidates, shrink

BIG = Options(nodes=2, failures=3, messages=8, applications=2)


def history(seed: int, options: Options, *, faults: tuple[str, ...], rule: str | None = "lost") -> History:
    violations = () if rule is None else (Violation(1, rule, "something"),)
    return History(
        seed=seed,
        options=options,
        violations=violations,
        probes=frozenset(),
        faults=faults,
        events=1,
        transcript=None,
    )


def needs_a_kill(seed: int, options: Options) -> History:
    """Breaks where a kill may happen and two messages are sent, by an even seed."""
    kinds = ("kill", "cut") if options.faults is None else options.faults
    breaks = "kill" in kinds and options.messages >= 2 and seed % 2 == 0
    return history(seed, options, faults=kinds, rule="lost" if breaks else None)


def test_only_what_is_needed_is_left() -> None:
    found = shrink(history(7, BIG, faults=("cut", "healed", "kill")), play=needs_a_kill)
    assert found.options == replace(BIG, faults=("kill",), failures=1, messages=2, applications=1)
    assert found.broken == "lost"
    assert found.seed % 2 == 0


def test_clients_become_as_most_are() -> None:
    found = shrink(history(7, replace(BIG, every_option=True), faults=("cut", "kill")), play=needs_a_kill)
    assert not found.options.every_option


def test_another_rule_is_another_failure() -> None:
    def other(seed: int, options: Options) -> History:
        return history(seed, options, faults=("kill",), rule="order")

    begin = history(7, BIG, faults=("kill",))
    assert shrink(begin, play=other) is begin


def test_it_ends() -> None:
    played: list[int] = []

    def never(seed: int, options: Options) -> History:
        played.append(seed)
        return history(seed, options, faults=(), rule=None)

    begin = history(7, BIG, faults=("kill", "cut"))
    assert shrink(begin, tries_max=25, play=never) is begin
    assert len(played) == 25


def test_nothing_is_wrong_with_what_breaks_nothing() -> None:
    fine = history(7, BIG, faults=("kill",), rule=None)
    assert shrink(fine) is fine


def test_every_candidate_is_smaller() -> None:
    for options in candidates(history(7, BIG, faults=("kill", "cut"))):
        assert options != BIG
        assert options.failures <= BIG.failures
        assert options.messages <= BIG.messages
        assert options.applications <= BIG.applications
