"""A restart: what records bring back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.server.helpers import START, Session, World, one

from corewire.wire import packets
from corewire_server.core import Broker, CoreConfig
from corewire_server.core.effects import Append
from corewire_server.core.inputs import LinkOpened
from corewire_server.records import Op, Record

if TYPE_CHECKING:
    from corewire_server.core.store import Store


def everything(world: World, queue: str) -> list[tuple[str, int]]:
    session = world.connect().session()
    session.consume(queue)
    return [(item.text, item.count) for item in session.deliveries()]


def session_with_queue(world: World, **options: Any) -> Session:
    session = world.connect().session(**options)
    session.queue("q")
    return session


def test_durable_messages_of_durable_queues_come_back_in_order() -> None:
    world = World()
    session = session_with_queue(world)
    session.queue("volatile", durable=False)
    for text, priority in (("a", 4), ("b", 9), ("c", 4)):
        session.publish("q", text, durable=True, priority=priority)
    session.publish("q", "not durable")
    session.publish("volatile", "lost with its queue", durable=True)
    again = world.restarted()
    assert everything(again, "q") == [("b", 1), ("a", 1), ("c", 1)]
    assert not again.connect().session().ask(packets.SessionQueueQuery("volatile")).exists


def test_acknowledged_messages_do_not_come_back_and_others_keep_their_count() -> None:
    world = World()
    session = session_with_queue(world, auto_commit_acks=False)
    for text in "abc":
        session.publish("q", text, durable=True)
    session.consume("q")
    first, second, _ = session.deliveries()
    session.acknowledge(first)
    session.done(packets.SessionCommit(-1))
    session.acknowledge(second)
    session.done(packets.SessionRollback())
    assert everything(world.restarted(), "q") == [("b", 2), ("c", 1)]


def test_an_open_transaction_is_gone_and_a_committed_one_is_whole() -> None:
    world = World()
    session = session_with_queue(world, auto_commit_sends=False)
    session.publish("q", "a", durable=True)
    session.done(packets.SessionCommit(-1))
    session.publish("q", "b", durable=True)
    assert everything(world.restarted(), "q") == [("a", 1)]


def test_each_queue_forgets_its_own_copy() -> None:
    world = World()
    session = world.connect().session()
    for name in ("q1", "q2", "q3"):
        session.queue(name, "topic", routing_type=0)
    session.publish("topic", "m", durable=True)
    number = session.consume("q2")
    session.acknowledge(one(session.deliveries()))
    again = world.restarted()
    assert everything(again, "q1") == [("m", 1)]
    assert everything(again, "q2") == []
    assert everything(again, "q3") == [("m", 1)]
    session.done(packets.SessionConsumerClose(number))
    for name in ("q1", "q3"):
        session.consume(name)
    for delivery in session.deliveries():
        session.acknowledge(delivery)
    assert everything(world.restarted(), "q1") == []
    assert world.records[-1].op == Op.DELETE


def test_duplicate_ids_are_remembered() -> None:
    world = World()
    session = session_with_queue(world)
    session.publish("q", "a", durable=True, properties={"_AMQ_DUPL_ID": "1"})
    again = world.restarted()
    other = again.connect().session()
    other.publish("q", "b", durable=True, properties={"_AMQ_DUPL_ID": "1"})
    assert everything(again, "q") == [("a", 1)]


def test_addresses_and_queues_come_back_as_they_were_and_deleted_ones_stay_away() -> None:
    world = World()
    session = world.connect().session()
    session.queue("kept", "a", routing_type=0, filter="x = 1", max_consumers=3)
    session.queue("gone")
    session.done(packets.CreateAddress("bare", [0]))
    session.done(packets.CreateAddress("bare", [0, 1]))
    session.publish("gone", "m", durable=True)
    session.done(packets.DeleteQueue("gone"))
    before = session.ask(packets.SessionQueueQuery("kept"))
    other = world.restarted().connect().session()
    assert other.ask(packets.SessionQueueQuery("kept")) == before
    assert not other.ask(packets.SessionQueueQuery("gone")).exists
    assert other.ask(packets.SessionBindingQuery("bare")).supports_anycast


def test_temporary_queues_are_gone() -> None:
    world = World()
    session = world.connect().session()
    session.queue("t", temporary=True, durable=True)
    session.publish("t", "m", durable=True)
    assert not world.restarted().connect().session().ask(packets.SessionQueueQuery("t")).exists


def test_ids_are_never_given_out_twice() -> None:
    world = World()
    session = session_with_queue(world)
    session.publish("q", "a", durable=True)
    highest = world.broker.state.store.last_id
    again = world.restarted()
    session = again.connect().session()
    session.publish("q", "b", durable=True)
    session.consume("q")
    assert session.deliveries()[-1].message.id > highest


def test_a_message_without_a_queue_is_deleted_with_the_first_step() -> None:
    world = World()
    session = session_with_queue(world)
    session.publish("q", "a", durable=True)
    queue_record = next(record for record in world.records if record.body and b"max_consumers" in record.body)
    broker = Broker(world.config)
    broker.recover(record for record in world.records if record is not queue_record)
    append = one([one for one in broker.step(START, LinkOpened(1, "x")) if isinstance(one, Append)])
    assert [record.op for record in append.records] == [Op.DELETE]


@pytest.mark.parametrize("record", [Record(Op.ADD, 1, 99), Record(Op.PREPARE, 1), Record(Op.ADD, 1, 3, b"\xff")])
def test_records_of_a_later_version_are_not_guessed_at(record: Record) -> None:
    with pytest.raises(ValueError, match=r"record|plain"):
        Broker(CoreConfig(node_seed=b"")).recover([record])


def durable_state(store: Store) -> list[tuple[str, list[tuple[int, int]]]]:
    """Per durable queue the ids and counts of what the journal keeps, in order."""
    return [
        (name, [(ref.id, ref.deliveries) for ref in queue.waiting if ref.kept])
        for name, queue in store.queues.items()
        if queue.keeps
    ]


Act = st.one_of(
    st.tuples(st.just("send"), st.sampled_from(["q", "topic"]), st.booleans()),
    st.tuples(st.just("ack"), st.integers(0, 5), st.booleans()),
    st.tuples(st.just("commit"), st.just(0), st.just(False)),
    st.tuples(st.just("rollback"), st.just(0), st.booleans()),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(Act, max_size=25))
def test_a_recovered_broker_is_the_one_that_stopped(acts: list[tuple[str, Any, bool]]) -> None:
    world = World()
    session = world.connect().session(auto_commit_acks=False)
    session.queue("q")
    for name in ("s1", "s2"):
        session.queue(name, "topic", routing_type=0)
    for name in ("q", "s1", "s2"):
        session.consume(name)
    held = session.deliveries()
    for what, value, flag in acts:
        if what == "send":
            session.publish(value, "m", durable=flag)
        elif what == "ack" and held:
            item = held.pop(value % len(held))
            session.acknowledge(item, individual=True)
        elif what == "commit":
            session.done(packets.SessionCommit(-1))
        elif what == "rollback":
            session.done(packets.SessionRollback(flag))
            held = []
        held += session.deliveries()
    session.done(packets.SessionStop())
    session.done(packets.SessionClose())
    assert durable_state(world.restarted().broker.state.store) == durable_state(world.broker.state.store)
