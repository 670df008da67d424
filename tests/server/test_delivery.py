"""Which message goes to which consumer, when."""

from __future__ import annotations

import pytest
from tests.server.helpers import Session, World, one

from corewire.values import Byte
from corewire.wire import packets
from corewire.wire.registry import encode
from corewire_server.core import Broker, CoreConfig, Limits
from corewire_server.core.inputs import LinkBlocked


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def session(world: World) -> Session:
    session = world.connect().session()
    session.queue("q")
    return session


def publish(session: Session, *texts: str, priority: int = 4) -> None:
    for text in texts:
        session.publish("q", text, priority=priority)


def test_messages_go_in_turn_to_equal_consumers(world: World, session: Session) -> None:
    for _ in range(3):
        session.consume("q")
    publish(session, *"abcdef")
    assert [(one.consumer, one.text) for one in session.deliveries()] == list(zip([0, 1, 2] * 2, "abcdef", strict=True))


def test_high_priorities_come_first_and_equal_ones_in_order(session: Session) -> None:
    publish(session, "a", "b", priority=4)
    publish(session, "c", "d", priority=9)
    publish(session, "e", priority=0)
    session.consume("q")
    assert session.texts() == ["c", "d", "a", "b", "e"]


def test_nothing_comes_before_the_first_credits_nor_before_start(session: Session) -> None:
    publish(session, "a")
    session.ask(packets.SessionCreateConsumer(0, "q"))
    session.tell(packets.SessionStart())
    assert session.texts() == []
    session.tell(packets.SessionStop())
    session.tell(packets.SessionFlowToken(0, 1))
    assert session.texts() == []
    session.tell(packets.SessionStart())
    assert session.texts() == ["a"]


def test_credits_are_bytes_of_whole_frames_and_may_go_below_zero(session: Session) -> None:
    publish(session, "a", "b", "c")
    session.consume("q", credit=1)
    items = [item for item in session.read() if isinstance(item, packets.SessionReceiveMessage)]
    size = len(encode(one(items), 10, 136))
    session.tell(packets.SessionFlowToken(0, size - 1))  # the balance is zero again
    assert session.texts() == []
    session.tell(packets.SessionFlowToken(0, 1))
    assert session.texts() == ["b"]
    session.tell(packets.SessionFlowToken(0, 0))
    session.tell(packets.SessionFlowToken(0, 1))
    assert session.texts() == ["c"]


def test_a_token_after_the_end_of_flow_control_is_ignored(session: Session) -> None:
    session.consume("q", credit=-1)
    session.tell(packets.SessionFlowToken(0, 0))
    publish(session, "a")
    assert session.texts() == ["a"]


def test_forced_delivery_is_answered_behind_all_that_could_be_delivered(session: Session) -> None:
    publish(session, "a", "b")
    session.consume("q", credit=1)
    session.tell(packets.SessionForceConsumerDelivery(0, 42))
    first, marker = session.deliveries()
    assert first.text == "a"
    assert dict(marker.message.properties) == {"_hornetq.forced.delivery.seq": 42}
    assert (marker.count, marker.message.address, marker.message.priority) == (0, "q", 0)


def test_forced_delivery_works_while_stopped_and_for_unknown_consumers_does_nothing(session: Session) -> None:
    session.ask(packets.SessionCreateConsumer(0, "q"))
    session.tell(packets.SessionForceConsumerDelivery(0, 1), packets.SessionForceConsumerDelivery(5, 2))
    assert len(session.deliveries()) == 1


def markers(session: Session) -> list[int | str]:
    """What came: texts, and the numbers of markers."""
    found: list[int | str] = []
    for item in session.deliveries():
        number = item.message.properties.get("_hornetq.forced.delivery.seq")
        found.append(number if isinstance(number, int) else item.text)
    return found


@pytest.mark.parametrize("copied", [False, True])
def test_forced_delivery_is_not_answered_while_what_waits_cannot_be_delivered(
    world: World, session: Session, copied: bool
) -> None:
    """``copied``: the broker was replaced by its snapshot in the middle."""
    consumer = session.consume("q")
    world.step(LinkBlocked(session.client.link, True))
    publish(world.connect().session(), "a")
    session.tell(*(packets.SessionForceConsumerDelivery(consumer, number) for number in range(50)))
    session.tell(packets.SessionForceConsumerDelivery(consumer, 50))
    assert markers(session) == []
    if copied:
        world.broker = Broker.restore(world.config, world.broker.snapshot())
    assert world.broker.next_timeout() != world.now
    world.step(LinkBlocked(session.client.link, False))
    assert markers(session) == ["a", 50]  # only the last is waited for, and kept


