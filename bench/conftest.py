"""Sizes, and the ratios at the end of a run."""

from __future__ import annotations

import pytest
from bench.compare import LINES


@pytest.fixture
def size(request: pytest.FixtureRequest) -> int:
    """How many units a round has, about: few where nothing is timed, as in the test suite."""
    return 50 if request.config.getoption("benchmark_disable") else 5_000


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print what was compared."""
    if LINES and not config.getoption("benchmark_disable"):
        terminalreporter.section("ratios, medians of rounds; CPU time per unit")
        for line in LINES:
            terminalreporter.write_line(str(line))
