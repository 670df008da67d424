"""What a node that joins writes into its own journal brings the same durable state back as the journal it was copied from."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from tests.server.captures import FOLDER, recorded_config
from tests.server.crowd import Crowd
from tests.server.helpers import World
from tests.server.histories import mutated, recorded
from tests.server.test_recovered_names import act

from corewire.wire import packets
from corewire_server.core import AddressSettings, Broker, CoreConfig
from corewire_server.core.effects import Append

if TYPE_CHECKING:
    from corewire_server.core.inputs import Input
    from corewire_server.core.queues import Queue
    from corewire_server.records import Record

SCENARIOS = sorted(path.stem for path in FOLDER.glob("*.txt"))


def essence(broker: Broker) -> list[Any]:
    """All that a recovery brought back, in the orders that matter. A message that one queue has left is shared no more."""
    store = broker.state.store

    def refs(queue: Queue) -> list[Any]:
        return [
            (ref.id, ref.message, ref.priority, ref.expiration, ref.kept, ref.deliveries)
            + ((1, 1) if ref.fan is None else (ref.fan.refs, ref.fan.kept))
            for ref in queue.waiting
        ]

    return [
        [(one.id, one.name, one.routing_types, one.auto_created, one.temporary) for one in store.addresses],
        [(one.name, [queue.id for queue in one.queues]) for one in store.addresses],
        [(one.id, one.config, one.address.name, refs(one)) for one in store.queues.values()],
        sorted((name, seen.keys(), seen.records()) for name, seen in store.duplicates.items() if seen.keys()),
        (store.last_id, store.ids_kept, store.bytes),
        sorted(store.records),
    ]


def recovered(config: CoreConfig, records: list[Record]) -> list[Any]:
    """What comes back from these."""
    broker = Broker(config)
    broker.recover(records)
    return essence(broker)


def check(config: CoreConfig, history: list[tuple[int, Input]], *, every: int) -> None:
    """At some inputs: what is said again, and all that comes behind it, is what was ever said."""
    broker = Broker(config)
    appended: list[Record] = []
    joined: list[Record] | None = None  # what a node that joined in the middle has in its journal
    for number, (now, item) in enumerate(history):
        if number % every == 0:
            copy = Broker.restore(config, broker.snapshot())
            again = list(copy.records())
            assert recovered(config, again) == recovered(config, appended)
            if joined is None and number > len(history) // 3:
                joined = again
        for effect in broker.step(now, item):
            if isinstance(effect, Append):
                appended += effect.records
                if joined is not None:
                    joined += effect.records
    assert recovered(config, list(broker.records())) == recovered(config, appended)
    if joined is not None:
        assert recovered(config, joined) == recovered(config, appended)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_in_recorded_and_spoilt_histories_it_is_what_was_ever_appended(scenario: str) -> None:
    config, history = recorded_config(scenario), recorded(scenario)
    check(config, history, every=9)
    check(config, mutated(history, random.Random(5)), every=13)


@pytest.mark.parametrize("seed", range(20))
def test_whatever_clients_do_it_is_what_was_ever_appended(seed: int) -> None:
    crowd = Crowd(seed)
    world = crowd.world
    joined: list[Record] | None = None
    before = 0
    for number in range(200):
        crowd.act()
        if joined is not None:
            joined += world.records[before:]
        before = len(world.records)
        if number == 100:
            joined = list(world.broker.records())
        if number % 10 == 0:
            assert recovered(world.config, list(world.broker.records())) == recovered(world.config, world.records)
    assert joined is not None
    assert recovered(world.config, joined) == recovered(world.config, world.records)


def same(world: World) -> bool:
    """Whether what is said again brings back what was ever said."""
    return recovered(world.config, list(world.broker.records())) == recovered(world.config, world.records)


@pytest.mark.parametrize("seed", range(20))
def test_names_that_come_and_go_are_said_again_as_they_are(seed: int) -> None:
    world, rng = World(), random.Random(seed)
    for _ in range(4):
        client = world.connect()
        session = client.session()
        for _ in range(rng.randrange(1, 20)):
            act(session, rng)
            assert same(world)
        client.lose()
        assert same(world)


def test_what_a_transaction_holds_of_a_deleted_queue_is_said_too() -> None:
    world = World()
    session = world.connect().session(auto_commit_acks=False)
    session.queue("gone")
    session.queue("s", "topic", routing_type=0)
    session.queue("dropped", "topic", routing_type=0)
    for address in ("gone", "topic"):
        session.publish(address, "m", durable=True)
    for number, name in enumerate(("gone", "dropped")):
        session.consume(name)
        session.acknowledge(session.deliveries()[0])
        session.done(packets.SessionConsumerClose(number))
        world.connect().session().done(packets.DeleteQueue(name))
    again = list(world.broker.records())
    assert len(recovered(world.config, again)[-1]) == 1  # to be deleted with the first step
    assert same(world)
    session.done(packets.SessionCommit(-1))
    assert same(world)


@pytest.mark.parametrize("seed", range(30))
def test_queues_of_a_topic_that_were_taken_from_here_and_there_keep_their_orders(seed: int) -> None:
    """One queue waited for another one, which then waited for the first (the simulator's seed 158647968135422 of pairs)."""
    rng, world = random.Random(seed), World()
    session = world.connect().session()
    for name in "abc":
        session.queue(name, "topic", routing_type=0)
        session.consume(name)
    for number in range(8):
        session.publish("topic", str(number), durable=True)
    for delivery in session.deliveries():
        if rng.random() < 0.5:
            session.acknowledge(delivery, individual=True)
    assert same(world)


def test_a_temporary_address_that_is_kept_from_now_on_is_the_newest() -> None:
    world = World()
    session = world.connect().session()
    session.queue("t", temporary=True, durable=False)
    session.queue("q")
    session.queue("kept", "t")
    assert same(world)


def test_counts_of_deliveries_are_those_that_were_noted() -> None:
    world = World(CoreConfig(node_seed=b"", addresses=AddressSettings(max_delivery_attempts=-1)))
    session = world.connect().session(auto_commit_acks=False)
    session.queue("q")
    session.publish("q", "m", durable=True)
    session.consume("q")
    for _ in range(140):
        session.acknowledge(session.deliveries()[-1])
        session.done(packets.SessionRollback())
        assert same(world)
    assert world.broker.state.sessions[session.name].consumers[0].unacked


def test_it_stands_on_copies() -> None:
    crowd = Crowd(3)
    for number in range(120):
        crowd.act()
        if number % 20 == 0:
            now, later = list(crowd.world.broker.records()), crowd.world.broker.records()
            for _ in range(10):
                crowd.act()
            assert list(later) == now
