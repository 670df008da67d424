"""The peers of ``tests/interop``, for long."""

from __future__ import annotations

import pytest
from tests.interop import worlds
from tests.interop.conftest import artemis, java, our_broker

__all__ = ["artemis", "java", "our_broker"]
LANE_S = 3600.0


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole counts take longer than those of CI."""
    monkeypatch.setattr(worlds, "LANE_S", LANE_S)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "campaign" in item.path.parts:
            item.add_marker(pytest.mark.interop)
            item.add_marker(pytest.mark.timeout(7200))