def test_forced_delivery_is_not_answered_while_too_much_is_unconfirmed() -> None:
    world = World(CoreConfig(node_seed=b"test", limits=Limits(resend_pause_bytes=500)))
    session = world.connect().session(window_size=100)
    session.queue("q")
    session.queue("other")
    publish(session, *"abcdefgh")
    crowding, asking = session.consume("q"), session.consume("other")
    assert len(session.texts()) < 8
    world.connect().session().publish("other", "here")
    session.tell(packets.SessionForceConsumerDelivery(asking, 1))
    assert markers(session) == []
    kept = world.broker.state.sessions[session.name].channel
    session.tell(packets.PacketsConfirmed(kept.first_unconfirmed + kept.unconfirmed - 1))
    found = session.deliveries()
    assert [item.consumer for item in found if item.consumer != crowding] == [asking, asking]
    assert found[-1].message.properties == {"_hornetq.forced.delivery.seq": 1}


def test_forced_delivery_that_cannot_be_answered_yet_is_answered_when_others_took_what_waits(
    world: World, session: Session
) -> None:
    consumer = session.consume("q")
    world.step(LinkBlocked(session.client.link, True))
    other = world.connect().session()
    publish(other, "a")
    session.tell(packets.SessionForceConsumerDelivery(consumer, 1))
    assert markers(session) == []
    other.consume("q")
    assert markers(session) == [1]


def test_forced_delivery_of_a_consumer_that_closed_is_forgotten(world: World, session: Session) -> None:
    consumer = session.consume("q")
    world.step(LinkBlocked(session.client.link, True))
    publish(world.connect().session(), "a")
    session.tell(packets.SessionForceConsumerDelivery(consumer, 1))
    session.done(packets.SessionConsumerClose(consumer))
    world.broker = Broker.restore(world.config, world.broker.snapshot())
    world.step(LinkBlocked(session.client.link, False))
    assert markers(session) == []


def test_a_consumers_filter_leaves_the_others_to_others(session: Session) -> None:
    session.consume("q", selector="colour = 'red'")
    for number, colour in enumerate(("blue", "red", "green", "red")):
        session.publish("q", str(number), properties={"colour": colour})
    assert session.texts() == ["1", "3"]
    session.consume("q")
    assert session.texts() == ["0", "2"]


def test_a_message_that_comes_back_is_seen_by_the_filters_again(session: Session) -> None:
    first = session.consume("q")
    publish(session, "a")
    assert session.texts() == ["a"]
    session.consume("q", selector="AMQPriority = 4")
    session.done(packets.SessionConsumerClose(first))
    assert [(item.consumer, item.text, item.count) for item in session.deliveries()] == [(1, "a", 1)]


def test_a_long_queue_is_served_in_slices_and_nothing_is_left_behind() -> None:
    world = World(CoreConfig(node_seed=b"", limits=Limits(deliveries_per_turn_max=10, examined_per_turn_max=7)))
    session = world.connect().session()
    session.queue("q")
    for number in range(45):
        session.publish("q", str(number), properties={"odd": bool(number % 2)})
    session.consume("q", selector="odd")
    session.tell(packets.SessionForceConsumerDelivery(0, 1))
    assert world.broker.next_timeout() == world.now
    world.settle()
    *found, marker = session.deliveries()
    assert [item.text for item in found] == [str(n) for n in range(1, 45, 2)]
    assert marker.message.properties
    session.consume("q")
    world.settle()
    assert session.texts() == [str(n) for n in range(0, 45, 2)]


def test_one_step_writes_no_more_than_a_socket_should_be_given_at_once(world: World, session: Session) -> None:
    for _ in range(60):
        session.publish("q", "x" * 100_000)
    session.consume("q", credit=-1)
    first = len(session.texts())
    assert 30 <= first <= 50  # four megabytes
    world.settle()
    assert first + len(session.texts()) == 60


def test_pre_acknowledged_messages_do_not_come_back(world: World) -> None:
    session = world.connect().session(pre_acknowledge=True)
    session.queue("q")
    publish(session, "a")
    number = session.consume("q")
    assert session.texts() == ["a"]
    session.done(packets.SessionConsumerClose(number))
    assert session.ask(packets.SessionQueueQuery("q")).message_count == 0


