"""Callers of our client that stop waiting, in all worlds, behind a slow link: with a real broker, and the sessions with ours too."""

from __future__ import annotations

import json
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from tests.interop import client_deadline_lanes
from tests.interop.worlds import World

from corewire_server import BrokerConfig, serve
from corewire_server.core.broker import Broker
from corewire_server.proxy import Proxy
from corewire_server.runtime.embedded import Serving
from corewire_transports.threads import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from tests.interop.artemis import Artemis

pytestmark = pytest.mark.slow
DELAY_S = 0.02  # each way
LEFT_AFTER_S = 0.08
SETTLED_S = 20.0  # on a busy machine
ROUNDS = 12
MESSAGES = 20  # more of all of these: tests/campaign
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Stage:
    """A broker behind a proxy of one client's own."""

    proxy: Proxy
    opened: Callable[[], int]  #: how many sessions the broker has for who comes through the proxy

    @property
    def url(self) -> str:
        """Through the proxy."""
        return f"tcp://127.0.0.1:{self.proxy.port}"


@contextmanager
def at_ours() -> Generator[Stage]:
    """Our broker, in the tests' process, so that its sessions can be counted."""
    cores: list[Broker] = []

    def make(config: BrokerConfig, seed: bytes) -> Broker:
        cores.append(Broker(config.for_core(seed)))
        return cores[0]

    with (
        Serving(BrokerConfig.for_tests(), make) as node,
        Proxy(("127.0.0.1", urlsplit(node.url).port or 0)) as proxy,
    ):
        yield Stage(proxy, lambda: len(cores[0].state.sessions))


@contextmanager
def at_a_real_one(artemis: Artemis) -> Generator[Stage]:
    """It knows who comes from where, and tells its management."""
    source = f"127.8.0.{next(_numbers) % 250 + 1}"  # of no other stage: `cell_stage`
    with (
        Proxy(("127.0.0.1", artemis.port), source=source) as proxy,
        connect(artemis.url) as client,
        client.management() as management,
    ):

        def opened() -> int:
            rows = json.loads(str(management.call("broker", "listConnectionsAsJSON")))
            return sum(row["sessionCount"] for row in rows if f"{source}:" in row["clientAddress"])

        yield Stage(proxy, opened)


each_world = pytest.mark.parametrize("world", World, ids=lambda world: world.value)


def ask(stage: Stage, world: World, rounds: int, seed: int) -> None:
    """With short delays."""
    stage.proxy.slow(delay_s=DELAY_S)
    lane = client_deadline_lanes.the_next_question_gets_its_own_answer
    name = f"questions.{world.value}.{seed}"
    world.run(lane, stage.url, name, rounds, seed, LEFT_AFTER_S, stage.opened, SETTLED_S)


@each_world
def test_the_next_question_gets_its_own_answer(artemis: Artemis, world: World) -> None:
    with at_a_real_one(artemis) as stage:
        ask(stage, world, ROUNDS, next(_numbers))


@each_world
def test_the_next_question_gets_its_own_answer_from_ours(world: World) -> None:
    with at_ours() as stage:
        ask(stage, world, ROUNDS, next(_numbers))


@pytest.mark.parametrize("broker", ["ours", "artemis"])
@each_world
def test_a_message_that_comes_at_the_deadline_is_not_lost(
    request: pytest.FixtureRequest, broker: str, world: World
) -> None:
    lane = client_deadline_lanes.a_message_that_comes_at_the_deadline_is_not_lost
    seed = next(_numbers)
    with serve(BrokerConfig.for_tests()) if broker == "ours" else nullcontext(request.getfixturevalue("artemis")) as at:
        world.run(lane, at.url, f"deadlines.{world.value}.{seed}", MESSAGES, seed)
