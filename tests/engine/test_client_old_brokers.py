"""Brokers of every version that is spoken: the same client, and what each version has not."""

from __future__ import annotations

from functools import partial

import pytest
from tests.engine.client_world import ClientWorld, fragile, resilient

from corewire._connection import ConnectionConfig
from corewire.client import _link, _recovery
from corewire.client.message import Message
from corewire.errors import Unblocked
from corewire.events import FailedOver, Reattached
from corewire.values import Queue
from corewire.wire import packets
from corewire.wire.versions import OLDEST_SPOKEN


@pytest.fixture(params=range(OLDEST_SPOKEN, 136))
def version(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """The newest version that both sides know: the broker speaks as the client asks."""
    version: int = request.param
    settle_for(version, monkeypatch)
    return version


def settle_for(version: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on clients and brokers speak this version."""
    monkeypatch.setattr(_recovery, "VERSION", version)
    monkeypatch.setattr(_link, "ConnectionConfig", partial(ConnectionConfig, version=version))
    monkeypatch.setattr(packets.SubscribeTopologyV2.__init__, "__defaults__", (False, version))


@pytest.mark.parametrize("windowed", [True, False])
def test_sends_are_answered_and_survive_a_cut(version: int, windowed: bool) -> None:
    world = ClientWorld((resilient if windowed else fragile)(retry_interval_s=0.1))
    session = world.session()
    consumer = world.consumer(session)
    producer = world.run(world.engine.create_producer(world.now, session, Queue("q")))
    submitted = [world.run(world.engine.submit(world.now, producer, Message(str(number)))) for number in range(5)]
    world.pump()
    assert all(each.done and each.error is None for each in submitted)
    assert world.receive_all(consumer) == [str(number) for number in range(5)]
    sent = [world.engine.send(world.now, session, Queue("q"), Message(str(number))) for number in range(5)]
    world.perform()
    world.cut()
    world.advance(1.0)
    assert world.engine.version == version
    assert [type(each.error) for each in sent] == [type(None) if windowed else Unblocked] * 5
    assert world.receive_all(consumer) == ([str(number) for number in range(5)] if windowed else [])
    assert world.names(Reattached if windowed else FailedOver)


def test_transactions_commit_and_refusals_are_told(version: int) -> None:
    world = ClientWorld()
    session = world.session(transacted=True)
    for _ in range(2):
        world.run(world.engine.send(world.now, session, Queue("q"), Message("x")))
        world.run(world.engine.commit(world.now, session))
    assert world.engine.version == version
    assert world.run(world.engine.query_queue(world.now, session, "q")).message_count == 2
