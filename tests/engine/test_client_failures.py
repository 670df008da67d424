"""What a failure does to a call: every cell of the table, with the command executed or lost before the link was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from tests.engine.client_world import ClientWorld, fragile, packets, resilient

from corewire._states import ClientState
from corewire.client.message import Message
from corewire.errors import (
    CallTimeout,
    Disconnected,
    NotConnected,
    QueueDoesNotExist,
    TransactionOutcomeUnknown,
    TransactionRolledBack,
    Unblocked,
)
from corewire.events import FailedOver, FailoverFailed, FailureDetected, Reattached, Reconnecting
from corewire.values import AckMode, Queue, QueueConfiguration, RoutingType
from corewire_server.core.inputs import Stopping

if TYPE_CHECKING:
    from collections.abc import Callable

    from corewire._operation import Operation
    from corewire.client.config import ClientConfig

Error = type[Exception] | None


class Scene:
    """A session with a consumer that has one message in hand, another session to look with, and a queue for sends."""

    def __init__(self, config: ClientConfig, ack_mode: AckMode = AckMode.AUTO, *, transacted: bool = False) -> None:
        self.world = world = ClientWorld(config)
        self.engine = world.engine
        self.session = world.session(ack_mode=ack_mode, transacted=transacted)
        self.other = world.session()
        for name in ("in", "out"):
            queue = QueueConfiguration(name=name, routing_type=RoutingType.ANYCAST)
            world.run(self.engine.create_queue(world.now, self.other, queue))
        world.run(self.engine.send(world.now, self.other, Queue("in"), Message("in hand")))
        self.consumer = world.consumer(self.session, "in", create=False)
        self.producer = world.run(self.engine.create_producer(world.now, self.session, Queue("out")))
        self.delivery = world.run(self.engine.receive(world.now, self.consumer))
        world.pump()

    @property
    def now(self) -> float:
        return self.world.now

    def fail(self, *, executed: bool) -> None:
        """Lose the link: after the broker executed what was written, or before it saw it."""
        while self.world.perform():
            pass
        if executed:
            self.world.wire.client_reads = 0
            self.world.turn()
        else:
            self.world.cut()
        self.world.advance(1.0)


@dataclass(frozen=True)
class Row:
    """A command and what it raises: re-attached, recreated, given up; None where it is done."""

    name: str
    start: Callable[[Scene], Operation[Any]]
    recreated: Error
    given_up: Error
    ack_mode: AckMode = AckMode.AUTO
    transacted: bool = False


def submitted(scene: Scene) -> Operation[Any]:
    outer = scene.engine.submit(scene.now, scene.producer, Message("x"))
    assert outer.done
    return outer.result()


ROWS = [
    Row("send", lambda s: s.engine.send(s.now, s.session, Queue("out"), Message("x")), Unblocked, Unblocked),
    Row("submit", submitted, Unblocked, Unblocked),
    Row(
        "send, not durable",
        lambda s: s.engine.send(s.now, s.session, Queue("out"), Message("x", durable=False)),
        None,
        None,
    ),
    Row("acknowledge, AUTO", lambda s: s.engine.acknowledge(s.now, s.delivery), None, None),
    Row("acknowledge, DUPS_OK", lambda s: s.engine.acknowledge(s.now, s.delivery), None, None, AckMode.DUPS_OK),
    Row(
        "acknowledge, CLIENT",
        lambda s: s.engine.acknowledge(s.now, s.delivery),
        TransactionRolledBack,
        Unblocked,
        AckMode.CLIENT,
    ),
    Row(
        "acknowledge, INDIVIDUAL",
        lambda s: s.engine.acknowledge(s.now, s.delivery),
        TransactionRolledBack,
        Unblocked,
        AckMode.INDIVIDUAL,
    ),
    Row(
        "commit",
        lambda s: s.engine.commit(s.now, s.session),
        TransactionOutcomeUnknown,
        TransactionOutcomeUnknown,
        transacted=True,
    ),
    Row("rollback", lambda s: s.engine.rollback(s.now, s.session), None, None, transacted=True),
    Row("stop_session", lambda s: s.engine.stop_session(s.now, s.session), None, None),
    Row("close_session", lambda s: s.engine.close_session(s.now, s.session), None, None),
    Row("close_consumer", lambda s: s.engine.close_consumer(s.now, s.consumer), None, None),
    Row("query_queue", lambda s: s.engine.query_queue(s.now, s.session, "in"), None, NotConnected),
    Row("query_address", lambda s: s.engine.query_address(s.now, s.session, "in"), None, NotConnected),
    Row("create_session", lambda s: s.engine.create_session(s.now), None, NotConnected),
    Row("create_consumer", lambda s: s.engine.create_consumer(s.now, s.session, "out"), None, NotConnected),
    Row("create_producer", lambda s: s.engine.create_producer(s.now, s.session, Queue("in")), None, NotConnected),
    Row(
        "create_queue",
        lambda s: s.engine.create_queue(s.now, s.session, QueueConfiguration(name="new")),
        Unblocked,
        Unblocked,
    ),
    Row(
        "create_queue, exist_ok",
        lambda s: s.engine.create_queue(s.now, s.session, QueueConfiguration(name="new"), exist_ok=True),
        None,
        NotConnected,
    ),
    Row(
        "temporary queue",
        lambda s: s.engine.create_queue(
            s.now, s.session, QueueConfiguration(name="temporary", durable=False, temporary=True)
        ),
        None,
        NotConnected,
    ),
    Row("temporary_queue", lambda s: s.engine.create_temporary_queue(s.now, s.session), None, NotConnected),
    Row("temporary_topic", lambda s: s.engine.create_temporary_topic(s.now, s.session), None, NotConnected),
    Row("delete_queue", lambda s: s.engine.delete_queue(s.now, s.session, "out"), Unblocked, Unblocked),
    Row(
        "delete_queue, missing_ok",
        lambda s: s.engine.delete_queue(s.now, s.session, "out", missing_ok=True),
        None,
        NotConnected,
    ),
    Row("add_metadata", lambda s: s.engine.add_metadata(s.now, s.session, "k", "v"), Unblocked, Unblocked),
]


def outcome(operation: Operation[Any]) -> Error:
    assert operation.done
    return None if operation.error is None else type(operation.error)


#: Those that are done for their caller as soon as they are asked for, whatever becomes of the link.
NOBODY_WAITS = {"send, not durable", "acknowledge, AUTO", "acknowledge, DUPS_OK", "close_session", "close_consumer"}

EXECUTED = pytest.mark.parametrize("executed", [True, False], ids=["executed", "never seen"])
EACH = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


@EXECUTED
@EACH
def test_reattached_every_call_is_done(row: Row, executed: bool) -> None:
    scene = Scene(resilient(retry_interval_s=0.1), row.ack_mode, transacted=row.transacted)
    operation = row.start(scene)
    scene.fail(executed=executed)
    assert len(scene.world.names(Reattached)) == 1
    assert outcome(operation) is None


@EXECUTED
@EACH
def test_recreated(row: Row, executed: bool) -> None:
    scene = Scene(fragile(retry_interval_s=0.1), row.ack_mode, transacted=row.transacted)
    operation = row.start(scene)
    scene.fail(executed=executed)
    assert len(scene.world.names(FailedOver)) == 1
    assert outcome(operation) is row.recreated


@EXECUTED
def test_a_temporary_queue_that_a_new_session_is_asked_for_has_another_name(executed: bool) -> None:
    """The broker may be taking away the first one, and its address with it, at this very moment."""
    scene = Scene(fragile(retry_interval_s=0.1), AckMode.AUTO, transacted=False)
    operation = scene.engine.create_temporary_queue(scene.now, scene.session)
    scene.fail(executed=executed)
    first, second = (packet.queue_name for packet in scene.world.written(packets.CreateQueueV2) if packet.temporary)
    assert first != second == operation.result()


@EXECUTED
@EACH
def test_given_up(row: Row, executed: bool) -> None:
    scene = Scene(resilient(reconnect_attempts=0), row.ack_mode, transacted=row.transacted)
    operation = row.start(scene)
    scene.fail(executed=executed)
    assert scene.engine.state is ClientState.FAILED
    assert len(scene.world.names(FailoverFailed)) == 1
    assert outcome(operation) is row.given_up
    with pytest.raises(NotConnected):
        scene.engine.create_session(scene.now)


@pytest.mark.parametrize("windowed", [True, False], ids=["reattached", "recreated"])
@EACH
def test_started_during_the_outage_it_waits_and_then_is_as_usual(row: Row, windowed: bool) -> None:
    config = (resilient if windowed else fragile)(retry_interval_s=1.0)
    scene = Scene(config, row.ack_mode, transacted=row.transacted)
    scene.world.refusing.add("one")
    scene.world.cut()
    scene.world.advance(0.5)
    operation = row.start(scene)
    scene.world.refusing.clear()
    scene.world.advance(5.0)
    lost = not windowed and (row.transacted or row.ack_mode in (AckMode.CLIENT, AckMode.INDIVIDUAL))
    expected = TransactionRolledBack if lost and row.name != "rollback" else None
    assert outcome(operation) is expected


@EACH
def test_started_during_an_outage_that_lasts_it_ends_in_time(row: Row) -> None:
    scene = Scene(resilient(retry_interval_s=1.0), row.ack_mode, transacted=row.transacted)
    scene.world.refusing.add("one")
    scene.world.cut()
    scene.world.advance(0.5)
    operation = row.start(scene)
    scene.world.advance(scene.engine.config.call_failover_timeout_s or 0.0)
    assert outcome(operation) is (None if row.name in NOBODY_WAITS else CallTimeout)


@pytest.mark.parametrize("config", [resilient(retry_interval_s=0.1), fragile(retry_interval_s=0.1)])
def test_receive_goes_on(config: ClientConfig) -> None:
    scene = Scene(config)
    world, engine = scene.world, scene.engine
    world.run(engine.acknowledge(world.now, scene.delivery))
    waiting = engine.receive(world.now, scene.consumer)
    scene.fail(executed=True)
    assert not waiting.done
    world.run(engine.send(world.now, scene.other, Queue("in"), Message("after")))
    assert world.run(waiting).text == "after"


@pytest.mark.parametrize("config", [resilient(retry_interval_s=0.1), fragile(retry_interval_s=0.1)])
def test_receive_immediate_is_asked_again(config: ClientConfig) -> None:
    scene = Scene(config)
    scene.world.run(scene.engine.acknowledge(scene.now, scene.delivery))
    asked = scene.engine.receive_immediate(scene.now, scene.consumer)
    scene.fail(executed=True)
    assert asked.result() is None


def test_receive_tells_when_the_queue_is_gone() -> None:
    scene = Scene(fragile(retry_interval_s=0.1))
    waiting = scene.engine.receive(scene.now, scene.consumer)
    scene.world.restart()
    scene.world.advance(1.0)
    with pytest.raises(QueueDoesNotExist):
        waiting.result()


def test_receive_ends_when_the_client_gives_up() -> None:
    scene = Scene(resilient(reconnect_attempts=0))
    waiting = scene.engine.receive(scene.now, scene.consumer)
    scene.world.cut()
    scene.world.advance(1.0)
    with pytest.raises(NotConnected):
        waiting.result()


@pytest.mark.parametrize("window", [1_048_576, 1, 0])
def test_a_browser_skips_what_it_showed(window: int) -> None:
    scene = Scene(fragile(retry_interval_s=0.1))
    world, engine = scene.world, scene.engine
    for number in range(4):
        world.run(engine.send(world.now, scene.other, Queue("out"), Message(str(number))))
    browser = world.consumer(scene.session, "out", create=False, browse_only=True, window_bytes=window)
    shown = [world.run(engine.receive(world.now, browser)).text for _ in range(2)]
    scene.fail(executed=True)
    assert shown + world.receive_all(browser, acknowledge=False) == ["0", "1", "2", "3"]


def test_unacknowledged_messages_come_again_and_the_old_ones_are_not_acknowledged() -> None:
    scene = Scene(fragile(retry_interval_s=0.1))
    world, engine = scene.world, scene.engine
    scene.fail(executed=True)
    again = world.run(engine.receive(world.now, scene.consumer))
    assert (again.text, again.redelivered) == ("in hand", True)
    world.run(engine.acknowledge(world.now, scene.delivery))
    assert world.run(engine.query_queue(world.now, scene.other, "in")).message_count == 1
    world.run(engine.acknowledge(world.now, again))
    assert world.run(engine.query_queue(world.now, scene.other, "in")).message_count == 0


def test_a_lost_transaction_is_reported_once_and_the_session_is_of_use_again() -> None:
    scene = Scene(fragile(retry_interval_s=0.1), transacted=True)
    world, engine = scene.world, scene.engine
    world.run(engine.send(world.now, scene.session, Queue("out"), Message("lost")))
    scene.fail(executed=True)
    assert engine.rollback_only(scene.session)
    with pytest.raises(TransactionRolledBack):
        world.run(engine.commit(world.now, scene.session))
    assert not engine.rollback_only(scene.session)
    world.run(engine.send(world.now, scene.session, Queue("out"), Message("kept")))
    world.run(engine.commit(world.now, scene.session))
    assert world.run(engine.query_queue(world.now, scene.other, "out")).message_count == 1


def test_a_transaction_without_work_survives() -> None:
    scene = Scene(fragile(retry_interval_s=0.1), transacted=True)
    world, engine = scene.world, scene.engine
    world.run(engine.commit(world.now, scene.session))
    scene.fail(executed=True)
    world.run(engine.commit(world.now, scene.session))


def test_whoever_is_unblocked_is_told_that_the_broker_said_goodbye() -> None:
    scene = Scene(fragile(retry_interval_s=0.1))
    world = scene.world
    sent = scene.engine.send(scene.now, scene.session, Queue("out"), Message("x"))
    while world.perform():
        pass
    world.wire.to_broker.clear()
    world._step("one", Stopping())
    world.advance(1.0)
    assert isinstance(sent.error, Unblocked)
    assert isinstance(sent.error.__cause__, Disconnected)


def test_the_story_is_told_in_order() -> None:
    scene = Scene(resilient(retry_interval_s=0.5))
    scene.world.events.clear()
    scene.world.refusing.add("one")
    scene.world.cut()
    scene.world.advance(0.6)
    scene.world.refusing.clear()
    scene.world.advance(1.0)
    kinds = [type(event) for event in scene.world.events]
    assert kinds == [FailureDetected, Reconnecting, Reconnecting, Reconnecting, Reattached]
    story = scene.world.names(Reattached)[0]
    assert isinstance(story, Reattached)
    assert story.outage_s == pytest.approx(1.0)


@pytest.mark.parametrize(("transacted", "counted"), [(False, 1), (True, 0)])
def test_messages_that_may_be_lost_are_counted_unless_the_commit_tells_of_them(transacted: bool, counted: int) -> None:
    scene = Scene(resilient(), transacted=transacted)
    scene.engine.send(scene.now, scene.session, Queue("out"), Message("x", durable=False))
    scene.world.perform()
    scene.world.restart()
    scene.world.advance(5.0)
    assert scene.world.names(FailedOver)
    assert scene.engine.counters.messages_maybe_lost == counted


def test_a_rollback_undoes_what_is_written_again_before_it() -> None:
    world = ClientWorld(resilient(retry_interval_s=0.1), foreign=True)
    session = world.session(transacted=True)
    world.run(world.engine.send(world.now, session, Queue("q"), Message("known")))
    world.run(world.engine.rollback(world.now, session))
    world.engine.send(world.now, session, Queue("q"), Message("unanswered"))
    while world.perform():
        pass
    world.cut()
    rollback = world.engine.rollback(world.now, session)
    world.advance(1.0)
    rollback.result()
    world.run(world.engine.send(world.now, session, Queue("q"), Message("kept")))
    world.run(world.engine.commit(world.now, session))
    assert world.receive_all(world.consumer(world.session(), create=False)) == ["kept"]


def test_what_was_sent_in_an_outage_is_rolled_back_too() -> None:
    scene = Scene(fragile(), transacted=True)
    world, engine = scene.world, scene.engine
    world.run(engine.send(scene.now, scene.session, Queue("out"), Message("lost with the link")))
    world.cut()
    assert engine.send(scene.now, scene.session, Queue("out"), Message("in the outage")).done
    world.pump()
    world.run(engine.send(scene.now, scene.session, Queue("out"), Message("between outages")))
    world.cut()
    assert engine.send(scene.now, scene.session, Queue("out"), Message("in the next outage")).done
    undone = engine.rollback(scene.now, scene.session)
    world.pump()
    undone.result()
    world.run(engine.commit(scene.now, scene.session))
    assert world.run(engine.query_queue(scene.now, scene.other, "out")).message_count == 0


@pytest.mark.parametrize("written", [True, False])
def test_a_rollback_whose_session_is_made_anew_gives_back_nothing_that_came_since(written: bool) -> None:
    scene = Scene(fragile(), transacted=True)
    world, engine = scene.world, scene.engine
    rival = world.consumer(scene.other, "in", create=False)
    if written:
        undone = engine.rollback(scene.now, scene.session)
        world.perform()
        world.cut()
    else:
        world.cut()
        undone = engine.rollback(scene.now, scene.session)
    while world.step():  # frame by frame: the new consumer has its message before the broker reads on
        pass
    undone.result()
    assert engine.buffered(scene.consumer) + engine.buffered(rival) == 1
    if engine.buffered(scene.consumer):
        world.run(engine.receive(scene.now, scene.consumer))
        world.run(engine.commit(scene.now, scene.session))
    world.run(engine.close_consumer(scene.now, rival))
    world.run(engine.send(scene.now, scene.other, Queue("in"), Message("next")))
    # Written, it was over with the old session, and the new consumer keeps what came; else that goes back, to the rival.
    expected = ["next"] if written else ["in hand", "next"]
    assert world.receive_all(scene.consumer, acknowledge=False) == expected


def test_what_is_handed_out_after_a_commit_of_unknown_outcome_is_lost_with_the_session() -> None:
    """The caller goes on while the link is down, with what had come before; then the session is made anew."""
    world = ClientWorld(resilient(retry_interval_s=0.5, call_timeout_s=2.0))
    engine, other, session = world.engine, world.session(), world.session(transacted=True)
    consumer = world.consumer(session)
    for text in ("first", "second"):
        world.run(engine.send(world.now, other, Queue("q"), Message(text)))
    world.run(engine.receive(world.now, consumer))
    world.wire.stalled = True
    commit = engine.commit(world.now, session)
    world.perform()
    world.refusing.add("one")
    world.restart()
    world.advance(2.1)
    with pytest.raises(TransactionOutcomeUnknown):
        commit.result()
    assert world.run(engine.receive(world.now, consumer)).body == "second"
    world.refusing.clear()
    world.advance(1.0)
    assert world.names(FailedOver)
    with pytest.raises(TransactionRolledBack):
        world.run(engine.commit(world.now, session))
    world.run(engine.commit(world.now, session))


def test_what_is_sent_while_a_rollback_is_under_way_is_not_committed_without_a_word() -> None:
    """Its caller was told that it took too long, and went on; the rollback then undoes that, too."""
    scene = Scene(resilient(call_failover_timeout_s=1.0, retry_interval_s=0.1), transacted=True)
    world, engine = scene.world, scene.engine
    world.refusing.add("one")
    world.cut()
    undone = engine.rollback(scene.now, scene.session)
    world.advance(1.1)
    with pytest.raises(CallTimeout):
        undone.result()
    assert engine.send(scene.now, scene.session, Queue("out"), Message("behind the rollback")).done
    world.refusing.clear()
    world.advance(1.0)
    with pytest.raises(TransactionRolledBack):
        world.run(engine.commit(scene.now, scene.session))
    assert world.run(engine.query_queue(scene.now, scene.other, "out")).message_count == 0
    world.run(engine.commit(scene.now, scene.session))


@pytest.mark.parametrize("frames", range(8))
def test_a_rollback_that_begins_during_another_one_takes_no_message_back_that_was_handed_out(frames: int) -> None:
    scene = Scene(resilient(), transacted=True)
    world, engine = scene.world, scene.engine
    undone = [engine.rollback(scene.now, scene.session)]
    for _ in range(frames):
        world.step()
    undone.append(engine.rollback(scene.now, scene.session))
    while world.step():  # frame by frame: the broker delivers as soon as it is told to start
        pass
    for each in undone:
        each.result()
    assert engine.buffered(scene.consumer) == 1
    assert world.receive_all(scene.consumer, acknowledge=False) == ["in hand"]
