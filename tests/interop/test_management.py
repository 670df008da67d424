"""Management of a real Artemis: every lane in every world."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.interop import client_management_lanes
from tests.interop.test_client_lanes import in_worlds, lanes_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.interop.artemis import Artemis
    from tests.interop.worlds import World


@pytest.mark.parametrize(("lane", "world"), in_worlds(lanes_of(client_management_lanes), company="many_share_one"))
def test_lane(lane: Callable[..., object], world: World, artemis: Artemis) -> None:
    world.run(lane, artemis.url, f"management.{lane.__name__}.{world.value}")
