"""A broker that stands still for longer than the time to live of its clients, as on a machine that sleeps: nobody is given up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.interop.cutting import await_progress
from tests.interop.lanes import RESILIENT, JavaLanes, faults

if TYPE_CHECKING:
    from tests.interop.ours import OurBroker

LANES = "core.blocking,core.async,core.tx,core.temporary,jms.auto,jms.client,jms.tx,jms.topic,jms.durable"


@pytest.mark.slow
@pytest.mark.usefixtures("java")
def test_java_clients_go_on_when_the_broker_wakes_up(our_broker: OurBroker) -> None:
    url = f"{our_broker.url}{RESILIENT}&connectionTTL=2000&clientFailureCheckPeriod=500"
    with JavaLanes(url, LANES, count=0, seconds=120) as java:
        await_progress(java, 60)
        our_broker.freeze(6)
        await_progress(java, 60)
        java.stop()
        result = java.result()
    assert not faults(result)
    assert "nothing came" not in our_broker.log