def test_deliveries_pause_while_too_much_is_unconfirmed() -> None:
    world = World(CoreConfig(node_seed=b"", limits=Limits(resend_pause_bytes=1_000)))
    session = world.connect().session(window_size=100)
    session.queue("q")
    for number in range(30):
        session.publish("q", str(number), blocking=False)
    session.consume("q")
    got = session.texts()
    assert 0 < len(got) < 30
    session.tell(packets.PacketsConfirmed(len(got)))  # the answers to the queue and the consumer, and all but one
    assert session.texts()


def unconfirmed_until_it_pauses(window: int, limits: Limits) -> int:
    world = World(CoreConfig(node_seed=b"", limits=limits))
    session = world.connect().session(window_size=window)
    session.queue("q")
    for number in range(100):
        session.publish("q", str(number) * 200, blocking=False)
    session.consume("q")
    world.settle()
    (kept,) = world.broker.state.sessions.values()
    return kept.channel.buffered_bytes


@pytest.mark.parametrize(
    ("window", "least", "most"), [(100, 1_000, 2_000), (5_000, 5_001, 7_000), (1 << 20, 15_000, 16_000)], ids=str
)
def test_deliveries_do_not_pause_before_a_client_has_its_window_full_and_confirms(
    window: int, least: int, most: int
) -> None:
    """Up to three quarters of what closes a session."""
    limits = Limits(resend_pause_bytes=1_000, resend_bytes_max=20_000)
    assert least <= unconfirmed_until_it_pauses(window, limits) <= most


def test_a_client_that_does_not_read_is_passed_over_until_it_does(world: World, session: Session) -> None:
    session.consume("q")
    other = world.connect().session()
    other.consume("q")
    world.step(LinkBlocked(session.client.link, blocked=True))
    publish(other, "a", "b")
    assert other.texts() == ["a", "b"]
    assert session.texts() == []
    world.step(LinkBlocked(session.client.link, blocked=False))
    publish(other, "c", "d")
    assert len(session.texts()) == 1


def test_what_was_never_confirmed_closes_the_session_in_the_end() -> None:
    world = World(CoreConfig(node_seed=b"", limits=Limits(resend_bytes_max=1_000)))
    session = world.connect().session(window_size=1 << 20)
    session.tell(*[packets.SessionQueueQuery("q")] * 20)
    world.sleep(2_000)
    session.read()
    session.tell(packets.SessionQueueQuery("q"))
    assert session.read() == []


def test_messages_expire_at_delivery_and_by_the_clock(world: World, session: Session) -> None:
    session.publish("q", "soon", expiration=world.now + 1_000)
    session.publish("q", "later", expiration=world.now + 60_000)
    world.now += 1_500
    session.consume("q")
    assert session.texts() == ["later"]
    session.done(packets.SessionConsumerClose(0))
    client = session.client
    for _ in range(8):
        world.sleep(10_000)
        client.send(0, packets.Ping(60_000))
    assert session.ask(packets.SessionQueueQuery("q")).message_count == 0


def test_browsers_show_without_taking_and_go_on_with_what_comes(world: World, session: Session) -> None:
    publish(session, "a", "b")
    other = world.connect().session()
    browser = other.consume("q", browse=True)
    other.tell(packets.SessionStop())
    other.read()
    assert other.ask(packets.SessionQueueQuery("q")).consumer_count == 0
    publish(session, "c")
    other.tell(packets.SessionForceConsumerDelivery(browser, 0))
    shown = other.deliveries()
    assert [(item.text, item.count) for item in shown[:1]] == [("c", 0)]
    other.acknowledge(shown[0])
    assert other.ask(packets.SessionQueueQuery("q")).message_count == 3


def test_a_browser_does_not_see_what_is_in_delivery_nor_anything_twice(world: World, session: Session) -> None:
    publish(session, "a", "b", "c")
    consumer = session.consume("q", credit=1)
    assert session.texts() == ["a"]
    other = world.connect().session()
    other.consume("q", browse=True)
    assert other.texts() == ["b", "c"]
    session.done(packets.SessionConsumerClose(consumer))
    assert other.texts() == []


def test_a_browser_with_a_filter(session: Session) -> None:
    for number in range(4):
        session.publish("q", str(number), properties={"n": Byte(number)})
    session.consume("q", browse=True, selector="n > 1")
    assert session.texts() == ["2", "3"]
