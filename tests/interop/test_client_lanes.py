"""Our client in all its worlds against our broker and a real Artemis: the lanes are written once."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import pytest
from tests.interop import client_message_lanes, client_session_lanes, client_topic_lanes
from tests.interop.worlds import World

from corewire_server import BrokerConfig, serve

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from types import ModuleType
    from typing import TypeAlias

    from _pytest.mark import ParameterSet
    from tests.interop.artemis import Artemis

    Lane: TypeAlias = Callable[[str, str, int], Coroutine[object, object, None]]

COUNT = 300  # whole counts: tests/campaign


def lanes_of(module: ModuleType) -> list[Lane]:
    """The lanes that a module defines, in order."""
    return [
        function
        for name, function in vars(module).items()
        if inspect.iscoroutinefunction(function) and function.__module__ == module.__name__ and name[0] != "_"
    ]


def in_worlds(lanes: list[Lane], *, company: str) -> list[ParameterSet]:
    """Each lane in each world; the one named ``company`` needs two threads, which no client of the blocking world has."""
    return [
        pytest.param(lane, world, id=f"{lane.__name__}-{world.value}")
        for lane in lanes
        for world in World
        if lane.__name__ != company or world is not World.BLOCKING
    ]


LANES = [
    lane for module in (client_message_lanes, client_session_lanes, client_topic_lanes) for lane in lanes_of(module)
]


@pytest.fixture(scope="module")
def ours() -> Iterator[str]:
    """Our broker inside the tests' process."""
    with serve(BrokerConfig.for_tests()) as node:
        yield node.url


@pytest.mark.parametrize("world", World, ids=lambda world: world.value)
@pytest.mark.parametrize("lane", LANES, ids=lambda lane: lane.__name__)
class TestLane:
    """One lane in one world."""

    def test_on_our_broker(self, lane: Callable[..., object], world: World, ours: str) -> None:
        world.run(lane, ours, f"{lane.__name__}.{world.value}", COUNT)

    def test_on_a_real_broker(self, lane: Callable[..., object], world: World, artemis: Artemis) -> None:
        world.run(lane, artemis.url, f"{lane.__name__}.{world.value}", COUNT)
