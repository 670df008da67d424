"""Receiving: windows, waiting, forced deliveries, acknowledgements, the ways a consumer ends."""

from __future__ import annotations

import pytest
from tests.engine.client_world import ClientWorld, fragile, resilient

from corewire.client.message import Message
from corewire.errors import IllegalState, LocalProtocolError, NotConnected, ObjectClosed, TransactionRolledBack
from corewire.events import ConsumerClosedByBroker
from corewire.values import AckMode, Queue, QueueConfiguration, RoutingType
from corewire.wire import packets
from corewire.wire.registry import encode


def filled(world: ClientWorld, count: int, queue: str = "q") -> None:
    """A queue with messages "0", "1", ..."""
    session = world.session()
    for number in range(count):
        world.run(world.engine.send(world.now, session, Queue(queue), Message(str(number))))


# -- windows ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("window", [0, 1, 300, 1_048_576, None])
@pytest.mark.parametrize("ack_mode", [AckMode.AUTO, AckMode.CLIENT, AckMode.INDIVIDUAL, AckMode.DUPS_OK, AckMode.PRE])
def test_every_window_delivers_everything_in_order_and_once(window: int | None, ack_mode: AckMode) -> None:
    world = ClientWorld()
    filled(world, 20)
    session = world.session(ack_mode=ack_mode)
    consumer = world.consumer(session, window_bytes=window)
    assert world.receive_all(consumer) == [str(number) for number in range(20)]
    world.run(world.engine.close_session(world.now, session))
    assert world.run(world.engine.query_queue(world.now, world.session(), "q")).message_count == 0


def test_without_a_window_nothing_comes_unasked() -> None:
    world = ClientWorld()
    filled(world, 3)
    session = world.session()
    consumer = world.consumer(session, window_bytes=0)
    world.advance(1.0)
    assert world.engine.buffered(consumer) == 0
    delivery = world.run(world.engine.receive(world.now, consumer))
    world.advance(1.0)
    assert delivery.text == "0"
    assert world.engine.buffered(consumer) == 0


@pytest.mark.parametrize("window", [0, 1_048_576])
def test_abandoned_receives_lose_nothing_at_any_moment(window: int) -> None:
    world = ClientWorld()
    session, sender = world.session(), world.session()
    consumer = world.consumer(session, window_bytes=window)
    received: list[str] = []
    for number in range(40):
        world.engine.send(world.now, sender, Queue("q"), Message(str(number)))
        waiting = world.engine.receive(world.now, consumer)
        for _ in range(number % 9):
            world.step()
        if not waiting.done:
            world.engine.abandon(world.now, waiting)
            continue
        received.append(waiting.result().text)
        assert waiting.result().delivery_count == 1
        world.engine.acknowledge(world.now, waiting.result())
    world.pump()
    received += world.receive_all(consumer)
    assert received == [str(number) for number in range(40)]
    assert world.run(world.engine.query_queue(world.now, sender, "q")).message_count == 0


def test_the_brokers_own_default_replaces_the_clients() -> None:
    world = ClientWorld()
    session = world.session()
    world.consumer(session, "q")
    world.consumer(session, "q", window_bytes=500)
    tokens = [packet.credits for packet in world.written(packets.SessionFlowToken)]
    default = world.brokers["one"].state.config.addresses.default_consumer_window_bytes
    assert tokens == [default, 500]


# -- forced deliveries --------------------------------------------------------------------------------------------------------


def test_an_empty_queue_is_known_to_be_empty() -> None:
    world = ClientWorld()
    session = world.session()
    consumer = world.consumer(session)
    assert world.run(world.engine.receive_immediate(world.now, consumer)) is None
    assert world.sent.count("SESS_FORCE_CONSUMER_DELIVERY") == 1


def test_a_late_marker_is_no_message_and_answers_nobody_else() -> None:
    world = ClientWorld()
    session = world.session()
    consumer = world.consumer(session)
    world.wire.deaf = True
    first = world.engine.receive_immediate(world.now, consumer)
    world.pump()
    world.engine.abandon(world.now, first)
    second = world.engine.receive_immediate(world.now, consumer)
    world.wire.deaf = False
    world.step()
    assert not second.done, "the marker that came is the first one's"
    assert world.run(second) is None


