"""Calls whose caller does not wait any more, against a real broker, in every world; the state is forced by the proxy."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
from tests.interop import leaving_lanes
from tests.interop.cell_stage import Stage, witnesses_of
from tests.interop.test_client_lanes import lanes_of
from tests.interop.together import threads
from tests.interop.worlds import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.interop.artemis import Artemis

    from corewire_transports.threads import Client


@pytest.fixture(scope="module")
def witnesses(artemis: Artemis) -> Iterator[Client]:
    """Ask the broker behind the proxies' backs."""
    with witnesses_of(artemis) as client:
        yield client


def in_world(world: World, artemis: Artemis, witnesses: Client, lane: Callable[..., object]) -> None:
    """Play a lane in one world."""
    try:
        with Stage(artemis, witnesses) as stage:
            world.run(lane, stage)
    except BaseException as error:
        error.add_note(f"in the world of {world.value}")
        raise


@pytest.mark.parametrize("lane", lanes_of(leaving_lanes), ids=lambda lane: lane.__name__)
def test_leaving(lane: Callable[..., object], artemis: Artemis, witnesses: Client) -> None:
    threads(*(partial(in_world, world, artemis, witnesses, lane) for world in World))
