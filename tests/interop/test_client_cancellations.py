"""Random cancellations, compared with what a browser shows: with our broker here, ten thousand with a real one in tests/campaign."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.interop.client_cancel_lanes import what_is_cancelled_is_stored_once_at_most_and_never_lost
from tests.interop.worlds import World

from corewire_server import BrokerConfig, serve

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow
CANCELLATIONS = 250  # in each world


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serve(BrokerConfig.for_tests()) as node:
        yield node.url


@pytest.mark.parametrize("world", World, ids=lambda world: world.value)
def test_what_is_cancelled_is_stored_once_at_most_and_never_lost(world: World, url: str) -> None:
    lane = what_is_cancelled_is_stored_once_at_most_and_never_lost
    world.run(lane, url, f"cancelled.{world.value}", CANCELLATIONS, 1)
