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


@pytest.mark.parametrize("world", World, ids=lambda world: world.value)
@pytest.mark.parametrize("lane", lanes_of(client_management_lanes), ids=lambda lane: lane.__name__)
def test_lane(lane: Callable[..., object], world: World, artemis: Artemis) -> None:
    if world is World.BLOCKING and lane is client_management_lanes.many_share_one:
        pytest.skip("a blocking client has one thread")
    world.run(lane, artemis.url, f"management.{lane.__name__}.{world.value}")
