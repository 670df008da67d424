"""What a peer would like to make grow, to take over, or to keep the broker busy with."""

from __future__ import annotations

import pytest
from tests.server.helpers import Client, World, one, send_packet

from corewire.wire import packets, registry
from corewire_server.core import AddressSettings, Broker, CoreConfig, Limits
from corewire_server.core.inputs import Timeout


def test_nobody_replaces_the_session_of_another_user() -> None:
    world = World(CoreConfig(node_seed=b"", users={"ann": "a", "eve": "e"}))
    session = world.connect().session("hers", username="ann", password="a")
    thief = world.connect()
    thief.send(1, packets.CreateSessionV2("hers", 10, 136, "eve", "e"))
    answer = one(thief.read(1))
    assert isinstance(answer, packets.ExceptionResponse)
    assert answer.code == 112
    assert session.ask(packets.SessionQueueQuery("q")).exists is False


def test_nobody_continues_the_session_of_another_user() -> None:
    world = World(CoreConfig(node_seed=b"", users={"ann": "a", "eve": "e"}))
    session = world.connect().session("hers", username="ann", password="a", window_size=1000)
    thief = world.connect()
    thief.session(username="eve", password="e")
    thief.send(1, packets.ReattachSession("hers", -1))
    assert one(thief.read(1)).reattached is False
    assert session.ask(packets.SessionQueueQuery("q")).exists is False


def test_a_lost_session_waits_for_an_hour_at_most_whatever_its_client_wants() -> None:
    world = World()
    client = world.connect()
    client.session("patient", window_size=1000)
    client.send(0, packets.Ping(2**62))
    client.lose()
    world.sleep(3_590_000)
    assert "patient" in world.broker.state.sessions
    world.sleep(20_000)
    assert not world.broker.state.sessions


def test_names_too_long_to_exist_are_not_remembered() -> None:
    world = World()
    session = world.connect().session()
    session.queue("catch-all", "#", routing_type=0)
    addresses = world.broker.state.store.addresses
    for number in range(50):
        assert session.publish(f"{number}" * 5_000, "m").code == 104
    assert not addresses.raw_routes
    assert session.ask(packets.SessionQueueQuery("catch-all")).message_count == 0


def test_patterns_have_few_words() -> None:
    session = World().connect().session()
    assert session.refused(packets.CreateAddress(".".join(["#", "*"] * 33), [0])) == 104
    session.done(packets.CreateAddress(".".join(["a"] * 1000), [0]))
    session.queue("q", ".".join(["#", "*"] * 32), routing_type=0)
    session.publish(".".join(["a"] * 2000), "m")


def test_metadata_are_limited_in_all() -> None:
    session = World().connect().session()
    for number in range(6):
        session.done(packets.SessionAddMetadata2(f"key{number}", "x" * 10_000))
    assert session.refused(packets.SessionAddMetadata2("another", "x" * 10_000)) == 104
    session.done(packets.SessionAddMetadata2("key1", "y" * 10_000))


def test_filters_that_match_nothing_share_one_turn_and_all_is_found_in_the_end() -> None:
    world = World(CoreConfig(node_seed=b"", limits=Limits(examined_per_turn_max=50)))
    session = world.connect().session()
    session.queue("q")
    for number in range(300):
        session.publish("q", str(number), blocking=False, properties={"n": number})
    consumers = [session.consume("q", selector=f"n = {1000 + number}") for number in range(20)]
    session.consume("q", selector="n = 299")
    assert session.texts() == []
    assert world.broker.next_timeout() == world.now
    world.settle()
    assert session.texts() == ["299"]
    assert len(consumers) == 20


def test_messages_that_expire_at_once_are_taken_in_turns() -> None:
    world = World(CoreConfig(node_seed=b"", limits=Limits(expired_per_turn_max=100)))
    session = world.connect().session()
    session.queue("q")
    for _ in range(1_000):
        session.publish("q", "m", blocking=False, expiration=world.now + 1)
    world.now = world.broker.next_timeout() or 0
    world.step(Timeout())
    assert session.ask(packets.SessionQueueQuery("q")).message_count == 900
    world.settle()
    assert session.ask(packets.SessionQueueQuery("q")).message_count == 0


def test_a_message_that_comes_back_for_ever_does_not_fill_the_journal() -> None:
    world = World(CoreConfig(node_seed=b"", addresses=AddressSettings(max_delivery_attempts=-1)))
    session = world.connect().session(auto_commit_acks=False)
    session.queue("q")
    session.publish("q", "m", durable=True)
    session.consume("q")
    before = len(world.records)
    for _ in range(1_000):
        session.tell(packets.SessionRollback(consider_last_message_as_delivered=True))
    assert len(world.records) - before < 140
    (ref,) = world.restarted().broker.state.store.queues["q"].waiting
    assert ref.deliveries == 512


