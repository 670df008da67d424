"""The client id: held by one client at a time, unless it is shared, and held again after a failover."""

from __future__ import annotations

import random

import pytest
from tests.engine.client_world import ClientWorld, fragile, resilient

from corewire._states import ClientState
from corewire.client._engine import ClientEngine
from corewire.client.message import Message
from corewire.errors import DuplicateMetadata
from corewire.values import Queue


def second(world: ClientWorld, **fields: object) -> ClientEngine:
    """Another client of the same broker takes the first one's place in the world."""
    world.engine = ClientEngine(resilient(client_id="me", **fields), rng=random.Random(2))
    world.engine._lifeline._last_link = 100  # the first client's links are the world's, too
    world.started = world.engine.start(world.now)
    world.pump()
    return world.engine


def test_a_client_id_is_held_by_one_client() -> None:
    world = ClientWorld(resilient(client_id="me"))
    world.started.result()
    engine = second(world)
    with pytest.raises(DuplicateMetadata, match="client id 'me'") as held:
        world.started.result()
    assert held.value.hint is not None
    assert "enableSharedClientID=true" in held.value.hint
    assert engine.state is ClientState.FAILED


def test_a_shared_one_is_not() -> None:
    world = ClientWorld(resilient(client_id="me", enable_shared_client_id=True))
    world.started.result()
    second(world, enable_shared_client_id=True)
    world.started.result()


@pytest.mark.parametrize("config", [resilient(client_id="me"), fragile(client_id="me", retry_interval_s=0.1)])
def test_it_is_held_again_after_a_failure(config: object) -> None:
    world = ClientWorld(config)  # type: ignore[arg-type]  # parametrised
    world.cut()
    world.advance(1.0)
    [hidden] = world.brokers["one"].state.sessions.values()
    assert hidden.metadata["jms-client-id"] == "me"


def test_messages_carry_it() -> None:
    world = ClientWorld(resilient(client_id="me"))
    session = world.session()
    world.run(world.engine.send(world.now, session, Queue("q"), Message("x")))
    consumer = world.run(
        world.engine.create_consumer(world.now, session, "q", selector="__AMQ_CID <> 'me'", create=True)
    )
    assert world.receive_all(consumer) == []
