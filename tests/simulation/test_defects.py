"""The simulator bites: what a slip of the pen would do is found within 200 seeds, and it is the slip that is found."""

from __future__ import annotations

import pytest
from tests.simulation.defects import PAIR, SINGLE, Defect

from corewire_server.simulator.history import play

SEEDS = 200

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("defect", [*SINGLE, *PAIR], ids=lambda defect: defect.name)
def test_a_defect_is_found(defect: Defect) -> None:
    with pytest.MonkeyPatch.context() as patch:
        defect.apply(patch)
        seed = next((seed for seed in range(SEEDS) if play(seed, defect.options).violations), None)
    assert seed is not None
    assert not play(seed, defect.options).violations
