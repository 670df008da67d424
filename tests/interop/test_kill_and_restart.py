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


def kill_under_load(broker: OurBroker, parameters: str, kills: int) -> None:
    """Kill and restart ``broker`` so many times under the program `Crash`, and judge its ledgers."""
    rng = random.Random(kills)
    with JavaProgram("Crash", broker.url + parameters, seconds=60 + 10 * kills) as java:
        for _ in range(kills):
            await_progress(java, 60)
            broker.wait(rng.uniform(0, 0.3))
            broker.kill()
            broker.start()
        await_progress(java, 60)
        java.stop()
        result = java.result()
    print(result, [line for line in java.output if line.startswith("RAISED")])
    assert not faults(result)
    assert all(lane["confirmed"] > kills for lane in result.values())
    assert sum(lane["redelivered"] for lane in result.values()) > 0, "kills came while messages were in hand"


@pytest.mark.parametrize(
    ("parameters", "kills"), [(RESILIENT, 20), ("?reconnectAttempts=0", 5)], ids=["reconnecting", "plain"]
)
def test_what_was_answered_holds(our_broker: OurBroker, parameters: str, kills: int) -> None:
    kill_under_load(our_broker, parameters, kills)