def test_a_session_whose_sends_are_refused_does_not_fill_the_log() -> None:
    world = World(CoreConfig(node_seed=b"", limits=Limits(memory_bytes_max=1)))
    session = world.connect().session()
    session.queue("q")
    session.publish("q", "m", blocking=False)
    for _ in range(1_000):
        session.publish("q", "m", blocking=False)
    lines = [log.text for log in world.logs]
    assert 8 < len(lines) < 16
    assert "(512 refusals so far)" in lines[-1]


def test_a_line_of_the_log_and_an_answer_are_short_whatever_a_peer_writes() -> None:
    world = World()
    session = world.connect().session()
    session.queue("q")
    answer = session.ask(packets.SessionCreateConsumer(0, "q", "x" * 100_000, requires_response=True))
    assert len(answer.message) < 2_000
    session.tell(packets.SessionCreateConsumer(0, "q", "x" * 100_000, requires_response=False))
    assert all(len(log.text) < 3_000 for log in world.logs)


def test_a_shared_subscription_goes_though_a_browser_was_its_last_reader() -> None:
    session = World().connect().session()
    session.done(packets.CreateSharedQueueV2("topic", "shared", durable=False, routing_type=0))
    consumer = session.consume("shared")
    browser = session.consume("shared", browse=True)
    session.done(packets.SessionConsumerClose(consumer))
    session.done(packets.SessionConsumerClose(browser))
    assert session.ask(packets.SessionQueueQuery("shared")).exists is False


def wild(client: Client, channel: int) -> bytes:
    return registry.encode(send_packet("q", "late"), channel, client.version)


@pytest.mark.parametrize("state", ["stopped", "transaction", "browser", "credits", "closing"])
def test_sessions_are_continued_in_every_state_twice_in_a_row_while_the_old_link_still_writes(state: str) -> None:
    world = World()
    old = world.connect()
    transacted = state == "transaction"
    session = old.session("s", window_size=1 << 20, auto_commit_sends=not transacted, auto_commit_acks=not transacted)
    session.queue("q")
    for number in range(4):
        session.publish("q", str(number))
    if transacted:
        session.done(packets.SessionCommit(-1))
    reader = session.consume("q", credit=1 if state == "credits" else -1, browse=state == "browser")
    if state == "stopped":
        session.done(packets.SessionStop())
    world.broker.state.sessions["s"].channel.flush()
    for _ in range(2):
        new = world.connect()
        channel = world.broker.state.sessions["s"].channel
        counted = channel.first_unconfirmed + channel.unconfirmed - 1
        assert new.reattach(session, counted).reattached
        old.write(wild(old, session.channel))  # a dead letter: the link is closed, or has no such session
        assert old.link in world.closed
        old = new
    session.tell(packets.SessionFlowToken(reader, -1), packets.SessionStart())
    if state == "closing":
        session.done(packets.SessionClose())
        assert world.connect().reattach(session, -1).reattached is False
        return
    assert session.ask(packets.SessionQueueQuery("q")).message_count == 4


def test_who_asks_for_more_than_the_memory_takes_is_closed_and_nobody_else() -> None:
    world = World(CoreConfig(node_seed=b"", limits=Limits(answers_per_step_bytes_max=100_000)))
    session, other = world.connect().session(), world.connect().session()
    for number in range(100):
        session.queue(f"a long name of a queue {number}", "topic", routing_type=0)
    session.ask(packets.SessionBindingQuery("topic"))
    session.tell(*[packets.SessionBindingQuery("topic")] * 1_000)
    assert world.closed == [session.client.link]
    assert one([log.text for log in world.logs]).count("SESS_BINDINGQUERY") == 1
    assert len(other.ask(packets.SessionBindingQuery("topic")).queue_names) == 100


def test_consumers_and_filters_are_limited_in_all_and_room_comes_back() -> None:
    world = World(CoreConfig(node_seed=b"", limits=Limits(interest_chars_max=1_000)))
    session, other = world.connect().session(), world.connect().session()
    session.queue("q")
    wanted = packets.SessionCreateConsumer(0, "q", "a = 1 OR " * 100 + "a = 2", requires_response=True)
    session.ask(wanted)
    session.queue("filtered", filter="b = 1" + " " * 50)
    assert other.refused(packets.SessionCreateConsumer(0, "q", None, requires_response=True)) == 104
    assert other.refused(packets.CreateQueueV2("x", "x", filter="b = 1", requires_response=True)) == 104
    other.queue("plain")
    copy = Broker.restore(world.config, world.broker.snapshot())
    assert copy.state.store.interest_chars == world.broker.state.store.interest_chars
    session.client.lose()
    other.queue("x", filter="b = 1")
    other.ask(packets.SessionCreateConsumer(0, "q", None, requires_response=True))
    other.done(packets.DeleteQueue("filtered"))
    other.done(packets.SessionClose())
    assert world.broker.state.store.interest_chars == len("b = 1")
