"""What a real Artemis tells of itself: every lane in every world, and what is missed during an outage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.interop import client_notification_lanes
from tests.interop.test_client_lanes import in_worlds, lanes_of
from tests.interop.worlds import World

from corewire_server.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.interop.artemis import Artemis


@pytest.mark.parametrize(
    ("lane", "world"), in_worlds(lanes_of(client_notification_lanes), company="a_loop_ends_when_they_are_closed")
)
def test_lane(lane: Callable[..., object], world: World, artemis: Artemis) -> None:
    world.run(lane, artemis.url, f"notifications.{lane.__name__}.{world.value}")


@pytest.mark.parametrize("world", World, ids=lambda world: world.value)
def test_what_is_told_while_the_session_is_lost_is_missed(world: World, artemis: Artemis) -> None:
    with Proxy(("127.0.0.1", artemis.port)) as proxy:

        def take_away() -> None:
            proxy.refuse()
            proxy.cut_all()

        through = f"tcp://127.0.0.1:{proxy.port}?reconnectAttempts=-1&retryInterval=20"
        lane = client_notification_lanes._go_on_after_an_outage
        world.run(lane, through, artemis.url, f"missed.{world.value}", take_away, proxy.accept)
