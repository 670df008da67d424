"""Callers of our client that stop waiting, in all worlds, with a real broker behind a slow link; with ours: tests/transports."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import pytest
from tests.interop import client_deadline_lanes
from tests.interop.worlds import World

from corewire_server.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.interop.artemis import Artemis

pytestmark = pytest.mark.slow
DELAY_S = 0.02  # each way
ROUNDS = 12
MESSAGES = 20  # more of both: tests/campaign
_seeds = count(1)


@pytest.fixture(scope="module")
def proxy(artemis: Artemis) -> Iterator[Proxy]:
    """Between clients and a real broker."""
    with Proxy(("127.0.0.1", artemis.port)) as proxy:
        yield proxy


each_world = pytest.mark.parametrize("world", World, ids=lambda world: world.value)


@each_world
def test_the_next_question_gets_its_own_answer(proxy: Proxy, world: World) -> None:
    proxy.slow(delay_s=DELAY_S)
    lane = client_deadline_lanes.the_next_question_gets_its_own_answer
    world.run(lane, f"tcp://127.0.0.1:{proxy.port}", f"questions.{world.value}", ROUNDS, next(_seeds))


@each_world
def test_a_message_that_comes_at_the_deadline_is_not_lost(proxy: Proxy, world: World) -> None:
    proxy.slow()
    lane = client_deadline_lanes.a_message_that_comes_at_the_deadline_is_not_lost
    world.run(lane, f"tcp://127.0.0.1:{proxy.port}", f"deadlines.{world.value}", MESSAGES, next(_seeds))
