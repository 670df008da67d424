"""
Failures of the reference's catalogue, by number: sessions that are made anew, and what becomes of their transactions.

Those of a session's own life are in ``test_client_scenarios.py``, which also says where each number is tested.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from tests.engine import test_client_failures as failures
from tests.engine import test_client_large_receive as large_receive
from tests.engine import test_client_large_send as large_send
from tests.engine import test_client_lifeline as lifeline
from tests.engine import test_client_openings as openings
from tests.engine import test_client_outlets as outlets
from tests.engine import test_client_quirks as quirks
from tests.engine.client_world import ONE, TWO, ClientWorld, fragile, resilient
from tests.engine.xa_world import ONE as BRANCH
from tests.engine.xa_world import XaWorld

from corewire._states import ClientState
from corewire.client._engine import ClientEngine
from corewire.client.message import Message
from corewire.errors import (
    CorewireError,
    DuplicateIdRejected,
    ErrorCode,
    TransactionOutcomeUnknown,
    TransactionRolledBack,
    Unblocked,
    XaCode,
)
from corewire.events import FailedOver, FailureDetected, Reconnecting
from corewire.values import AckMode, Queue, QueueConfiguration, RoutingType, Topic
from corewire.wire import packets
from corewire.wire.framing import MAGIC, FrameReader, packet_type
from corewire.wire.registry import encode
from corewire_server.core.inputs import BytesReceived

if TYPE_CHECKING:
    from corewire.client._ids import SessionId


def test_s047_an_outage_longer_than_the_time_to_live() -> None:
    world = ClientWorld(resilient(connection_ttl_s=5.0, client_failure_check_period_s=1.0, retry_interval_s=1.0))
    world.session()
    world.refusing.add("one")
    world.cut()
    world.advance(60.0)
    world.refusing.clear()
    world.advance(5.0)
    assert [event.recreated_sessions for event in world.names(FailedOver) if isinstance(event, FailedOver)] == [1]


class TwoAcceptors(ClientWorld):
    """A broker that is known by two names, and knows at the second nothing of the sessions of the first."""

    def _step(self, host: str, item: Any) -> None:
        wire = self.wires.get(item.link - (1 << 32)) if isinstance(item, BytesReceived) else None
        if wire is not None and host == "two" and self._is_asked(item.data):
            wire.to_client += encode(packets.ReattachSessionResponse(-1, reattached=False), 1, 136)
        else:
            super()._step(host, item)

    @staticmethod
    def _is_asked(data: bytes) -> bool:
        frames = FrameReader().feed(data.removeprefix(MAGIC))
        return packets.ReattachSession.TYPE in map(packet_type, frames)


def test_s048_another_acceptor_does_not_know_the_session() -> None:
    world = TwoAcceptors(resilient(ha=True))
    session = world.session()
    before = world.engine.session_name(session)
    lifeline.announce_backup(world, world.brokers["one"], ONE, TWO)
    world.brokers["two"] = world.brokers["one"]
    world.refusing.add("one")
    world.run(world.engine.send(world.now, session, Queue("q"), Message("first")))  # the address is known
    sent = world.engine.send(world.now, session, Queue("q"), Message("lost"))
    world.perform()
    world.sent.clear()
    world.cut()
    world.advance(1.0)
    assert isinstance(sent.error, Unblocked)
    assert world.sent.index("REATTACH_SESSION") < world.sent.index("CREATESESSION_V2")
    (event,) = world.names(FailedOver)
    assert isinstance(event, FailedOver)
    assert (event.endpoint.host, event.recreated_sessions, event.reattached_sessions) == ("two", 1, 0)
    assert world.engine.session_name(session) != before
    world.run(world.engine.send(world.now, session, Queue("q"), Message("x")))
    assert world.receive_all(world.consumer(session)) == ["first", "x"]


def test_s049_without_a_window_the_old_session_is_closed_before_there_is_a_new_one() -> None:
    """The broker knows nothing of the failure: to it the old link is as good as ever, and what it delivered is on its way."""
    world = ClientWorld(fragile(retry_interval_s=0.1, connection_ttl_s=None, call_timeout_s=2.0))
    engine, session = world.engine, world.session()
    world.run(engine.send(world.now, session, Queue("q"), Message("in hand")))
    consumer = world.consumer(session)
    assert world.run(engine.receive(world.now, consumer)).text == "in hand"
    before = engine.session_name(session)
    state = world.brokers["one"].state
    living: list[set[str]] = []
    between = openings.Between(world, lambda _: living.append(set(state.sessions)))
    world.wire.stalled = True
    engine.query_queue(world.now, session, "q")
    world.advance(1.9)
    assert set(state.sessions) == {before}
    world.advance(0.2)
    assert living == [set()]
    assert [packet.name for packet in between.asked] == list(state.sessions) == [engine.session_name(session)]
    assert engine.session_name(session) != before
    assert world.run(engine.receive(world.now, consumer)).text == "in hand"


test_s050_prefetched_messages_come_again = (
    failures.test_unacknowledged_messages_come_again_and_the_old_ones_are_not_acknowledged
)


def test_s051_acknowledgements_that_wait_for_their_batch_are_forgotten() -> None:
    world = ClientWorld(fragile(retry_interval_s=0.1))
    engine, session = world.engine, world.session(ack_mode=AckMode.DUPS_OK)
    for text in "ab":
        world.run(engine.send(world.now, session, Queue("q"), Message(text)))
    consumer = world.consumer(session)
    for _ in range(2):
        world.run(engine.acknowledge(world.now, world.run(engine.receive(world.now, consumer))))
    world.cut()
    world.advance(1.0)
    assert not {"SESS_ACKNOWLEDGE", "SESS_INDIVIDUAL_ACKNOWLEDGE"} & set(world.sent)
    again = [world.run(engine.receive(world.now, consumer)) for _ in range(2)]
    assert [(each.text, each.redelivered) for each in again] == [("a", True), ("b", True)]
    world.run(engine.acknowledge(world.now, again[-1]))
    world.run(engine.close_session(world.now, session))
    assert world.run(engine.query_queue(world.now, world.session(), "q")).message_count == 0


def test_s052_a_temporary_queue_with_a_consumer_is_back() -> None:
    world = ClientWorld(fragile(retry_interval_s=0.1))
    session = world.session()
    queue = QueueConfiguration(name="mine", routing_type=RoutingType.ANYCAST, durable=False, temporary=True)
    world.run(world.engine.create_queue(world.now, session, queue))
    consumer = world.consumer(session, "mine", create=False)
    world.restart()
    world.advance(1.0)
    world.run(world.engine.send(world.now, world.session(), Queue("mine"), Message("afterwards")))
    assert world.receive_all(consumer) == ["afterwards"]


test_s053_a_temporary_queue_without_one = quirks.test_q11_queues_without_consumers_are_not_recreated


def test_s054_a_subscription_and_its_filter_are_back() -> None:
    world = ClientWorld(fragile(retry_interval_s=0.1))
    engine, session = world.engine, world.session()
    world.run(engine.create_address(world.now, session, "t", [RoutingType.MULTICAST]))
    consumer = world.run(engine.create_subscription(world.now, session, Topic("t"), selector="region = 'eu'"))
    name = engine.queue_of(consumer)
    world.restart()
    world.advance(1.0)
    queue = world.run(engine.query_queue(world.now, session, name))
    assert (queue.configuration.filter_string, queue.consumer_count) == ("region = 'eu'", 1)
    assert (queue.configuration.temporary, queue.configuration.durable) == (True, False)
    for region in ("us", "eu", "asia"):
        message = Message(region, properties={"region": region})
        world.run(engine.send(world.now, session, Topic("t"), message))
    assert world.receive_all(consumer) == ["eu"]


def test_s055_an_auto_created_queue_is_made_again() -> None:
    world = ClientWorld(resilient(retry_interval_s=0.1))
    session = world.session()
    consumer = world.consumer(session)
    world.restart()
    world.advance(1.0)
    world.run(world.engine.send(world.now, session, Queue("q"), Message("x")))
    assert world.receive_all(consumer) == ["x"]


test_s056_a_queue_that_is_gone_is_told = failures.test_receive_tells_when_the_queue_is_gone
test_s057_a_browser_goes_on = failures.test_a_browser_skips_what_it_showed


def test_s060_a_consumer_whose_close_is_not_answered_is_not_recreated() -> None:
    world = ClientWorld(fragile(retry_interval_s=0.1, connection_ttl_s=None, call_timeout_s=2.0))
    session = world.session()
    closed, kept = (world.consumer(session, queue) for queue in ("closed", "kept"))
    world.wire.stalled = True
    closing = world.engine.close_consumer(world.now, closed)
    world.advance(1.9)
    assert not closing.done
    world.sent.clear()
    world.advance(1.0)
    assert closing.result() is None
    assert len(world.names(FailedOver)) == 1
    assert world.sent.count("SESS_CREATECONSUMER") == 1
    asking = world.session()
    for name, consumers in (("closed", 0), ("kept", 1)):
        assert world.run(world.engine.query_queue(world.now, asking, name)).consumer_count == consumers
    world.run(world.engine.send(world.now, asking, Queue("kept"), Message("x")))
    assert world.receive_all(kept) == ["x"]


def test_s061_all_sessions_and_consumers_are_recreated() -> None:
    world = ClientWorld(fragile(retry_interval_s=0.1))
    opened = [
        (name, world.consumer(session, name))
        for session in [world.session() for _ in range(5)]
        for name in [f"{session}.{number}" for number in range(5)]
    ]
    world.cut()
    world.advance(1.0)
    sender = world.session()
    for name, consumer in opened:
        world.run(world.engine.send(world.now, sender, Queue(name), Message(name)))
        assert world.receive_all(consumer) == [name]


test_s062_a_sender_that_waits_for_credits = (
    outlets.test_a_sender_that_waits_for_credits_goes_on_after_the_session_was_recreated
)
test_s066_a_stream_that_is_lost = large_send.test_a_stream_whose_session_is_made_anew_ends
test_s067_a_body_that_is_interrupted = large_receive.test_a_body_that_is_being_read_is_interrupted
test_s068_a_broker_that_is_starting = openings.test_a_broker_that_is_still_starting_is_asked_again_until_it_is_up


@pytest.mark.parametrize("lost", [True, False], ids=["the link is lost", "refused"])
def test_s069_the_fourth_connection_makes_the_session(lost: bool) -> None:
    world = ClientWorld(fragile(reconnect_attempts=300, retry_interval_s=0.1))
    session = world.session()
    world.run(world.engine.send(world.now, session, Queue("q"), Message("first")))  # the address is known

    def fail(_packet: Any) -> int | None:
        if len(between.asked) > 3:
            return None
        assert "SESS_SEND" not in world.sent
        if lost:
            world.wire.client_reads = 0
        return None if lost else ErrorCode.INTERNAL_ERROR

    between = openings.Between(world, fail)
    world.sent.clear()
    dialled = len(world.dials)
    world.cut()
    sent = world.engine.send(world.now, session, Queue("q"), Message("x"))
    world.advance(5.0)
    assert len(world.dials) - dialled == len(between.asked) == 4
    assert [event.attempt for event in world.names(Reconnecting) if isinstance(event, Reconnecting)] == [1, 2, 3, 4]
    assert len(world.names(FailureDetected)) == len(world.names(FailedOver)) == 1
    sent.result()
    assert world.sent.count("SESS_SEND") == 1
    assert world.receive_all(world.consumer(session)) == ["first", "x"]


def test_s070_a_recovery_that_fails_half_way_leaves_all_sessions_to_the_next_attempt() -> None:
    world = ClientWorld(fragile(ha=True, retry_interval_s=0.1))
    sessions = [world.session(), world.session()]
    names = [world.engine.session_name(session) for session in sessions]
    lifeline.announce_backup(world, world.brokers["one"], ONE, TWO)
    world.add_broker("two", seed=b"one")
    seen: list[Any] = []

    def refuse(packet: Any) -> int | None:
        seen.append(packet)
        return ErrorCode.INTERNAL_ERROR if len(seen) in (2, 3) else None

    openings.Between(world, refuse)
    world.refusing.add("one")
    dialled = len(world.dials)
    world.cut()
    world.advance(1.0)
    assert [host for _, host in world.dials[dialled:]] == ["one", "two", "two", "two"]
    # A is recovered and B refused; A is refused; both are recovered. Nobody heard of the first two attempts.
    assert len(seen) == 5
    assert len({packet.session_channel_id for packet in seen}) == 5
    assert world.engine.counters.recreated_sessions == 2
    assert len(world.names(FailureDetected)) == len(world.names(FailedOver)) == 1
    assert [world.engine.session_name(session) for session in sessions] == [packet.name for packet in seen[3:]]
    assert not {packet.name for packet in seen[3:]} & set(names)
    for session in sessions:
        world.run(world.engine.send(world.now, session, Queue("q"), Message("x")))
    state = world.brokers["two"].state
    assert {each.channel.channel for each in state.sessions.values()} == {each.session_channel_id for each in seen[3:]}


test_s071_a_transaction_that_lost_its_sends = (
    failures.test_a_lost_transaction_is_reported_once_and_the_session_is_of_use_again
)
test_s072_a_transaction_without_work = failures.test_a_transaction_without_work_survives


def outcome(world: ClientWorld, session: SessionId, *, executed: bool) -> CorewireError:
    """What a commit raises whose session is made anew."""
    commit = world.engine.commit(world.now, session)
    while world.perform():
        pass
    if executed:
        world.wire.client_reads = 0
        world.turn()
    else:
        world.cut()
    world.advance(1.0)
    assert isinstance(commit.error, CorewireError)
    return commit.error


def test_s074_a_commit_whose_answer_was_lost_is_not_done_twice() -> None:
    world = ClientWorld(fragile(retry_interval_s=0.1))
    engine, session = world.engine, world.session(transacted=True)
    message = Message("once", duplicate_id="mine")
    world.run(engine.send(world.now, session, Queue("q"), message))
    assert type(outcome(world, session, executed=True)) is TransactionOutcomeUnknown
    world.run(engine.send(world.now, session, Queue("q"), message))
    with pytest.raises(DuplicateIdRejected) as caught:
        world.run(engine.commit(world.now, session))
    assert caught.value.code == 113
    world.run(engine.rollback(world.now, session))
    assert world.receive_all(world.consumer(world.session())) == ["once"]


def test_s075_a_commit_that_was_lost_is_done_by_sending_again() -> None:
    world = ClientWorld(fragile(retry_interval_s=0.1))
    engine, session = world.engine, world.session(transacted=True)
    message = Message("once", duplicate_id="mine")
    world.run(engine.send(world.now, session, Queue("q"), message))
    assert type(outcome(world, session, executed=False)) is TransactionOutcomeUnknown
    world.run(engine.send(world.now, session, Queue("q"), message))
    world.run(engine.commit(world.now, session))
    assert world.receive_all(world.consumer(world.session())) == ["once"]


def test_s077_a_transaction_that_is_gone_and_one_of_which_nobody_knows_are_different_errors() -> None:
    """JMS has TransactionRolledBackException for the first and no name for the second; whoever retries at the first must not
    at the second."""
    world = ClientWorld(fragile(retry_interval_s=0.1))
    engine, session = world.engine, world.session(transacted=True)
    world.run(engine.send(world.now, session, Queue("q"), Message("x")))
    world.cut()
    world.advance(1.0)
    with pytest.raises(TransactionRolledBack) as lost:
        world.run(engine.commit(world.now, session))
    world.run(engine.send(world.now, session, Queue("q"), Message("x")))
    unknown = outcome(world, session, executed=False)
    assert (lost.value.code, unknown.code) == (
        ErrorCode.TRANSACTION_ROLLED_BACK,
        ErrorCode.TRANSACTION_OUTCOME_UNKNOWN,
    )
    assert not isinstance(unknown, TransactionRolledBack)
    assert not isinstance(lost.value, TransactionOutcomeUnknown)


def test_s079_what_a_branch_sends_after_the_failover_is_not_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    world = XaWorld(monkeypatch, fragile(retry_interval_s=0.1))
    world.do("start")
    world.fail()
    assert len(world.names(FailedOver)) == 1
    world.run(world.send())
    assert world.refused("end") is XaCode.XAER_RMFAIL
    assert world.sent.index("SESS_SEND") < world.sent.index("SESS_ROLLBACK")
    world.run(world.engine.close_session(world.now, world.xa))
    assert world.run(world.engine.query_queue(world.now, world.other, "q")).message_count == 0
    assert "COMMIT" not in world.broker.names


def test_s087_a_prepared_branch_of_a_client_that_is_gone_is_found_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    world = XaWorld(monkeypatch, fragile(reconnect_attempts=0))
    world.do("start")
    world.run(world.send())
    world.do("end", "prepare")
    asked = list(world.broker.names)
    world.fail()
    assert world.engine.state is ClientState.FAILED
    world.broker.in_doubt = [packets.Xid(BRANCH.format_id, BRANCH.branch_qualifier, BRANCH.global_transaction_id)]
    world.engine = ClientEngine(world.config, rng=random.Random(2))
    world.run(world.engine.start(world.now))
    world.xa = world.session(xa=True)
    assert world.run(world.engine.xa_recover(world.now, world.xa)) == (BRANCH,)
    world.do("commit")
    assert world.since(asked) == ["INDOUBT_XIDS", "COMMIT"]
