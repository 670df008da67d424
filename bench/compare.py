"""
Ratios on a machine that others use too: the contestants take turns, and each round is compared with itself.

pytest-benchmark times ours; the others run in its setup of the same round, under the same clock, which counts the CPU time of
this process. What is reported is the median of the rounds' ratios.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from time import process_time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_benchmark.fixture import BenchmarkFixture

    Work = Callable[[], int]

ROUNDS = 15


@dataclass(frozen=True, slots=True)
class Line:
    """One comparison: nanoseconds per unit, ours first."""

    name: str
    ours_ns: float
    others: dict[str, tuple[float, float]]  # nanoseconds, ours / theirs
    checksum: int

    def __str__(self) -> str:
        others = "".join(f"   {name} {ns:,.0f} ns: ratio {ratio:.2f}" for name, (ns, ratio) in self.others.items())
        return f"{self.name:<44} ours {self.ours_ns:,.0f} ns{others}   (checksum {self.checksum})"


LINES: list[Line] = []
"""Of this run; printed at its end."""


def compare(
    benchmark: BenchmarkFixture,
    prepare: Callable[[], tuple[Work, Mapping[str, Work]]],
    *,
    name: str,
    units: int,
    rounds: int = ROUNDS,
) -> None:
    """
    Time the work that ``prepare`` makes anew for each round: ours, and by name what it is compared with.

    One call of a work does ``units`` things and returns a checksum; all contestants must return the same, in every round.
    """
    ours_s: list[float] = []
    others_s: dict[str, list[float]] = {}
    checksums: set[int] = set()

    def take(work: Work) -> float:
        began = process_time()
        checksums.add(work())
        return process_time() - began

    def setup() -> tuple[tuple[Work], dict[str, object]]:
        ours, others = prepare()
        for other, work in others.items():
            others_s.setdefault(other, []).append(take(work))
        return (ours,), {}

    def target(work: Work) -> None:
        ours_s.append(take(work))

    benchmark.pedantic(target, setup=setup, rounds=rounds, warmup_rounds=1)  # type: ignore[no-untyped-call]
    assert len(checksums) == 1, f"the contestants did different work: {checksums}"
    skip = min(1, len(ours_s) - 1)  # the warm-up
    scale = 1e9 / units
    LINES.append(
        Line(
            name,
            median(ours_s[skip:]) * scale,
            {
                other: (
                    median(theirs[skip:]) * scale,
                    median(a / max(b, 1e-9) for a, b in zip(ours_s[skip:], theirs[skip:], strict=True)),
                )
                for other, theirs in others_s.items()
            },
            checksums.pop(),
        )
    )
