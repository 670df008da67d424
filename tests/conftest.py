"""Rules for every test."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

PROCESSES = "tests/interop/"
PAIRS = f"{PROCESSES}test_pair_"


class Rows(LoadScopeScheduling):  # type: ignore[misc]  # it has no types
    """
    Where there are several runners: which tests one of them takes, one after the other.

    A row is a file. All that have a pair of brokers are one row: two pairs and their clients at once are too much for two cores.
    """

    def _split_scope(self, nodeid: str) -> str:
        return PAIRS if nodeid.startswith(PAIRS) else nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Rows:
    """Have rows."""
    return Rows(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest row, then let those come that mostly wait: the others are short enough to fill what is left."""
    items.sort(key=lambda item: (not item.nodeid.startswith(PAIRS), not item.nodeid.startswith(PROCESSES)))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Long runs are for those who name their folder."""
    if collection_path.name == "campaign" and not any("campaign" in argument for argument in config.args):
        return True
    return None


# A busy machine is not a failure: no example has a deadline of its own, the run has one (pyproject.toml).
# In CI the examples are the same in every run, so that a landing never fails at random; elsewhere they are new each time.
settings.register_profile("patient", deadline=None, derandomize=os.environ.get("CI") == "true")
settings.load_profile("patient")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where CI=true, an interop test that did not execute is a failure: nobody reads the skips of a green run."""
    report = yield
    if report.skipped and os.environ.get("CI") == "true" and item.get_closest_marker("interop"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"an interop test did not execute: {reason}"
    return report
