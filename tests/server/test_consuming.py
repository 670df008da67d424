"""Acknowledging, giving back, consumers' ends."""

from __future__ import annotations

import pytest
from tests.server.helpers import Session, World, one

from corewire.wire import packets
from corewire.wire.message import encode_message
from corewire_server.core import AddressSettings, CoreConfig


@pytest.fixture
def session() -> Session:
    session = World().connect().session()
    session.queue("q")
    for text in "abcde":
        session.publish("q", text)
    return session


def count(session: Session) -> int:
    found: int = session.ask(packets.SessionQueueQuery("q")).message_count
    return found


def test_an_acknowledgement_covers_what_came_before(session: Session) -> None:
    session.consume("q")
    deliveries = session.deliveries()
    session.acknowledge(deliveries[2])
    assert count(session) == 2


def test_an_individual_acknowledgement_covers_one(session: Session) -> None:
    number = session.consume("q")
    deliveries = session.deliveries()
    session.acknowledge(deliveries[2], individual=True)
    session.done(packets.SessionConsumerClose(number))
    session.consume("q")
    assert session.texts() == ["a", "b", "d", "e"]


@pytest.mark.parametrize("kind", [packets.SessionAcknowledge, packets.SessionIndividualAcknowledge])
def test_what_is_not_held_cannot_be_acknowledged(session: Session, kind: type[packets.SessionAcknowledge]) -> None:
    session.consume("q")
    assert session.refused(kind(0, 1, requires_response=True)) == 104
    assert session.refused(kind(7, 1, requires_response=True)) == 104
    assert count(session) == 5


def test_what_was_only_delivered_comes_back_in_its_place_as_if_it_had_not_been(session: Session) -> None:
    first = session.consume("q", credit=150)
    assert session.texts() == ["a", "b", "c"]
    session.done(packets.SessionConsumerClose(first))
    session.consume("q")
    assert [(item.text, item.count) for item in session.deliveries()] == [(text, 1) for text in "abcde"]


def test_a_failed_connection_leaves_the_count_as_it_is() -> None:
    world = World()
    client = world.connect()
    session = client.session()
    session.queue("q")
    session.publish("q", "a")
    session.consume("q")
    session.read()
    client.lose()
    other = world.connect().session()
    other.consume("q")
    assert [(item.text, item.count) for item in other.deliveries()] == [("a", 2)]


def test_a_message_tried_too_often_goes_to_the_dead_letters() -> None:
    settings = AddressSettings(max_delivery_attempts=2, dead_letter_address="DLQ")
    world = World(CoreConfig(node_seed=b"", addresses=settings))
    session = world.connect().session(auto_commit_acks=False)
    session.queue("q")
    session.publish("q", "a", durable=True, properties={"_AMQ_DUPL_ID": "1"})
    session.consume("q")
    for _ in range(2):
        session.acknowledge(one(session.deliveries()))
        session.done(packets.SessionRollback())
    assert count(session) == 0
    session.consume("DLQ")
    dead = one(session.deliveries())
    assert (dead.text, dead.count, dead.message.address) == ("a", 1, "DLQ")
    assert dead.message.properties["_AMQ_ORIG_ADDRESS"] == "q"
    assert dead.message.properties["_AMQ_ORIG_QUEUE"] == "q"
    for _ in range(3):  # there it stays, however often it is refused
        session.acknowledge(dead)
        session.done(packets.SessionRollback())
        dead = one(session.deliveries())
    assert dead.count == 4
    other = world.connect().session()
    other.publish("DLQ", "known there now", properties={"_AMQ_DUPL_ID": "1"})
    assert other.ask(packets.SessionQueueQuery("DLQ")).message_count == 1


def test_without_a_dead_letter_address_it_ends_with_a_warning() -> None:
    world = World(
        CoreConfig(node_seed=b"", addresses=AddressSettings(max_delivery_attempts=1, dead_letter_address=None))
    )
    session = world.connect().session(auto_commit_acks=False)
    session.queue("q")
    session.publish("q", "a")
    session.consume("q")
    session.acknowledge(one(session.deliveries()))
    session.done(packets.SessionRollback())
    assert count(session) == 0
    assert [log.level for log in world.logs] == ["warning"]


def test_a_client_reports_what_it_found_expired() -> None:
    world = World(CoreConfig(node_seed=b"", addresses=AddressSettings(expiry_address="EXP")))
    session = world.connect().session()
    session.queue("q")
    session.publish("q", "a", expiration=world.now + 1_000)
    session.consume("q")
    delivery = one(session.deliveries())
    session.tell(packets.SessionExpired(delivery.consumer, delivery.message.id))
    assert count(session) == 0
    session.consume("EXP")
    moved = one(session.deliveries()).message
    assert (moved.expiration, moved.properties["_AMQ_ACTUAL_EXPIRY"]) == (0, world.now)


def test_limits_of_consumers_and_names_that_are_not_there(session: Session) -> None:
    assert session.refused(packets.SessionCreateConsumer(0, "none")) == 100
    assert session.refused(packets.SessionCreateConsumer(0, "q", "a = ")) == 103
    assert session.refused(packets.SessionCreateConsumer(0, "q", priority=3)) == 213
    session.queue("single", max_consumers=1)
    session.ask(packets.SessionCreateConsumer(0, "single"))
    assert session.refused(packets.SessionCreateConsumer(1, "single")) == 214
    session.ask(packets.SessionCreateConsumer(2, "single", browse_only=True))
    assert session.refused(packets.SessionCreateConsumer(2, "q")) == 104


def test_closing_a_consumer_that_is_not_there_succeeds(session: Session) -> None:
    session.done(packets.SessionConsumerClose(99))


def test_a_queue_is_purged_with_its_last_consumer(session: Session) -> None:
    session.queue("p", purge_on_no_consumers=True)
    session.publish("p", "nobody is there")
    number = session.consume("p", credit=1)
    session.publish("p", "x")
    session.publish("p", "y")
    assert session.texts() == ["x"]
    session.done(packets.SessionConsumerClose(number))
    assert session.ask(packets.SessionQueueQuery("p")).message_count == 0


def test_a_message_with_unreadable_properties_harms_nobody_but_itself() -> None:
    world = World(CoreConfig(node_seed=b"", addresses=AddressSettings(max_delivery_attempts=1, expiry_address="EXP")))
    session = world.connect().session(auto_commit_acks=False)
    session.queue("q")
    for expiration in (0, world.now + 1_000):
        raw = encode_message(b"", address="q", expiration=expiration)[:-1] + b"\x01\0\0\0\x05junk"
        session.tell(packets.SessionSend(raw))
    session.consume("q", credit=1)
    session.acknowledge(one(session.deliveries()))
    session.done(packets.SessionRollback())
    world.sleep(5_000)
    assert count(session) == 2  # they stay where they are: nobody could make a copy
    assert [log.level for log in world.logs] == ["error", "error"]
    session.done(packets.SessionConsumerClose(0))
    session.done(packets.DeleteQueue("q"))
    assert world.broker.state.store.bytes == 0
