"""Names, patterns and routes."""

from __future__ import annotations

import pytest
from tests.server.helpers import Session, World

from corewire.wire import packets
from corewire_server.core.addresses import matches


@pytest.mark.parametrize(
    ("pattern", "name", "wanted"),
    [
        ("a.*", "a.b", True),
        ("a.*", "a", False),
        ("a.*", "a.b.c", False),
        ("a.#", "a", True),
        ("a.#", "a.b.c", True),
        ("#.x", "x", True),
        ("#.x", "a.b.x", True),
        ("a.#.f", "a.f", True),
        ("a.#.f", "a.b.c.f", True),
        ("a.#.f", "a.b.c", False),
        ("#", "anything.at.all", True),
        ("a.#.*", "a", False),
        ("*.b", "a.B", False),
    ],
)
def test_patterns_match_words(pattern: str, name: str, wanted: bool) -> None:
    assert matches(pattern.split("."), name.split(".")) is wanted


@pytest.fixture
def session() -> Session:
    return World().connect().session()


def received(session: Session) -> list[tuple[int, str]]:
    return sorted((one.consumer, one.text) for one in session.deliveries())


def test_each_multicast_queue_gets_the_message_and_one_anycast_queue(session: Session) -> None:
    session.queue("m1", "a", routing_type=0)
    session.queue("m2", "a", routing_type=0)
    session.queue("any1", "a")
    session.queue("any2", "a")
    for name in ("m1", "m2", "any1", "any2"):
        session.consume(name)
    for text in "xy":
        session.publish("a", text)
    assert received(session) == [(0, "x"), (0, "y"), (1, "x"), (1, "y"), (2, "x"), (3, "y")]


def test_a_queue_with_a_consumer_is_preferred(session: Session) -> None:
    session.queue("any1", "a")
    session.queue("any2", "a")
    session.consume("any2")
    for text in "xyz":
        session.publish("a", text)
    assert session.texts() == ["x", "y", "z"]


def test_the_routing_type_of_a_message_excludes_the_other_kind(session: Session) -> None:
    session.queue("m", "a", routing_type=0)
    session.queue("any", "a")
    session.consume("m")
    session.consume("any")
    session.publish("a", "x", properties={"_AMQ_ROUTING_TYPE": 1})
    assert received(session) == [(1, "x")]


def test_queues_on_patterns_get_what_matches_and_literal_ones_too(session: Session) -> None:
    session.queue("all", "a.#", routing_type=0)
    session.queue("one", "a.b", routing_type=0)
    session.consume("all")
    session.consume("one")
    session.publish("a.b", "x")
    session.publish("a.c", "y")
    assert received(session) == [(0, "x"), (0, "y"), (1, "x")]
    assert session.ask(packets.SessionBindingQuery("*.b")).queue_names == ["one"]
    assert session.ask(packets.SessionBindingQuery("a.b")).queue_names == ["one"]


def test_a_fully_qualified_name_reaches_its_queue_only(session: Session) -> None:
    session.queue("q1", "a", routing_type=0)
    session.queue("q2", "a", routing_type=0)
    session.consume("q1")
    session.consume("a::q2")
    session.publish("a::q2", "x")
    assert received(session) == [(1, "x")]


def test_a_queues_filter_decides_when_the_message_is_sent(session: Session) -> None:
    session.queue("red", "a", routing_type=0, filter="colour = 'red'")
    session.publish("a", "x", properties={"colour": "red"})
    session.publish("a", "y", properties={"colour": "blue"})
    session.consume("red")
    assert session.texts() == ["x"]


def test_a_message_for_nobody_is_a_success(session: Session) -> None:
    assert session.publish("nowhere", "x") == packets.NullResponse(-2)


def test_a_disabled_queue_loses_what_is_for_it(session: Session) -> None:
    session.queue("off", enabled=False)
    session.publish("off", "x")
    assert session.ask(packets.SessionQueueQuery("off")).message_count == 0


def test_queues_take_turns_among_those_whose_filter_and_consumers_fit(session: Session) -> None:
    session.queue("red", "a", filter="colour = 'red'")
    session.queue("any1", "a")
    session.queue("any2", "a")
    for name in ("red", "any1", "any2"):
        session.consume(name, selector="n > 0" if name == "any1" else None)
    for number, colour in ((1, "red"), (1, "blue"), (0, "blue"), (0, "blue"), (1, "blue")):
        session.publish("a", colour, properties={"colour": colour, "n": number})
    assert received(session) == [(0, "red"), (1, "blue"), (1, "blue"), (2, "blue"), (2, "blue")]


def test_where_no_filter_fits_nobody_gets_it(session: Session) -> None:
    session.queue("red", "a", filter="colour = 'red'")
    session.queue("blue", "a", filter="colour = 'blue'")
    session.publish("a", "x")
    assert session.ask(packets.SessionQueueQuery("red")).message_count == 0
    assert session.ask(packets.SessionQueueQuery("blue")).message_count == 0
