"""The demo keeps its promise of time, on a machine that has nothing else to do."""

from __future__ import annotations

import time

import pytest
from tests.interop.test_demo import play

PROMISED_S = 20.0  # once installed


@pytest.mark.parametrize("options", [(), ("--single",)], ids=["pair", "single"])
def test_demo_is_over_in_time(options: tuple[str, ...]) -> None:
    began = time.monotonic()
    play(*options)
    assert time.monotonic() - began < PROMISED_S
