"""The simulator bites: what a slip of the pen would do is found within 200 seeds."""

from __future__ import annotations

import pytest
from tests.simulation.defects import SINGLE, Defect

from corewire_server.simulator.history import play

SEEDS = 200

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("defect", SINGLE, ids=lambda defect: defect.name)
def test_a_defect_is_found(defect: Defect, monkeypatch: pytest.MonkeyPatch) -> None:
    defect.apply(monkeypatch)
    assert next((seed for seed in range(SEEDS) if play(seed, defect.options).violations), None) is not None
