"""Sends: what is made by itself, refused, charged, remembered."""

from __future__ import annotations

from typing import Any

import pytest
from tests.server.helpers import Session, World, one, send_packet

from corewire.values import Byte, Long
from corewire.wire import packets
from corewire_server.core import AddressSettings, CoreConfig, Limits
from corewire_server.core.inputs import RoomChanged

ANYCAST: dict[str, Any] = {"_AMQ_ROUTING_TYPE": Byte(1)}
MULTICAST: dict[str, Any] = {"_AMQ_ROUTING_TYPE": Byte(0)}


@pytest.fixture
def session() -> Session:
    return World().connect().session()


def test_an_anycast_send_makes_address_and_queue(session: Session) -> None:
    session.publish("a", "x", properties=ANYCAST)
    info = session.ask(packets.SessionQueueQuery("a"))
    assert (info.exists, info.auto_created, info.durable, info.routing_type, info.message_count) == (
        True,
        True,
        True,
        1,
        1,
    )


def test_a_multicast_send_makes_the_address_only_and_one_without_a_type_makes_nothing(session: Session) -> None:
    session.publish("a", "x", properties=MULTICAST)
    session.publish("b", "x")
    assert session.ask(packets.SessionBindingQuery("a")).exists
    assert not session.ask(packets.SessionQueueQuery("a")).exists
    assert not session.ask(packets.SessionBindingQuery("b")).exists


def test_an_address_with_queues_is_never_extended_by_a_send(session: Session) -> None:
    session.queue("m", "a", routing_type=0)
    session.publish("a", "x", properties=ANYCAST)
    assert not session.ask(packets.SessionBindingQuery("a")).supports_anycast


def test_a_multicast_queue_of_that_name_stands_in_the_way(session: Session) -> None:
    session.queue("a", "other", routing_type=0)
    assert session.publish("a", "x", properties=ANYCAST).code == 106


@pytest.mark.parametrize(
    "settings", [AddressSettings(auto_create_addresses=False), AddressSettings(auto_create_queues=False)]
)
def test_where_nothing_is_made_by_itself_the_send_is_refused(settings: AddressSettings) -> None:
    session = World(CoreConfig(node_seed=b"", addresses=settings)).connect().session()
    assert session.publish("a", "x", properties=ANYCAST).code == 106
    assert not session.ask(packets.SessionBindingQuery("a")).exists


def test_a_refused_send_carries_its_correlation_id(session: Session) -> None:
    answer = session.ask(send_packet("activemq.management", "x", requires_response=True, correlation_id=-77))
    assert (answer.code, answer.correlation_id) == (213, -77)


@pytest.mark.parametrize(
    ("name", "value", "feature"),
    [
        ("_AMQ_SCHED_DELIVERY", Long(1), "scheduled delivery"),
        ("_AMQ_GROUP_ID", "g", "message groups"),
        ("_AMQ_ROUTE_TO", bytes(8), "routing by binding id (bridges)"),
        ("_AMQ_BRIDGE_DUP", bytes(24), "bridges"),
    ],
)
def test_what_is_not_built_is_refused_by_name(session: Session, name: str, value: Any, feature: str) -> None:
    session.queue("q")
    answer = session.publish("q", "x", properties={name: value})
    assert (answer.code, answer.message) == (213, f"corewire does not have this yet: {feature}")
    assert session.client.world.broker.state.missing == {feature: 1}


def test_internal_properties_end_here(session: Session) -> None:
    session.queue("q")
    session.publish("q", "x", properties={"_AMQ_ROUTE_TO.bridge": b"", "x-opt-amq-mirror": "m", "mine": 1})
    session.consume("q")
    assert dict(one(session.deliveries()).message.properties) == {"mine": 1}


def test_the_first_address_of_a_session_becomes_its_default(session: Session) -> None:
    session.queue("q")
    anonymous = send_packet(None, "second", requires_response=True, correlation_id=-5)
    assert session.ask(anonymous).code == 104
    session.publish("q", "first")
    session.done(anonymous)
    session.consume("q")
    assert [(item.text, item.message.address) for item in session.deliveries()] == [("first", "q"), ("second", "q")]


