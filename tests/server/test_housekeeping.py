"""What goes by itself when nobody uses it, and what does not."""

from __future__ import annotations

from typing import Any

import pytest
from tests.server.helpers import Client, Session, World

from corewire.wire import packets
from corewire_server.core import AddressSettings, Broker, CoreConfig

ANYCAST = {"_AMQ_ROUTING_TYPE": 1}


def wait(world: World, client: Client, seconds: int) -> None:
    for _ in range(seconds // 10):
        world.sleep(10_000)
        client.send(0, packets.Ping(60_000))


def use_up(session: Session, queue: str) -> None:
    """Somebody takes the first message and goes: from now on the queue may go, too."""
    number = session.consume(queue)
    session.acknowledge(session.deliveries()[0])
    session.done(packets.SessionConsumerClose(number))


@pytest.mark.parametrize("copied", [False, True])
@pytest.mark.parametrize(
    ("end", "left"), [(packets.SessionCommit(), 1), (packets.SessionRollback(), None)], ids=["commit", "rollback"]
)
def test_queue_to_which_an_open_transaction_sends_is_used(copied: bool, end: Any, left: int | None) -> None:
    """``copied``: the broker was replaced by its snapshot in the middle."""
    world = World()
    client = world.connect()
    session, sender = client.session(), client.session(auto_commit_sends=False)
    session.publish("q", "first", durable=True, properties=ANYCAST)
    use_up(session, "q")
    sender.publish("q", "second", durable=True, properties=ANYCAST)
    wait(world, client, 200)
    if copied:
        world.broker = Broker.restore(world.config, world.broker.snapshot())
    wait(world, client, 200)
    sender.done(end)
    wait(world, client, 200)
    answer = session.ask(packets.SessionQueueQuery("q"))
    assert (answer.message_count if answer.exists else None) == left


@pytest.mark.parametrize("end", [packets.SessionCommit(), packets.SessionRollback()], ids=["commit", "rollback"])
def test_address_to_which_an_open_transaction_sends_is_used(end: Any) -> None:
    settings = AddressSettings(auto_delete_addresses_delay_ms=1)
    world = World(CoreConfig(node_seed=b"test", addresses=settings))
    client = world.connect()
    session, sender = client.session(), client.session(auto_commit_sends=False)
    session.publish("q", "first", properties=ANYCAST)
    use_up(session, "q")
    session.done(packets.DeleteQueue("q"))
    sender.publish("q", "to nobody")
    wait(world, client, 200)
    assert session.ask(packets.SessionBindingQuery("q")).exists
    sender.done(end)
    wait(world, client, 200)
    assert not session.ask(packets.SessionBindingQuery("q")).exists
