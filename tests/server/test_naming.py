"""Making and deleting addresses and queues."""

from __future__ import annotations

from typing import Any

import pytest
from tests.server.helpers import Session, World

from corewire.wire import packets
from corewire_server.core import AddressSettings, CoreConfig, Limits


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def session(world: World) -> Session:
    return world.connect().session()


def exists(session: Session, queue: str) -> bool:
    found: bool = session.ask(packets.SessionQueueQuery(queue)).exists
    return found


def test_a_name_is_taken_once_in_the_whole_broker(session: Session) -> None:
    session.queue("q", "a")
    assert session.refused(packets.CreateQueueV2("b", "q")) == 101


def test_a_name_and_a_filter_must_be_good(session: Session) -> None:
    assert session.refused(packets.CreateQueueV2("a", "")) == 104
    assert session.refused(packets.CreateQueueV2("a", "q", filter="x = ")) == 103
    assert session.refused(packets.CreateQueueV2("a", "q", filter=" ")) == 103
    assert not exists(session, "q")


def test_without_auto_creation_addresses_must_be_there() -> None:
    world = World(CoreConfig(node_seed=b"", addresses=AddressSettings(auto_create_addresses=False)))
    session = world.connect().session()
    assert session.refused(packets.CreateQueueV2("a", "q", routing_type=1)) == 106
    session.done(packets.CreateAddress("a", [0]))
    assert session.refused(packets.CreateQueueV2("a", "q", routing_type=1)) == 0
    session.done(packets.CreateAddress("a", [0, 1]))
    session.queue("q", "a")
    assert session.refused(packets.CreateAddress("a", [0])) == 0  # an anycast queue is there


@pytest.mark.parametrize(
    ("feature", "attributes"),
    [
        ("exclusive queues", {"exclusive": True}),
        ("last-value queues", {"last_value": True}),
        ("last-value queues", {"last_value_key": "k"}),
        ("non-destructive queues", {"non_destructive": True}),
        ("consumers-before-dispatch", {"consumers_before_dispatch": 2}),
        ("delay-before-dispatch", {"delay_before_dispatch": 5}),
        ("group-rebalance", {"group_rebalance": True}),
        ("group-rebalance", {"group_rebalance_pause_dispatch": True}),
        ("group-buckets", {"group_buckets": 4}),
        ("group-first-key", {"group_first_key": "k"}),
        ("ring queues", {"ring_size": 5}),
    ],
)
def test_attributes_that_are_not_built_are_refused_by_name(
    session: Session, feature: str, attributes: dict[str, Any]
) -> None:
    answer = session.ask(packets.CreateQueueV2("a", "q", **attributes))
    assert (answer.code, answer.message) == (213, f"corewire does not have this yet: {feature}")


def test_a_queue_with_consumers_is_not_deleted(session: Session) -> None:
    session.queue("q")
    number = session.consume("q")
    assert session.refused(packets.DeleteQueue("q")) == 104
    session.done(packets.SessionConsumerClose(number))
    session.done(packets.DeleteQueue("q"))
    assert session.refused(packets.DeleteQueue("q")) == 100


def test_a_temporary_queue_ends_with_its_connection_not_with_its_session(world: World) -> None:
    client = world.connect()
    owner, other = client.session(), world.connect().session()
    owner.queue("t", temporary=True, durable=False)
    owner.done(packets.SessionClose())
    other.consume("t")
    other.publish("t", "x")
    assert other.texts() == ["x"]
    client.lose()
    assert other.read() == [packets.DisconnectConsumer(0)]
    assert not exists(other, "t")
    assert not other.ask(packets.SessionBindingQuery("t")).exists


def test_a_shared_subscription_is_taken_as_it_is_or_refused(session: Session) -> None:
    shared = packets.CreateSharedQueueV2("topic", "sub", durable=False, routing_type=0)
    session.done(shared)
    session.done(shared)
    assert session.refused(packets.CreateSharedQueueV2("other", "sub", durable=False)) == 118
    assert session.refused(packets.CreateSharedQueueV2("topic", "sub", "a = 1", durable=False)) == 118


def test_a_transient_subscription_ends_with_its_last_consumer(session: Session) -> None:
    session.done(packets.CreateSharedQueueV2("topic", "sub", durable=False, routing_type=0))
    assert exists(session, "sub")
    numbers = [session.consume("sub"), session.consume("sub")]
    session.done(packets.SessionConsumerClose(numbers[0]))
    assert exists(session, "sub")
    session.done(packets.SessionConsumerClose(numbers[1]))
    assert not exists(session, "sub")


def test_an_old_create_queue_tells_the_routing_type_by_a_prefix(session: Session) -> None:
    session.done(packets.CreateQueue("jms.queue.a", "jms.queue.a"))
    session.done(packets.CreateQueue("b", "b"))
    assert session.ask(packets.SessionQueueQuery("jms.queue.a")).routing_type == 1
    assert session.ask(packets.SessionQueueQuery("b")).routing_type == 0


def wait(world: World, session: Session, seconds: int) -> None:
    for _ in range(seconds // 10):
        world.sleep(10_000)
        session.client.send(0, packets.Ping(60_000))


def test_what_made_itself_goes_when_it_was_used_and_is_not_any_more(world: World, session: Session) -> None:
    session.publish("auto", "x", properties={"_AMQ_ROUTING_TYPE": 1})
    assert exists(session, "auto")
    wait(world, session, 120)
    assert exists(session, "auto")  # never used
    number = session.consume("auto")
    session.acknowledge(session.deliveries()[0])
    wait(world, session, 120)
    assert exists(session, "auto")
    session.done(packets.SessionConsumerClose(number))
    wait(world, session, 70)
    assert not exists(session, "auto")
    assert not session.ask(packets.SessionBindingQuery("auto")).exists


def test_what_an_administrator_made_stays(world: World, session: Session) -> None:
    session.queue("q")
    session.done(packets.SessionConsumerClose(session.consume("q")))
    wait(world, session, 120)
    assert exists(session, "q")


def test_names_are_limited_in_number() -> None:
    world = World(CoreConfig(node_seed=b"", limits=Limits(queues_max=1, addresses_max=2)))
    session = world.connect().session()
    session.queue("q")
    assert session.refused(packets.CreateQueueV2("q", "r", routing_type=1)) == 105
    session.done(packets.CreateAddress("b", [0]))
    assert session.refused(packets.CreateAddress("c", [0])) == 105


def test_the_management_address_cannot_be_taken(session: Session) -> None:
    assert session.refused(packets.CreateAddress("activemq.management", [0])) == 213
    assert session.refused(packets.CreateQueueV2("activemq.management", "q")) == 213
    assert session.publish("activemq.management", "x").code == 213


@pytest.mark.parametrize("address", ["activemq.management", "activemq.notifications"])
def test_what_ought_to_answer_at_an_address_and_cannot_is_told(session: Session, address: str) -> None:
    assert session.refused(packets.SessionBindingQuery(address)) == 213
    assert session.refused(packets.CreateQueueV2(address, "q", routing_type=0)) == 213
