"""Management of a real Artemis: every lane in every world."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.interop import client_management_lanes
from tests.interop.test_client_lanes import lanes_of
from tests.interop.worlds import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.interop.artemis import Artemis


COMPANY = "many_share_one"  # a client of the blocking world belongs to one thread
PLAYED = [
    pytest.param(lane, world, id=f"{lane.__name__}-{world.value}")
    for lane in lanes_of(client_management_lanes)
    for world in World
    if lane.__name__ != COMPANY or world is not World.BLOCKING
]


@pytest.mark.parametrize(("lane", "world"), PLAYED)
def test_lane(lane: Callable[..., object], world: World, artemis: Artemis) -> None:
    world.run(lane, artemis.url, f"management.{lane.__name__}.{world.value}")
