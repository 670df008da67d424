"""Our broker killed with SIGKILL under load and started again on its journal: what it had answered holds."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from tests.interop.cutting import await_progress
from tests.interop.lanes import RESILIENT, JavaProgram, faults

if TYPE_CHECKING:
    from tests.interop.ours import OurBroker

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("java")]
KILLS = 20


@pytest.mark.parametrize("parameters", [RESILIENT, "?reconnectAttempts=0"], ids=["reconnecting", "plain"])
def test_what_was_answered_holds(our_broker: OurBroker, parameters: str) -> None:
    rng = random.Random(KILLS)
    with JavaProgram("Crash", our_broker.url + parameters, seconds=240) as java:
        for _ in range(KILLS):
            await_progress(java, 60)
            our_broker.wait(rng.uniform(0, 0.3))
            our_broker.kill()
            our_broker.start()
        await_progress(java, 60)
        java.stop()
        result = java.result()
    print(result, [line for line in java.output if line.startswith("RAISED")])
    assert not faults(result)
    assert all(lane["confirmed"] > KILLS for lane in result.values())
    assert sum(lane["redelivered"] for lane in result.values()) > 0, "kills came while messages were in hand"
