"""Exactly-once: what it means for the configuration, and what each of its clauses does to a session that is made anew."""

from __future__ import annotations

from typing import Any

import pytest
from tests.engine.client_world import ONE, ClientWorld

from corewire.client.config import ClientConfig
from corewire.wire import packets
from corewire.wire.framing import packet_type
from corewire.wire.registry import decode


def exactly_once(**fields: Any) -> ClientConfig:
    return ClientConfig(**{"endpoints": (ONE,), "exactly_once": True, **fields})


def test_it_includes_resilience_and_lifts_the_failover_timeout() -> None:
    config = exactly_once()
    assert config.ha
    assert config.reconnect_attempts is None
    assert config.call_failover_timeout_s is None
    assert config.confirmation_window_bytes == 1_048_576
    assert exactly_once(call_failover_timeout_s=5.0).call_failover_timeout_s == 5.0


# -- (a) the window, (c) the fence ---------------------------------------------------------------------------------------


def sent(world: ClientWorld, kind: type[Any]) -> list[Any]:
    """The packets of one kind that the client wrote."""
    return [decode(frame, 136) for frame in world.frames if packet_type(frame) == kind.TYPE]


@pytest.mark.parametrize(("foreign", "window_bytes"), [(True, -1), (False, 1_048_576)])
def test_only_a_broker_of_ours_gets_a_window(foreign: bool, window_bytes: int) -> None:
    world = ClientWorld(exactly_once(), foreign=foreign)
    world.session()
    assert {packet.window_size for packet in sent(world, packets.CreateSessionV2)} == {window_bytes}


def test_every_incarnation_takes_the_same_name_before_anything_else() -> None:
    world = ClientWorld(exactly_once(), foreign=True)
    session = world.session()
    world.consumer(session)
    world.cut()
    world.advance(1.0)
    names = [(packet.key, packet.data) for packet in sent(world, packets.SessionUniqueAddMetadata)]
    assert len(names) == 2
    assert len(set(names)) == 1
    last_made = len(world.sent) - 1 - world.sent[::-1].index("CREATESESSION_V2")
    assert world.sent[last_made + 1] == "SESS_UNIQUE_ADD_METADATA"
    assert world.sent[:last_made].count("REATTACH_SESSION") == 1, "what is left of the one before is ended"
