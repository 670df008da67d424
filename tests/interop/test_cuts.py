"""Links cut and stalled under unmodified Java clients with a confirmation window: they must notice nothing."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

import pytest
from tests.interop.cutting import cut_under
from tests.interop.lanes import RESILIENT, JavaLanes, faults
from tests.interop.peers import ARTEMIS, OLDER_CLIENT

from corewire_server.proxy import Proxy

if TYPE_CHECKING:
    from tests.interop.ours import OurBroker

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.usefixtures("java")]
# Clients as old as 2.19 take any answer for that of a blocking call, with every broker: a send's for the commit's.
CONFUSED = "-core.duplicates,-core.refused"
# Silence is noticed after the time to live only: let it not be the minute that clients allow by default.
IMPATIENT = "&connectionTTL=3000&clientFailureCheckPeriod=500"


def cut_links_of(broker: OurBroker, lanes: str, version: str, cuts: int, stall_every: int) -> None:
    """Run lanes through a proxy that cuts their links so many times; they must notice nothing."""
    with Proxy(("127.0.0.1", broker.port), seed=cuts) as proxy:
        url = f"tcp://127.0.0.1:{proxy.port}{RESILIENT}{IMPATIENT if stall_every else ''}"
        with JavaLanes(url, lanes, count=0, version=version, seconds=120 + 10 * cuts) as java:
            recoveries = cut_under(java, proxy, cuts, stall_every=stall_every)
            java.stop()
            result = java.result()
        print(
            f"{proxy.cuts} cuts, {proxy.links_opened} links, recovery {median(recoveries):.2f} s, at most {max(recoveries):.2f} s"
        )
        assert proxy.cuts >= cuts
        assert proxy.links_opened > cuts, "links were opened again"
    assert not faults(result)


@pytest.mark.parametrize(
    ("lanes", "version", "cuts", "stall_every"),
    [
        ("core.", ARTEMIS, 50, 0),
        ("jms.", ARTEMIS, 50, 0),
        (f"core.,jms.,{CONFUSED}", OLDER_CLIENT, 10, 0),
        ("core.,jms.", ARTEMIS, 4, 2),
    ],
    ids=["core", "jms", "older client", "deaf"],
)
def test_nothing_is_lost_doubled_or_raised(
    our_broker: OurBroker, lanes: str, version: str, cuts: int, stall_every: int
) -> None:
    cut_links_of(our_broker, lanes, version, cuts, stall_every)