def test_a_stopped_session_is_not_asked() -> None:
    world = ClientWorld()
    filled(world, 1)
    session = world.session()
    world.run(world.engine.stop_session(world.now, session))
    consumer = world.consumer(session)
    assert world.run(world.engine.receive_immediate(world.now, consumer)) is None
    world.run(world.engine.start_session(world.now, session))
    assert world.run(world.engine.receive(world.now, consumer)).text == "0"


# -- who waits -------------------------------------------------------------------------------------------------------------------


def test_a_stopped_session_keeps_what_has_come() -> None:
    world = ClientWorld()
    session = world.session()
    consumer = world.consumer(session)
    filled(world, 2)
    world.run(world.engine.stop_session(world.now, session))
    assert world.engine.buffered(consumer) == 2
    assert world.engine.receive_nowait(world.now, consumer) is None
    waiting = world.engine.receive(world.now, consumer)
    world.pump()
    assert not waiting.done
    world.engine.start_session(world.now, session)
    assert waiting.result().text == "0"


def test_two_who_wait_in_one_session_are_a_mistake() -> None:
    world = ClientWorld()
    session = world.session()
    one, two = world.consumer(session, "one"), world.consumer(session, "two")
    world.engine.receive(world.now, one)
    with pytest.raises(LocalProtocolError):
        world.engine.receive(world.now, one)
    with pytest.raises(LocalProtocolError):
        world.engine.receive_immediate(world.now, two)


@pytest.mark.parametrize("window", [1_048_576, 0])
@pytest.mark.parametrize("ack_mode", [AckMode.PRE, AckMode.INDIVIDUAL])
def test_where_it_does_no_harm_they_may(ack_mode: AckMode, window: int) -> None:
    world = ClientWorld()
    session = world.session(ack_mode=ack_mode)
    one, two = (world.consumer(session, queue, window_bytes=window) for queue in ("one", "two"))
    waiting = [world.engine.receive(world.now, each) for each in (one, one, two)]
    filled(world, 2, "one")
    filled(world, 1, "two")
    assert [each.result().text for each in waiting] == ["0", "1", "0"]


# -- acknowledging ---------------------------------------------------------------------------------------------------------------


def test_what_is_received_in_a_transaction_is_part_of_it_also_where_brokers_are_to_forget_what_they_deliver() -> None:
    world = ClientWorld(resilient(pre_acknowledge=True))
    filled(world, 2)
    session = world.session(transacted=True)
    consumer = world.consumer(session)
    for ending in (world.engine.rollback, world.engine.commit):
        assert world.receive_all(consumer, acknowledge=False) == ["0", "1"]
        world.run(ending(world.now, session))
    assert world.run(world.engine.query_queue(world.now, session, "q")).message_count == 0


def test_dups_ok_tells_in_batches_and_when_idle() -> None:
    world = ClientWorld(resilient(dups_ok_batch_bytes=1_000))
    filled(world, 20)
    session = world.session(ack_mode=AckMode.DUPS_OK)
    consumer = world.consumer(session)
    world.pump()
    for _ in range(20):
        delivery = world.engine.receive_nowait(world.now, consumer)
        assert delivery is not None
        world.engine.acknowledge(world.now, delivery)
    world.pump()
    assert 1 <= world.sent.count("SESS_ACKNOWLEDGE") < 10
    assert world.run(world.engine.receive_immediate(world.now, consumer)) is None
    assert world.run(world.engine.query_queue(world.now, session, "q")).message_count == 0


def test_a_second_acknowledgement_does_nothing() -> None:
    world = ClientWorld()
    filled(world, 1)
    session = world.session()
    delivery = world.run(world.engine.receive(world.now, world.consumer(session)))
    for _ in range(3):
        world.run(world.engine.acknowledge(world.now, delivery))
    assert world.sent.count("SESS_ACKNOWLEDGE") == 1


def test_blocking_acknowledgements_wait_for_the_broker() -> None:
    world = ClientWorld(resilient(block_on_acknowledge=True))
    filled(world, 1)
    session = world.session()
    delivery = world.run(world.engine.receive(world.now, world.consumer(session)))
    acknowledged = world.engine.acknowledge(world.now, delivery)
    assert not acknowledged.done
    world.run(acknowledged)