def test_known_duplicate_ids_are_dropped_with_success(session: Session) -> None:
    session.queue("q")
    for text, key in (("a", "1"), ("b", "1"), ("c", b"1\x00"), ("d", "2")):
        session.done(send_packet("q", text, requires_response=True, properties={"_AMQ_DUPL_ID": key}))
    session.consume("q")
    assert session.texts() == ["a", "d"]  # a text is its UTF-16LE bytes


def test_the_oldest_duplicate_ids_are_forgotten() -> None:
    session = World(CoreConfig(node_seed=b"", id_cache_size=2)).connect().session()
    session.queue("q")
    for key in "123":
        session.publish("q", key, properties={"_AMQ_DUPL_ID": key})
    session.publish("q", "again", properties={"_AMQ_DUPL_ID": "1"})
    session.publish("q", "dropped", properties={"_AMQ_DUPL_ID": "3"})
    session.consume("q")
    assert session.texts() == ["1", "2", "3", "again"]


def full_world() -> tuple[World, Session]:
    world = World(CoreConfig(node_seed=b"", limits=Limits(memory_bytes_max=10_000)))
    session = world.connect().session()
    session.queue("q")
    return world, session


def test_credits_are_granted_as_asked_and_withheld_while_the_broker_is_full() -> None:
    _, session = full_world()
    request = packets.SessionProducerRequestCredits(500, "q")
    session.tell(request)
    assert session.read() == [packets.SessionProducerCredits(500, "q")]
    while session.publish("q", "x" * 500) == packets.NullResponse(session.correlation):
        pass
    session.tell(request)
    assert session.read() == []
    session.consume("q")
    session.acknowledge(session.deliveries()[-1])
    assert session.read() == [packets.SessionProducerCredits(500, "q")]


def test_a_full_broker_takes_only_what_it_gave_credits_for() -> None:
    world, session = full_world()
    lucky = world.connect().session()
    lucky.tell(packets.SessionProducerRequestCredits(100_000, "q"))
    lucky.read()
    while not isinstance(answer := session.publish("q", "x" * 500), packets.ExceptionResponse):
        pass
    assert (answer.code, answer.message) == (210, 'AMQ229102: Address "q" is full.')
    lucky.done(send_packet("q", "x" * 500, requires_response=True, correlation_id=-1))
    for _ in range(20):
        answer = lucky.publish("q", "x" * 500)
    assert isinstance(answer, packets.ExceptionResponse)  # but not for ever


def test_without_room_on_the_disk_sends_are_refused_until_there_is_room() -> None:
    world, session = full_world()
    world.step(RoomChanged(room=False))
    assert session.publish("q", "x").code == 210
    world.step(RoomChanged(room=True))
    session.publish("q", "y")
    session.consume("q")
    assert session.texts() == ["y"]


def test_a_message_that_no_record_can_hold_is_refused() -> None:
    session = World(CoreConfig(node_seed=b"", limits=Limits(record_bytes_max=1_000))).connect().session()
    session.queue("q")
    assert session.publish("q", "x" * 1_000).code == 213


def test_large_messages_are_refused_by_name_with_the_last_chunk(session: Session) -> None:
    session.tell(packets.SessionSendLarge(b"header"), packets.SessionSendContinuation(b"x", continues=True))
    assert session.read() == []
    session.tell(packets.SessionSendContinuation(b"x", continues=False, message_body_size=2, correlation_id=-4))
    answer = one(session.read())
    assert (answer.code, answer.message) == (213, "corewire does not have this yet: large messages")
    assert answer.correlation_id == -4
    assert session.client.world.broker.state.missing == {"large messages": 2}


def test_xa_calls_are_answered_as_a_transaction_manager_understands(session: Session) -> None:
    xid = packets.Xid(1, b"b", b"g")
    answer = session.ask(packets.SessionXaStart(xid))
    assert (answer.error, answer.response_code) == (True, -3)
    assert session.refused(packets.SessionXaInDoubtXids()) == 213


@pytest.mark.parametrize("priority", [-1, 10])
def test_a_priority_that_does_not_exist_ends_the_link(session: Session, priority: int) -> None:
    session.publish("q", "x", priority=priority, blocking=False)
    assert session.client.world.closed == [session.client.link]
