"""Local transactions."""

from __future__ import annotations

from tests.server.helpers import Session, World, one

from corewire.wire import packets
from corewire.wire.registry import encode
from corewire_server.core import Broker
from corewire_server.core.effects import Append
from corewire_server.core.inputs import BytesReceived


def transacted(world: World) -> Session:
    session = world.connect().session(auto_commit_sends=False, auto_commit_acks=False)
    session.queue("q")
    return session


def test_what_was_sent_is_there_after_the_commit_in_the_order_of_commits() -> None:
    world = World()
    session = transacted(world)
    other = world.connect().session()
    session.publish("q", "a")
    other.publish("q", "b")
    assert other.ask(packets.SessionQueueQuery("q")).message_count == 1
    assert session.ask(packets.SessionCommit(-7)) == packets.NullResponse(-7)
    other.consume("q")
    assert other.texts() == ["b", "a"]


def test_a_rolled_back_transaction_sent_nothing_and_returns_what_it_took() -> None:
    world = World()
    session = transacted(world)
    world.connect().session().publish("q", "a")
    session.consume("q")
    session.acknowledge(one(session.deliveries()))
    session.publish("q", "never")
    session.done(packets.SessionRollback())
    assert [(item.text, item.count) for item in session.deliveries()] == [("a", 2)]
    session.done(packets.SessionRollback())
    assert [(item.text, item.count) for item in session.deliveries()] == [("a", 2)]


def test_the_first_delivered_message_may_count_as_seen() -> None:
    world = World()
    session = transacted(world)
    for text in "ab":
        world.connect().session().publish("q", text)
    session.consume("q")
    session.read()
    session.done(packets.SessionRollback(consider_last_message_as_delivered=True))
    assert [(item.text, item.count) for item in session.deliveries()] == [("a", 2), ("b", 1)]


def test_a_closed_session_rolls_back() -> None:
    world = World()
    session = transacted(world)
    session.publish("q", "never")
    session.done(packets.SessionClose())
    other = world.connect().session()
    assert other.ask(packets.SessionQueueQuery("q")).message_count == 0
    assert world.broker.state.store.bytes == 0


def test_a_failed_command_makes_the_commit_fail_with_its_code_and_the_next_transaction_is_new() -> None:
    world = World()
    session = transacted(world)
    session.publish("q", "never")
    assert session.refused(packets.SessionAcknowledge(0, 1, requires_response=True)) == 104
    assert session.refused(packets.SessionCommit(-9)) == 104
    session.publish("q", "a")
    session.done(packets.SessionCommit(-10))
    session.consume("q")
    assert session.texts() == ["a"]


def test_a_feature_that_is_missing_is_counted_when_it_is_asked_for_and_not_by_the_commit() -> None:
    """A copy of the broker does not know it at the commit, and counted otherwise (the simulator's seed 80 of pairs that day)."""
    world = World()
    session = transacted(world)
    session.publish("q", "never", properties={"_AMQ_GROUP_ID": "g"})
    copy = Broker.restore(world.config, world.broker.snapshot())
    data = encode(packets.SessionCommit(-4), session.channel, 136)
    for broker in (world.broker, copy):
        broker.step(world.now, BytesReceived(session.client.link, data))
        assert broker.state.missing == {"message groups": 1}


def test_all_records_of_a_commit_are_one_append() -> None:
    world = World()
    session = transacted(world)
    for text in "abc":
        world.connect().session().publish("q", text, durable=True)
    session.consume("q")
    session.acknowledge(session.deliveries()[-1])
    for text in "def":
        session.publish("q", text, durable=True)
    data = encode(packets.SessionCommit(-2), session.channel, 136)
    effects = world.broker.step(world.now, BytesReceived(session.client.link, data))
    append = one([effect for effect in effects if isinstance(effect, Append)])
    assert len(append.records) == 6
    assert isinstance(effects[0], Append)


def test_a_queue_deleted_before_the_commit_gets_nothing() -> None:
    world = World()
    session = transacted(world)
    session.publish("q", "lost")
    world.connect().session().done(packets.DeleteQueue("q"))
    session.done(packets.SessionCommit(-3))
    assert world.broker.state.store.bytes == 0


def test_known_duplicate_ids_fail_the_commit_and_new_ones_count_from_the_commit_on() -> None:
    world = World()
    session = transacted(world)
    plain = world.connect().session()
    plain.publish("q", "a", properties={"_AMQ_DUPL_ID": "1"})
    session.publish("q", "b", properties={"_AMQ_DUPL_ID": "2"})
    session.done(packets.SessionRollback())
    session.publish("q", "c", properties={"_AMQ_DUPL_ID": "2"})
    session.done(packets.SessionCommit(-3))
    session.publish("q", "other")
    session.publish("q", "d", properties={"_AMQ_DUPL_ID": "1"})
    assert session.refused(packets.SessionCommit(-4)) == 113
    plain.publish("q", "e", properties={"_AMQ_DUPL_ID": "2"})
    plain.consume("q")
    assert plain.texts() == ["a", "c"]