@pytest.mark.parametrize("ack_batch_bytes", [1, 1_048_576])
def test_client_mode_covers_the_session_up_to_the_message(ack_batch_bytes: int) -> None:
    world = ClientWorld(resilient(ack_batch_bytes=ack_batch_bytes))
    filled(world, 3, "one")
    filled(world, 3, "two")
    session = world.session(ack_mode=AckMode.CLIENT)
    one, two = world.consumer(session, "one"), world.consumer(session, "two")
    deliveries = [world.run(world.engine.receive(world.now, each)) for each in (one, two, one, two)]
    world.run(world.engine.acknowledge(world.now, deliveries[2]))
    left = [world.run(world.engine.query_queue(world.now, session, each)).message_count for each in ("one", "two")]
    assert left == [1, 2]
    assert world.sent.count("SESS_ACKNOWLEDGE") == 2  # one of each consumer


def test_what_was_taken_back_is_not_acknowledged() -> None:
    for ack_mode, error in ((AckMode.AUTO, None), (AckMode.CLIENT, TransactionRolledBack)):
        world = ClientWorld()
        filled(world, 1)
        session = world.session(ack_mode=ack_mode)
        consumer = world.consumer(session)
        delivery = world.run(world.engine.receive(world.now, consumer))
        world.run(world.engine.rollback(world.now, session, consider_last_delivered=True))
        acknowledged = world.engine.acknowledge(world.now, delivery)
        world.pump()
        assert (acknowledged.error is None) is (error is None)
        again = world.run(world.engine.receive(world.now, consumer))
        assert (again.text, again.delivery_count) == ("0", 2)


@pytest.mark.parametrize("ack_mode", [AckMode.AUTO, AckMode.DUPS_OK, AckMode.CLIENT, AckMode.INDIVIDUAL])
@pytest.mark.parametrize("given_up", [True, False])
def test_after_the_end_an_acknowledgement_says_why(ack_mode: AckMode, given_up: bool) -> None:
    world = ClientWorld(resilient(reconnect_attempts=0))
    filled(world, 1)
    session = world.session(ack_mode=ack_mode)
    delivery = world.run(world.engine.receive(world.now, world.consumer(session)))
    if given_up:
        world.cut()
        world.pump()
    else:
        world.run(world.engine.close_session(world.now, session))
    with pytest.raises(NotConnected if given_up else ObjectClosed):
        world.engine.acknowledge(world.now, delivery)


def test_towards_another_broker_messages_are_acknowledged_one_by_one() -> None:
    world = ClientWorld(resilient(transaction_batch_bytes=1_000_000), foreign=True)
    filled(world, 3)
    session = world.session(transacted=True)
    consumer = world.consumer(session)
    for _ in range(3):
        world.run(world.engine.receive(world.now, consumer))
    world.run(world.engine.commit(world.now, session))
    assert world.sent.count("SESS_INDIVIDUAL_ACKNOWLEDGE") == 3
    assert world.sent.count("SESS_ACKNOWLEDGE") == 0


@pytest.mark.parametrize("cut", [True, False])
def test_an_acknowledgement_that_another_broker_ran_twice_raises_nothing(cut: bool) -> None:
    """Artemis refuses the copy that is written again after a re-attachment: the message is gone already. Without a cut it means it."""
    world = ClientWorld(resilient(block_on_acknowledge=True), foreign=True)
    filled(world, 1)
    session = world.session()
    consumer = world.consumer(session)
    delivery = world.run(world.engine.receive(world.now, consumer))
    acknowledged = world.engine.acknowledge(world.now, delivery)
    while world.perform():
        pass
    if cut:
        world.cut()
        world.now += 1.0
        world.engine.handle_timeout(world.now)
        while not world.engine.counters.reattached_sessions:
            world.step()
    world.wire.to_broker.clear()
    refusal = packets.ExceptionResponse(104, "AMQ229027: Could not find reference")
    world.wire.to_client += encode(refusal, world.engine._session(session).channel.channel, 136)
    world.pump()
    assert isinstance(acknowledged.error, IllegalState) is not cut


# -- ends ------------------------------------------------------------------------------------------------------------------------


