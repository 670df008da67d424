"""Java clients against our broker, for long: more cuts, more kills, older clients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.interop.lanes import RESILIENT
from tests.interop.peers import ARTEMIS, OLDER_CLIENT, OLDEST_CLIENT
from tests.interop.test_cuts import CONFUSED, cut_links_of
from tests.interop.test_java_lanes import run
from tests.interop.test_kill_and_restart import kill_under_load

if TYPE_CHECKING:
    from tests.interop.ours import OurBroker

pytestmark = pytest.mark.usefixtures("java")


@pytest.mark.parametrize("version", [ARTEMIS, OLDER_CLIENT, OLDEST_CLIENT])
def test_every_lane_is_served(our_broker: OurBroker, version: str) -> None:
    run(our_broker.url, "core.,jms.", 10_000, version)


@pytest.mark.parametrize(
    ("lanes", "version", "cuts", "stall_every"),
    [
        ("core.", ARTEMIS, 300, 0),
        ("jms.", ARTEMIS, 300, 0),
        (f"core.,jms.,{CONFUSED}", OLDER_CLIENT, 100, 0),
        ("core.,jms.", OLDEST_CLIENT, 100, 0),
        ("core.,jms.", ARTEMIS, 40, 2),
    ],
    ids=["core", "jms", "older client", "oldest client", "deaf"],
)
def test_cuts(our_broker: OurBroker, lanes: str, version: str, cuts: int, stall_every: int) -> None:
    cut_links_of(our_broker, lanes, version, cuts, stall_every)


@pytest.mark.parametrize("parameters", [RESILIENT, "?reconnectAttempts=0"], ids=["reconnecting", "plain"])
def test_kills(our_broker: OurBroker, parameters: str) -> None:
    kill_under_load(our_broker, parameters, 100)
