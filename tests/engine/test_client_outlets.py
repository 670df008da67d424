"""Sending: look-ups, credits, refusals, what is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.engine.client_world import ClientWorld, fragile, resilient

from corewire.client._outlets import OUTLETS_MAX
from corewire.client.message import Message
from corewire.errors import (
    AddressDoesNotExist,
    AddressFull,
    CallTimeout,
    LocalProtocolError,
    NotConnected,
    ObjectClosed,
    QueueDoesNotExist,
    UnexpectedRoutingType,
)
from corewire.events import ProducerBlocked, ProducerUnblocked
from corewire.values import Address, Queue, QueueConfiguration, RoutingType, Topic
from corewire.wire import packets
from corewire.wire.hot import SEND, SEND_TRAILER_NAMED, parse_send
from corewire.wire.message import CoreMessage
from corewire.wire.registry import encode
from corewire_server.core import Broker, CoreConfig
from corewire_server.core.config import AddressSettings

if TYPE_CHECKING:
    from corewire.client._ids import SessionId
    from corewire.values import Destination


def grant(world: ClientWorld, session: SessionId, size: int, address: str, *, failed: bool = False) -> None:
    """The broker grants credits unasked."""
    kind = packets.SessionProducerFailCredits if failed else packets.SessionProducerCredits
    channel = world.engine._session(session).channel.channel
    world.wire.to_client += encode(kind(size, address), channel, 136)


def poor(world: ClientWorld, session: SessionId) -> None:
    """A destination that is known, and whose credits are spent: further ones do not come."""
    world.run(world.engine.send(world.now, session, Queue("q"), Message("x")))
    account = world.engine._session(session).outlets.outlet(Queue("q")).credits
    account._balance, account._arriving = 0, 1 << 30


# -- looking up -------------------------------------------------------------------------------------------------------------


def test_a_destination_is_looked_up_once() -> None:
    world = ClientWorld()
    session = world.session()
    for _ in range(3):
        world.run(world.engine.send(world.now, session, Queue("q"), Message("x")))
    assert world.sent.count("SESS_BINDINGQUERY") == 1
    assert world.sent.count("CREATE_QUEUE_V2") == 1


def test_sends_before_the_look_up_is_through_keep_their_order() -> None:
    world = ClientWorld()
    session = world.session()
    sends = [world.engine.send(world.now, session, Queue("q"), Message(str(number))) for number in range(5)]
    world.pump()
    for each in sends:
        each.result()
    assert world.receive_all(world.consumer(session)) == ["0", "1", "2", "3", "4"]
    assert world.sent.count("SESS_BINDINGQUERY") == 2  # one is the consumer's


@pytest.mark.parametrize("attempts", [0, 3, None])
def test_a_look_up_that_is_not_answered_in_time_is_a_call_that_was_not(attempts: int | None) -> None:
    world = ClientWorld(fragile(reconnect_attempts=attempts, call_timeout_s=2.0, retry_interval_s=0.1))
    session = world.session()
    world.wire.deaf = True
    first = world.engine.send(world.now, session, Queue("new"), Message("x"))
    stream = world.engine.begin_large(world.now, session, Topic("new"), Message(None))
    world.advance(1.9)
    assert not first.done
    later = world.engine.send(world.now, session, Queue("new"), Message("y"))
    world.advance(0.2)
    for each in (first, stream):
        assert isinstance(each.error, CallTimeout)
    assert isinstance(later.error, NotConnected if attempts == 0 else type(None))  # it has waited for a moment only
    if attempts != 0:
        world.advance(1.0)
        assert later.done
        assert world.receive_all(world.consumer(session, "new")) == ["y"]


@pytest.mark.parametrize(
    ("destination", "error"),
    [
        (Topic("anycast"), UnexpectedRoutingType),
        (Queue("multicast"), UnexpectedRoutingType),
        (Address("nothing"), AddressDoesNotExist),
        (Queue("gone", temporary=True), AddressDoesNotExist),
        (Queue("anycast::other", temporary=True), QueueDoesNotExist),
    ],
)
def test_a_wrong_destination_is_told_instead_of_vanishing(destination: Destination, error: type[Exception]) -> None:
    world = ClientWorld()
    session = world.session()
    for name, kind in (("anycast", RoutingType.ANYCAST), ("multicast", RoutingType.MULTICAST)):
        world.run(world.engine.create_queue(world.now, session, QueueConfiguration(name=name, routing_type=kind)))
    for _ in range(2):  # it is looked up again: it may have come
        with pytest.raises(error):
            world.run(world.engine.send(world.now, session, destination, Message("x")))
    with pytest.raises(error):
        world.run(world.engine.create_producer(world.now, session, destination))


def test_nothing_is_made_where_the_broker_forbids_it() -> None:
    world = ClientWorld(pump=False)
    settings = AddressSettings(auto_create_queues=False, auto_create_addresses=False)
    world.brokers["one"] = Broker(CoreConfig(node_seed=b"one", addresses=settings))
    world.brokers["one"].recover([])
    world.pump()
    session = world.session()
    with pytest.raises(AddressDoesNotExist):
        world.run(world.engine.send(world.now, session, Queue("q"), Message("x")))
    with pytest.raises(QueueDoesNotExist):
        world.consumer(session, "q")


def test_a_bare_address_reaches_queues_of_either_kind() -> None:
    world = ClientWorld()
    session = world.session()
    for name, kind in (("a", RoutingType.ANYCAST), ("b", RoutingType.MULTICAST)):
        queue = QueueConfiguration(name=name, address="both", routing_type=kind)
        world.run(world.engine.create_queue(world.now, session, queue))
    world.run(world.engine.send(world.now, session, Address("both"), Message("x")))
    assert [world.receive_all(world.consumer(session, name, create=False)) for name in "ab"] == [["x"], ["x"]]


# -- credits -----------------------------------------------------------------------------------------------------------------


def test_a_sender_without_credits_waits_and_both_are_told() -> None:
    world = ClientWorld()
    session = world.session()
    poor(world, session)
    sent = world.engine.send(world.now, session, Queue("q"), Message("y"))
    world.advance(3.0)
    assert not sent.done
    assert world.names(ProducerBlocked) == [ProducerBlocked("q")]
    grant(world, session, 10_000, "q")
    world.run(sent)
    assert world.names(ProducerUnblocked) == [ProducerUnblocked("q", 3.0)]


def test_an_address_is_not_blocked_when_whoever_waited_has_gone() -> None:
    world = ClientWorld()
    session = world.session()
    producer = world.run(world.engine.create_producer(world.now, session, Queue("q")))
    poor(world, session)
    sent = world.engine.send(world.now, session, Queue("q"), Message("y"))
    world.advance(3.0)
    assert world.engine.blocked(producer)
    world.engine.abandon(world.now, sent)
    assert not world.engine.blocked(producer)
    world.pump()
    assert world.names(ProducerUnblocked) == [ProducerUnblocked("q", 3.0)]


def test_a_full_address_refuses_who_waits_and_no_one_else() -> None:
    world = ClientWorld()
    session = world.session()
    poor(world, session)
    first = world.engine.send(world.now, session, Queue("q"), Message("y"))
    second = world.engine.send(world.now, session, Queue("q"), Message("z"))
    grant(world, session, 10_000, "q", failed=True)
    world.pump()
    with pytest.raises(AddressFull):
        first.result()
    second.result()


def test_a_sender_that_waits_for_credits_goes_on_after_the_session_was_recreated() -> None:
    world = ClientWorld(fragile(retry_interval_s=0.1))
    session = world.session()
    poor(world, session)
    sent = world.engine.send(world.now, session, Queue("q"), Message("y"))
    world.pump()
    assert not sent.done
    world.cut()
    world.advance(1.0)
    sent.result()


def test_an_abandoned_sender_gives_up_its_place() -> None:
    world = ClientWorld()
    session = world.session()
    poor(world, session)
    first = world.engine.send(world.now, session, Queue("q"), Message("withdrawn"))
    second = world.engine.send(world.now, session, Queue("q"), Message("y"))
    world.engine.abandon(world.now, first)
    grant(world, session, 10_000, "q")
    world.run(second)
    assert world.receive_all(world.consumer(session)) == ["x", "y"]


def test_behind_an_abandoned_sender_a_smaller_message_goes_out_at_once() -> None:
    world = ClientWorld()
    session = world.session()
    poor(world, session)
    grant(world, session, 500, "q")
    world.pump()
    large = world.engine.send(world.now, session, Queue("q"), Message("y" * 1_000))
    small = world.engine.send(world.now, session, Queue("q"), Message("z", durable=False))
    assert not small.done
    world.engine.abandon(world.now, large)
    assert small.done


# -- room ----------------------------------------------------------------------------------------------------------------------


def test_a_sender_goes_on_when_the_broker_has_what_another_session_sent() -> None:
    world = ClientWorld(resilient(resend_bytes_max=20_000, producer_window_bytes=None))
    quiet, busy = world.session(), world.session()
    for session in (quiet, busy):
        world.run(world.engine.send(world.now, session, Queue("q"), Message("known")))
    world.advance(3.0)
    for _ in range(2):
        world.engine.send(world.now, busy, Queue("q"), Message(b"y" * 2_200, durable=False))
    sent = world.engine.send(world.now, quiet, Queue("q"), Message(b"z" * 15_500))
    world.pump()
    assert not sent.done
    world.advance(3.0)
    sent.result()
    assert world.engine.resend_bytes == 0


def test_a_sender_goes_on_when_another_one_walks_away() -> None:
    world = ClientWorld(resilient(resend_bytes_max=10_000, producer_window_bytes=None))
    one, other = world.session(), world.session()
    for session in (one, other):
        world.run(world.engine.send(world.now, session, Queue("q"), Message("known")))
    world.advance(3.0)
    world.refusing.add("one")
    world.cut()
    kept = world.engine.send(world.now, one, Queue("q"), Message("y" * 4_000))
    sent = world.engine.send(world.now, other, Queue("q"), Message("z" * 4_000, durable=False))
    assert not sent.done
    world.engine.abandon(world.now, kept)
    assert sent.done


def test_in_an_outage_nobody_waits_for_room_longer_than_for_a_broker() -> None:
    world = ClientWorld(resilient(resend_bytes_max=7_000, call_failover_timeout_s=3.0, retry_interval_s=0.5))
    session = world.session()
    world.run(world.engine.send(world.now, session, Queue("q"), Message("known")))
    world.refusing.add("one")
    before = [world.engine.send(world.now, session, Queue("q"), Message("y" * 2_000)) for _ in range(3)]
    world.cut()
    sent = [*before, *(world.engine.send(world.now, session, Queue("q"), Message("y" * 2_000)) for _ in range(3))]
    world.advance(3.5)
    for each in sent[1:]:
        with pytest.raises(CallTimeout):
            each.result()
    world.refusing.clear()
    world.advance(5.0)
    assert all(each.done for each in sent)
    assert world.run(world.engine.query_queue(world.now, session, "q")).message_count == 2


def test_who_sends_after_a_look_up_that_came_too_late_does_not_hear_of_it() -> None:
    """Its caller has left, and it was done when the broker was back."""
    world = ClientWorld(resilient(call_failover_timeout_s=1.0, retry_interval_s=0.1))
    session = world.session()
    world.refusing.add("one")
    world.cut()
    late = world.engine.send(world.now, session, Queue("q"), Message("x"))
    world.advance(2.0)
    with pytest.raises(CallTimeout):
        late.result()
    world.refusing.clear()
    world.advance(1.0)
    sent = world.engine.send(world.now, session, Queue("q"), Message("y"))  # waits for credits
    world.engine.handle_timeout(world.now)
    world.run(sent)


def test_who_submits_in_an_outage_waits_no_longer_either() -> None:
    world = ClientWorld(resilient(resend_bytes_max=7_000, call_failover_timeout_s=3.0, retry_interval_s=0.5))
    session = world.session()
    producer = world.run(world.engine.create_producer(world.now, session, Queue("q")))
    world.refusing.add("one")
    world.cut()
    sent = [world.engine.submit(world.now, producer, Message("y" * 2_000)) for _ in range(4)]
    admitted = [each for each in sent if each.done]
    assert 0 < len(admitted) < len(sent)
    world.advance(3.5)
    for each in (*(each.result() for each in admitted), *sent[len(admitted) :]):
        with pytest.raises(CallTimeout):
            each.result()
    world.refusing.clear()
    world.advance(5.0)
    assert not world.run(world.engine.query_queue(world.now, session, "q")).message_count


# -- what is sent ----------------------------------------------------------------------------------------------------------------


def test_more_than_a_frame_holds_is_refused_here() -> None:
    world = ClientWorld(resilient(producer_window_bytes=None, large_message_bytes_min=20_000_000))
    session = world.session()
    with pytest.raises(LocalProtocolError):
        world.engine.send(world.now, session, Queue("q"), Message(bytes(17_000_000)))
    world.run(world.engine.send(world.now, session, Queue("q"), Message(b"x")))


def test_time_to_live_needs_the_wall_clock() -> None:
    world = ClientWorld()
    session = world.session()
    with pytest.raises(LocalProtocolError):
        world.engine.send(world.now, session, Queue("q"), Message("x", ttl=10))
    now_ms = 1_700_001_000_000
    world.run(world.engine.send(world.now, session, Queue("q"), Message("x", ttl=10), wall_ms=now_ms))
    delivery = world.run(world.engine.receive(world.now, world.consumer(session)))
    assert delivery.expiration is not None
    assert delivery.timestamp is not None
    assert (delivery.expiration - delivery.timestamp).total_seconds() == 10


def test_groups_are_named_as_configured() -> None:
    for config, same in ((resilient(group_id="g"), True), (resilient(auto_group=True), False)):
        world = ClientWorld(config)
        session = world.session()
        producer = world.run(world.engine.create_producer(world.now, session, Queue("q")))
        world.engine.submit(world.now, producer, Message("x"))
        world.engine.send(world.now, session, Queue("q"), Message("x"))
        world.engine.send(world.now, session, Queue("q"), Message("x", group_id="own"))
        world.pump()
        sent = [CoreMessage(parse_send(each, SEND_TRAILER_NAMED)[0]) for each in world.frames if each[4] == SEND]
        groups = [each.properties["_AMQ_GROUP_ID"] for each in sent]
        assert groups[2] == "own"
        assert (groups[0] == groups[1]) is same
        assert all(groups)


def test_a_closed_producer_takes_nothing() -> None:
    world = ClientWorld()
    session = world.session()
    producer = world.run(world.engine.create_producer(world.now, session, Queue("q")))
    world.run(world.engine.close_producer(world.now, producer))
    with pytest.raises(ObjectClosed):
        world.engine.submit(world.now, producer, Message("x"))
    assert world.sent.count("REMOVE_PRODUCER") == 1


def test_destinations_that_are_used_once_are_forgotten() -> None:
    world = ClientWorld()
    session = world.session()
    for number in range(1_200):
        world.engine.send(world.now, session, Topic(f"t{number}"), Message("x"))
        world.pump()
    outlets = world.engine._session(session).outlets
    assert len(outlets._outlets) <= OUTLETS_MAX
    assert len(outlets._credits) <= OUTLETS_MAX


def test_looking_at_a_producer_does_not_spare_the_look_up() -> None:
    world = ClientWorld(fragile(retry_interval_s=0.1))
    session = world.session()
    producer = world.run(world.engine.create_producer(world.now, session, Queue("q")))
    world.cut()
    world.advance(1.0)
    assert world.engine.credit_bytes(producer) == 0
    assert not world.engine.blocked(producer)
    world.run(world.run(world.engine.submit(world.now, producer, Message("x"))))