def test_a_queue_deleted_under_a_consumer_ends_it_and_nothing_else() -> None:
    world = ClientWorld()
    session = world.session()
    queue = QueueConfiguration(name="q", routing_type=RoutingType.ANYCAST)
    world.run(world.engine.create_queue(world.now, session, queue))
    consumer = world.consumer(session, create=False)
    waiting = world.engine.receive(world.now, consumer)
    channel, number = world.engine._session(session).channel.channel, world.engine._consumer(consumer).number
    world.wire.to_client += encode(packets.DisconnectConsumer(number), channel, 136)
    world.pump()
    with pytest.raises(ObjectClosed):
        waiting.result()
    assert world.names(ConsumerClosedByBroker) == [ConsumerClosedByBroker("q")]
    assert world.sent.count("SESS_CONSUMER_CLOSE") == 1
    assert world.run(world.engine.query_queue(world.now, session, "q")).consumer_count == 0


def test_what_came_before_the_broker_closed_it_can_be_received() -> None:
    world = ClientWorld()
    filled(world, 2)
    session = world.session()
    consumer = world.consumer(session)
    world.pump()
    world.engine._consumer(consumer).closed_by_broker(world.now)
    assert [world.run(world.engine.receive(world.now, consumer)).text for _ in range(2)] == ["0", "1"]
    with pytest.raises(ObjectClosed):
        world.engine.receive(world.now, consumer)


def test_closing_ends_who_waits() -> None:
    world = ClientWorld()
    session = world.session()
    consumer = world.consumer(session)
    waiting = world.engine.receive(world.now, consumer)
    world.run(world.engine.close_consumer(world.now, consumer))
    with pytest.raises(ObjectClosed):
        waiting.result()
    world.run(world.engine.close_consumer(world.now, consumer))


def test_closing_gives_back_what_was_not_handed_out() -> None:
    world = ClientWorld()
    filled(world, 3)
    session = world.session()
    consumer = world.consumer(session)
    delivery = world.run(world.engine.receive(world.now, consumer))
    world.run(world.engine.acknowledge(world.now, delivery))
    world.run(world.engine.close_consumer(world.now, consumer))
    other = world.consumer(world.session())
    again = [world.run(world.engine.receive(world.now, other)) for _ in range(2)]
    assert [(each.text, each.delivery_count) for each in again] == [("1", 1), ("2", 1)]


def test_left_by_an_exception_the_message_in_hand_comes_again_counted() -> None:
    world = ClientWorld()
    filled(world, 3)
    session = world.session()
    consumer = world.consumer(session)
    world.run(world.engine.receive(world.now, consumer))
    world.run(world.engine.close_consumer(world.now, consumer, consider_last_delivered=True))
    other = world.consumer(world.session())
    again = [world.run(world.engine.receive(world.now, other)) for _ in range(3)]
    assert [(each.text, each.delivery_count) for each in again] == [("0", 2), ("1", 1), ("2", 1)]


def test_a_recreated_consumer_has_its_whole_window_again() -> None:
    world = ClientWorld(fragile(retry_interval_s=0.1))
    filled(world, 3)
    session = world.session()
    consumer = world.consumer(session, window_bytes=600)
    world.cut()
    world.advance(1.0)
    tokens = [packet.credits for packet in world.written(packets.SessionFlowToken)]
    assert tokens == [600, 600]
    assert world.receive_all(consumer) == ["0", "1", "2"]


def test_the_first_word_of_nothing_behind_a_reattachment_is_no_proof_at_another_broker() -> None:
    world = ClientWorld(resilient(retry_interval_s=0.1), foreign=True)
    consumer = world.consumer(world.session(), window_bytes=0)
    world.run(world.engine.receive_immediate(world.now, consumer))
    asked = world.sent.count("SESS_FORCE_CONSUMER_DELIVERY")
    world.cut()
    world.advance(1.0)
    assert world.run(world.engine.receive_immediate(world.now, consumer)) is None
    assert world.sent.count("SESS_FORCE_CONSUMER_DELIVERY") == asked + 2
    assert world.run(world.engine.receive_immediate(world.now, consumer)) is None
    assert world.sent.count("SESS_FORCE_CONSUMER_DELIVERY") == asked + 3
