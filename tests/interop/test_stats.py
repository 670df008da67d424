"""What a client counts and tells of itself, with a real Artemis, in every world."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.interop import client_stats_lanes
from tests.interop.worlds import World

from corewire_server.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.interop.artemis import Artemis

ENDLESS = "reconnectAttempts=-1&retryInterval=20"


@pytest.mark.parametrize("world", World, ids=lambda world: world.value)
@pytest.mark.parametrize(
    ("lane", "options"),
    [
        (client_stats_lanes._what_is_done_is_counted, f"{ENDLESS}&confirmationWindowSize=1048576"),
        (client_stats_lanes._what_is_made_anew_is_counted, ENDLESS),
    ],
    ids=["continued", "made anew"],
)
def test_what_is_done_is_counted(lane: Callable[..., object], options: str, world: World, artemis: Artemis) -> None:
    with Proxy(("127.0.0.1", artemis.port)) as proxy:
        url = f"tcp://127.0.0.1:{proxy.port}?{options}"
        world.run(lane, url, f"stats.{lane.__name__}.{world.value}", proxy.cut_all)


@pytest.mark.parametrize("world", [World.ASYNCIO, World.TRIO, World.THREADS], ids=lambda world: world.value)
def test_waiting_for_credits_is_told_and_counted(world: World, artemis: Artemis) -> None:
    """A blocking client has one thread: nobody else could unblock the address."""
    world.run(client_stats_lanes._waiting_for_credits_is_told_and_counted, artemis.url, f"blocked.{world.value}")
