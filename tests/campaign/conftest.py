"""The peers of ``tests/interop``, for long."""

from __future__ import annotations

import pytest
from tests.interop.conftest import artemis, java, our_broker

__all__ = ["artemis", "java", "our_broker"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "campaign" in item.path.parts:
            item.add_marker(pytest.mark.interop)
            item.add_marker(pytest.mark.timeout(7200))
