"""Exactly-once: what it means for the configuration, and what each of its clauses does to a session that is made anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.engine.client_world import ONE, TWO, ClientWorld, replace

from corewire.client.config import ClientConfig
from corewire.client.message import Message
from corewire.errors import AddressDoesNotExist, NotConnected, Unblocked
from corewire.events import FailureDetected, QueueMayForget, Reattached
from corewire.values import Address, Queue, QueueConfiguration, RoutingType
from corewire.wire import packets
from corewire.wire.message import CoreMessage

if TYPE_CHECKING:
    from collections.abc import Callable

    from corewire._operation import Operation


def exactly_once(**fields: Any) -> ClientConfig:
    options: dict[str, Any] = {"endpoints": (ONE,), "exactly_once": True, **fields}
    return ClientConfig(**options)


def test_it_includes_resilience_and_lifts_the_failover_timeout() -> None:
    config = exactly_once()
    assert config.ha
    assert config.reconnect_attempts is None
    assert config.call_failover_timeout_s is None
    assert config.confirmation_window_bytes == 1_048_576
    assert exactly_once(call_failover_timeout_s=5.0).call_failover_timeout_s == 5.0


def step_until(world: ClientWorld, reached: Callable[[], bool]) -> None:
    """Deliver frame by frame, with time where nothing moves, until a point is reached."""
    for _ in range(1_000):
        if reached():
            return
        if not world.step():
            world.now = max(world.now, world.engine.next_timeout() or 0.0)
            world.engine.handle_timeout(world.now)
    raise AssertionError("not reached")


def foreign_world(**fields: Any) -> ClientWorld:
    """With a broker that is not ours; what the client asked before anybody wanted anything is not in its records."""
    world = ClientWorld(exactly_once(**fields), foreign=True)
    world.sent.clear()
    world.frames.clear()
    return world


# -- (a) the window, (c) the fence ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("foreign", "window_bytes"), [(True, -1), (False, 1_048_576)])
def test_only_a_broker_of_ours_gets_a_window(foreign: bool, window_bytes: int) -> None:
    world = ClientWorld(exactly_once(), foreign=foreign)
    world.session()
    assert {packet.window_size for packet in world.written(packets.CreateSessionV2)} == {window_bytes}


def test_every_incarnation_takes_the_same_name_before_anything_else() -> None:
    world = foreign_world()
    session = world.session()
    world.consumer(session)
    world.cut()
    world.advance(1.0)
    names = [(packet.key, packet.data) for packet in world.written(packets.SessionUniqueAddMetadata)]
    assert len(names) == 2
    assert len(set(names)) == 1
    last_made = len(world.sent) - 1 - world.sent[::-1].index("CREATESESSION_V2")
    assert world.sent[last_made + 1] == "SESS_UNIQUE_ADD_METADATA"
    assert world.sent[:last_made].count("REATTACH_SESSION") == 1, "what is left of the one before is ended"


def test_while_the_session_before_lives_nothing_is_written_and_the_name_is_asked_for_again() -> None:
    world = foreign_world(retry_interval_s=0.5)
    session = world.session()
    world.run(world.engine.send(world.now, session, Queue("q"), Message("before")))
    state = world.brokers["one"].state
    ghost = next(iter(state.sessions.values()))
    world.cut()
    state.sessions["ghost"] = ghost  # a real broker may need a while to end it
    waiting = world.engine.send(world.now, session, Queue("q"), Message("behind"))
    world.advance(2.0)
    last_made = len(world.sent) - 1 - world.sent[::-1].index("CREATESESSION_V2")
    assert set(world.sent[last_made + 1 :]) == {"SESS_UNIQUE_ADD_METADATA"}
    assert 3 <= len(world.sent) - last_made - 1 <= 5
    assert not waiting.done
    del state.sessions["ghost"]
    world.advance(0.5)
    waiting.result()


def test_what_an_attempt_made_is_ended_by_the_next_one() -> None:
    world = foreign_world()
    session = world.session()
    world.run(world.engine.send(world.now, session, Queue("q"), Message("one")))
    world.cut()
    step_until(world, lambda: world.sent[-1] == "SESS_UNIQUE_ADD_METADATA")
    world.wire.client_reads = 0  # the fence is passed, its answer lost
    world.advance(1.0)
    names = [packet.name for packet in world.written(packets.ReattachSession)]
    assert len(names) == len(set(names)) + 1, "the lost one twice, that of the first attempt once"
    world.run(world.engine.send(world.now, session, Queue("q"), Message("two")))
    assert world.receive_all(world.consumer(session)) == ["one", "two"]


def test_an_attempt_that_a_broker_of_ours_would_continue_is_ended_too() -> None:
    world = ClientWorld(exactly_once())
    opening = world.engine.create_session(world.now)
    fences = world.sent.count("SESS_UNIQUE_ADD_METADATA")
    step_until(world, lambda: world.sent.count("SESS_UNIQUE_ADD_METADATA") > fences)
    world.wire.deaf = True
    world.turn()
    world.cut()
    world.advance(1.0)
    session = opening.result()
    assert len(world.brokers["one"].state.sessions) == 1
    world.run(world.engine.send(world.now, session, Queue("q"), Message("x")))


def test_an_attempt_is_ended_with_the_number_of_what_came_of_it() -> None:
    """Brokers of ours forget answers that were confirmed, and complain of clients that ask for these again."""
    world = ClientWorld(exactly_once(confirmation_window_bytes=1))
    for _ in range(2):
        world.session()
    asked, fences = len(world.written(packets.ReattachSession)), world.sent.count("SESS_UNIQUE_ADD_METADATA")
    world.restart()
    step_until(world, lambda: world.sent.count("SESS_UNIQUE_ADD_METADATA") == fences + 2)  # the first one is passed
    closed = world.sent.count("SESS_CLOSE")
    made = list(world.brokers["one"].state.sessions)
    world.cut()
    world.advance(1.0)
    questions = world.written(packets.ReattachSession)[asked:]
    received = {packet.name: packet.last_confirmed_command_id for packet in questions}
    assert [received[name] for name in made] == [0, -1]
    assert world.sent.count("SESS_CLOSE") == closed + 2
    assert len(world.brokers["one"].state.sessions) == 2


def test_what_the_fence_is_answered_counts_so_a_reattachment_replays_nothing() -> None:
    world = ClientWorld(exactly_once())
    session = world.session()
    consumer = world.consumer(session)
    world.run(world.engine.send(world.now, session, Queue("q"), Message("x")))
    world.run(world.engine.receive(world.now, consumer))
    world.cut()
    world.advance(1.0)
    assert world.names(Reattached)
    assert world.engine.buffered(consumer) == 0


# -- (b) ids, and messages that are kept until their own answer ------------------------------------------------------------


def submit(world: ClientWorld, producer: Any, *bodies: str, **headers: Any) -> list[Operation[None]]:
    return [world.engine.submit(world.now, producer, Message(body, **headers)).result() for body in bodies]


def test_ids_go_with_durable_messages_outside_transactions() -> None:
    world = foreign_world()
    sessions = world.session(), world.session(transacted=True)
    for session in sessions:
        world.run(world.engine.send(world.now, session, Queue("q"), Message("own", duplicate_id="mine")))
        world.run(world.engine.send(world.now, session, Queue("p"), Message("durable")))
        world.run(world.engine.send(world.now, session, Queue("p"), Message("not", durable=False)))
    own, first, none, own_in, *inside = [
        CoreMessage(packet.message).properties for packet in world.written(packets.SessionSend)
    ]
    assert own["_AMQ_DUPL_ID"] == own_in["_AMQ_DUPL_ID"] == "mine"
    assert str(first["_AMQ_DUPL_ID"]).count("-") == 5, "a UUID and a number"
    assert all("_AMQ_DUPL_ID" not in each for each in (none, *inside))


@pytest.mark.parametrize("executed", [True, False])
def test_an_unanswered_message_is_sent_again_with_its_id_and_is_there_once(executed: bool) -> None:
    world = foreign_world()
    session = world.session()
    world.run(world.engine.send(world.now, session, Queue("q"), Message("first")))
    call = world.engine.send(world.now, session, Queue("q"), Message("x"))
    while world.perform():
        pass
    if executed:
        world.wire.client_reads = 0
        world.turn()
    else:
        world.cut()
    world.advance(1.0)
    call.result()
    sent = [CoreMessage(packet.message) for packet in world.written(packets.SessionSend)]
    ids = [message.properties["_AMQ_DUPL_ID"] for message in sent if message.address == "q"]
    assert ids[1] == ids[2]
    assert len(ids) == 3
    assert world.receive_all(world.consumer(session)) == ["first", "x"]


@pytest.mark.parametrize("arrived_bytes", range(1, 1_900, 310))
def test_messages_are_sent_again_in_order_before_newer_ones(arrived_bytes: int) -> None:
    world = foreign_world()
    session = world.session()
    producer = world.run(world.engine.create_producer(world.now, session, Queue("q")))
    written = submit(world, producer, *"abcde")
    while world.perform():
        pass
    world.wire.broker_reads = arrived_bytes
    world.wire.deaf = True
    world.turn()
    newer = submit(world, producer, *"fg")
    world.advance(1.0)
    for receipt in (*written, *newer):
        receipt.result()
    assert world.receive_all(world.consumer(session)) == list("abcdefg")
    assert world.engine.resend_bytes == 0


def test_large_messages_are_sent_again_in_order_though_the_second_was_half_way() -> None:
    world = foreign_world(large_message_bytes_min=1_000, producer_window_bytes=6_000)
    session = world.session()
    producer = world.run(world.engine.create_producer(world.now, session, Queue("q")))
    world.wire.stalled = True
    for letter in "ab":
        world.engine.submit(world.now, producer, Message(letter * 1_000))
    world.perform()
    assert world.sent.count("SESS_SEND_LARGE") == 2
    assert world.sent.count("SESS_SEND_CONTINUATION") < 6
    world.wire.stalled = False
    world.wire.to_broker.clear()
    world.cut()
    step_until(world, lambda: world.sent.count("SESS_SEND_LARGE") > 2)
    first, _, again, *_ = world.written(packets.SessionSendLarge)
    assert again.message == first.message


def test_what_waits_for_its_answer_counts_against_what_may_be_kept() -> None:
    world = foreign_world(resend_bytes_max=2_000, producer_window_bytes=None)
    session = world.session()
    producer = world.run(world.engine.create_producer(world.now, session, Queue("q")))
    world.wire.deaf = True
    outer = [world.engine.submit(world.now, producer, Message("x" * 500)) for _ in range(6)]
    world.pump()
    assert [each.done for each in outer].count(True) == 1
    world.cut_all()
    world.advance(1.0)
    assert all(each.done and each.result().done for each in outer)
    assert len(world.receive_all(world.consumer(session))) == 6
    assert world.engine.counters.messages_sent == 6, "sent again is not sent twice"


def test_a_cancelled_send_is_sent_again_if_it_was_written_and_withdrawn_if_not() -> None:
    world = foreign_world()
    session = world.session()
    world.run(world.engine.send(world.now, session, Queue("q"), Message("first")))
    written = world.engine.send(world.now, session, Queue("q"), Message("written"))
    while world.perform():
        pass
    world.cut()
    kept = world.engine.send(world.now, session, Queue("q"), Message("kept"))
    withdrawn = world.engine.send(world.now, session, Queue("q"), Message("withdrawn"))
    for call in (written, withdrawn):
        world.engine.abandon(world.now, call)
    world.advance(1.0)
    kept.result()
    assert world.receive_all(world.consumer(session)) == ["first", "written", "kept"]


def test_a_message_that_was_to_be_withdrawn_between_two_failures_goes_out_if_it_was_written_once() -> None:
    world = foreign_world(producer_window_bytes=None)
    session = world.session()
    producer = world.run(world.engine.create_producer(world.now, session, Queue("q")))
    receipts = submit(world, producer, "a", "b")
    while world.perform():
        pass
    world.cut()
    looked_up = world.sent.count("SESS_BINDINGQUERY")
    step_until(world, lambda: world.sent.count("SESS_BINDINGQUERY") > looked_up)
    world.cut()  # they wait for the look-up of their destination, and for nothing else
    for receipt in receipts:
        world.engine.abandon(world.now, receipt)
    world.advance(1.0)
    assert world.receive_all(world.consumer(session)) == ["a", "b"]


def test_given_up_written_messages_are_unblocked_and_others_not_connected() -> None:
    world = foreign_world(reconnect_attempts=2, retry_interval_s=0.1)
    session = world.session()
    world.run(world.engine.send(world.now, session, Queue("q"), Message("first")))
    written = world.engine.send(world.now, session, Queue("q"), Message("written"))
    while world.perform():
        pass
    world.refusing.add("one")
    world.cut()
    never = world.engine.send(world.now, session, Queue("q"), Message("never"))
    world.advance(10.0)
    with pytest.raises(Unblocked):
        written.result()
    with pytest.raises(NotConnected):
        never.result()


# -- (c) another broker, look-ups, patience ----------------------------------------------------------------------------


def test_at_a_broker_with_another_node_id_nobody_knows() -> None:
    config = exactly_once(endpoints=(ONE, TWO), reconnect_attempts=1, failover_attempts=None)
    world = ClientWorld(replace(config, use_topology_for_load_balancing=False), foreign=True, pump=False)
    world.add_broker("two").state.node_id = "99999999-1234-1234-8234-123456789abc"
    session = world.session()
    world.run(world.engine.send(world.now, session, Queue("q"), Message("first")))
    written = world.engine.send(world.now, session, Queue("q"), Message("written"))
    while world.perform():
        pass
    world.refusing.add(world.wire.endpoint.host)
    world.cut()
    never = world.engine.send(world.now, session, Queue("q"), Message("never written"))
    world.advance(5.0)
    with pytest.raises(Unblocked):
        written.result()
    never.result()
    assert world.receive_all(world.consumer(session)) == ["never written"]


def test_destinations_are_looked_up_again_before_anything_is_sent_again() -> None:
    world = foreign_world()
    session = world.session()
    queue = QueueConfiguration(name="q", address="a", routing_type=RoutingType.ANYCAST)
    world.run(world.engine.create_queue(world.now, session, queue))
    world.run(world.engine.send(world.now, session, Address("a"), Message("first")))
    call = world.engine.send(world.now, session, Address("a"), Message("x"))
    while world.perform():
        pass
    world.restart()  # with nothing that was there: as if somebody had deleted the address
    world.brokers["one"].state.node_id = world.engine.node_id or ""
    world.advance(1.0)
    with pytest.raises(AddressDoesNotExist):
        call.result()


def test_a_call_timeout_stands_still_while_the_client_recovers() -> None:
    world = foreign_world(call_timeout_s=5.0)
    session = world.session()
    world.run(world.engine.send(world.now, session, Queue("q"), Message("first")))
    call = world.engine.send(world.now, session, Queue("q"), Message("x"))
    asked = world.engine.query_queue(world.now, session, "q")
    while world.perform():
        pass
    world.refusing.add("one")
    world.cut()
    world.advance(120.0)
    assert not call.done
    assert not asked.done
    world.refusing.clear()
    world.advance(5.0)
    call.result()
    assert asked.result().message_count >= 1


def test_after_a_reattachment_a_call_has_the_time_left_that_it_had() -> None:
    world = ClientWorld(exactly_once(call_timeout_s=5.0))
    session = world.session()
    asked = world.engine.query_queue(world.now, session, "q")
    while world.perform():
        pass
    world.wire.stalled = True
    world.advance(3.0)
    world.refusing.add("one")
    world.wire.stalled = False
    world.wire.to_broker.clear()
    world.cut()
    world.advance(60.0)
    assert not asked.done
    world.refusing.clear()
    world.advance(3.0)
    asked.result()


@pytest.mark.parametrize("foreign", [True, False])
def test_a_broker_that_falls_silent_is_left_and_nobody_is_told(foreign: bool) -> None:
    world = ClientWorld(exactly_once(call_timeout_s=5.0), foreign=foreign)
    session = world.session()
    world.run(world.engine.send(world.now, session, Queue("q"), Message("first")))
    calls: list[Operation[Any]] = [
        world.engine.send(world.now, session, Queue("q"), Message("x")),
        world.engine.query_queue(world.now, session, "q"),
        world.engine.create_session(world.now),
    ]
    while world.perform():
        pass
    world.wire.stalled = True
    world.advance(4.0)
    assert not world.names(FailureDetected)
    world.advance(2.0)
    world.advance(60.0)
    assert len(world.names(FailureDetected)) == 1
    for call in calls:
        call.result()
    assert world.receive_all(world.consumer(session)) == ["first", "x"]


# -- (f) queues that keep their memory -----------------------------------------------------------------------------------


def test_queues_that_the_client_makes_are_not_deleted_when_they_are_empty() -> None:
    world = foreign_world()
    session = world.session()
    world.run(world.engine.send(world.now, session, Queue("sent"), Message("x")))
    world.consumer(session, "consumed")
    made = world.written(packets.CreateQueueV2)
    assert [(packet.queue_name, packet.auto_delete) for packet in made] == [("sent", False), ("consumed", False)]
    assert not world.engine.warnings


def test_an_existing_queue_that_is_deleted_when_empty_is_named_once() -> None:
    world = foreign_world()
    session = world.session()
    for name in ("sent", "consumed"):
        queue = QueueConfiguration(name=name, routing_type=RoutingType.ANYCAST, auto_delete=True)
        world.run(world.engine.create_queue(world.now, session, queue))
    for _ in range(2):
        other = world.session()
        world.run(world.engine.send(world.now, other, Queue("sent"), Message("x")))
        world.consumer(other, "consumed", create=False)
    assert list(world.engine.warnings) == [QueueMayForget("sent"), QueueMayForget("consumed")]
