"""Unmodified Java applications against our broker: everything that a JMS 1.1 application uses, and the core API beneath it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.interop.lanes import JavaLanes, faults
from tests.interop.peers import ARTEMIS, OLDER_CLIENT

if TYPE_CHECKING:
    from tests.interop.artemis import Artemis
    from tests.interop.ours import OurBroker

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("java")]


def run(url: str, lanes: str, count: int, version: str) -> None:
    with JavaLanes(url, lanes, count=count, version=version, seconds=240) as java:
        result = java.result()
    assert not faults(result)
    numbered = [lane for lane in result.values() if lane["sent"] >= count]
    assert len(numbered) >= len(result) // 2, "most lanes are streams of numbered messages"
    assert all(lane["steps"] for lane in result.values()), "each lane checked something"


@pytest.mark.parametrize(("version", "count"), [(ARTEMIS, 10_000), (OLDER_CLIENT, 2_000)])
def test_every_lane_is_served(our_broker: OurBroker, version: str, count: int) -> None:
    run(our_broker.url, "core.,jms.", count, version)


def test_the_lanes_expect_what_a_real_broker_does(artemis: Artemis) -> None:
    run(artemis.url, "core.,jms.", 500, ARTEMIS)
