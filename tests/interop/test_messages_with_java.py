"""What messages can do, with a Java client at the other end of a real broker: they write and we read, we write and they read."""

from __future__ import annotations

import struct
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.interop.mate import JavaError, Mate
from tests.interop.selector_table import PROPERTIES as SELECTED
from tests.interop.selector_table import VERDICTS

from corewire import (
    AckMode,
    Byte,
    Char,
    Float,
    Long,
    Message,
    Properties,
    Queue,
    QueueConfiguration,
    RoutingType,
    Short,
    Topic,
)
from corewire.errors import ConversionError, IllegalState, InvalidFilterExpression, QueueDoesNotExist
from corewire_transports.threads import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.interop.artemis import Artemis

    from corewire import PropertyValue
    from corewire_transports.threads import Client, ReceivedMessage, Session

pytestmark = pytest.mark.slow

TYPES: dict[str, PropertyValue] = {
    "a_bool": True,
    "a_byte": Byte(-128),
    "a_short": Short(32767),
    "an_int": -(2**31),
    "a_long": Long(2**63 - 1),
    "a_float": Float(1.5),
    "a_double": 2.5e300,
    "a_string": "grüße",
    "a_number": " 7",
    "a_true": "TRUE",
    "a_decimal": "1e3",
    "some_bytes": b"\0\xff",
    "a_char": Char("x"),
    "a_null": None,
}


@pytest.fixture(scope="module")
def mate(artemis: Artemis) -> Iterator[Mate]:
    """One Java program for all."""
    mate = Mate(artemis.url)
    yield mate
    mate.close()


@pytest.fixture(scope="module")
def client(artemis: Artemis) -> Iterator[Client]:
    with connect(artemis.url) as client:
        yield client


@pytest.fixture
def session(client: Client) -> Iterator[Session]:
    with client.session() as session:
        yield session


@pytest.fixture
def queue(request: pytest.FixtureRequest, session: Session) -> str:
    name: str = request.node.name
    session.create_queue(name)
    return name


def next_of(session: Session, queue: str) -> ReceivedMessage:
    with session.consumer(queue) as consumer:
        message = consumer.receive(timeout=10)
        assert message is not None
        return message


def texts_of(session: Session, queue: str) -> list[str]:
    with session.consumer(queue) as consumer:
        return [message.text for message in consumer.drain()]


# -- properties ----------------------------------------------------------------------------------------------------------


def said(getter: Callable[[str], object], name: str, form: str = "") -> str:
    """What a getter says, as ``Mate.java`` writes it."""
    try:
        value = getter(name)
    except ConversionError:
        return "!"
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case bytes():
            return value.decode("latin-1")
        case float():
            return format(int.from_bytes(struct.pack(form, value)), "x")
        case _:
            return str(value)


def conversions(properties: Properties) -> list[str]:
    """For each property, by name, what all getters say."""
    words: list[str] = []
    for name in sorted(properties):
        words += [
            name,
            said(properties.get_boolean, name),
            said(properties.get_byte, name),
            said(properties.get_short, name),
            said(properties.get_int, name),
            said(properties.get_long, name),
            said(properties.get_float, name, ">f"),
            said(properties.get_double, name, ">d"),
            said(properties.get_string, name),
            said(properties.get_bytes, name),
        ]
    return words


def test_properties_of_all_types_come_from_java(mate: Mate, session: Session, queue: str) -> None:
    mate("types", queue)
    message = next_of(session, queue)
    assert {name: (type(value), value) for name, value in message.properties.items()} == {
        name: (type(value), value) for name, value in TYPES.items()
    }


def test_java_converts_our_properties_as_we_do(mate: Mate, session: Session, queue: str) -> None:
    session.send(queue, "types", properties=TYPES)
    assert mate("read", queue) == conversions(Properties(TYPES))


# -- headers -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["queue", "topic"])
def test_answers_have_a_place_and_a_name_of_bytes(mate: Mate, session: Session, queue: str, place: str) -> None:
    name = b"\x00\xfe\xff\x80 name"
    destination = Queue("answers") if place == "queue" else Topic("answers")
    mate.send(queue, "theirs", **{f"reply_to_{place}": "answers"}, correlation=name.decode("latin-1"))
    message = next_of(session, queue)
    assert (message.reply_to, message.correlation_id) == (destination, name)
    session.send(queue, "ours", reply_to=destination, correlation_id=name)
    taken = mate.take_from(queue)
    assert taken is not None
    assert taken.reply_to == f"ActiveMQ{place.capitalize()}[answers]"
    assert taken.correlation == name.decode("latin-1")


def test_the_highest_priority_comes_first(mate: Mate, session: Session, queue: str) -> None:
    order = [4, 0, 9, 4, 7, 9, 1]
    wanted = sorted(range(len(order)), key=lambda number: (-order[number], number))
    for number, priority in enumerate(order):
        mate.send(queue, str(number), priority=priority)
    with session.consumer(queue) as consumer:
        came = [(message.text, message.priority) for message in consumer.drain()]
    assert came == [(str(number), order[number]) for number in wanted]
    for number, priority in enumerate(order):
        session.send(queue, str(number), priority=priority)
    assert mate.texts_from(queue) == [str(number) for number in wanted]


def test_messages_expire(mate: Mate, session: Session, queue: str) -> None:
    mate.send(queue, "theirs, dead", ttl=10)
    session.send(queue, "ours, dead", ttl=0.01)
    mate.send(queue, "theirs", ttl=60_000)
    session.send(queue, "ours", ttl=60)
    time.sleep(0.02)  # what is to expire has to
    taken = next_of(session, queue)
    assert taken.expiration is not None
    assert taken.timestamp is not None
    assert (taken.text, taken.expiration - taken.timestamp) == ("theirs", timedelta(minutes=1))
    seen = mate.take_from(queue)
    assert seen is not None
    assert (seen.text, seen.ttl) == ("ours", "60000")
    assert session.query_queue(queue).message_count == 0


def test_a_delivery_is_put_off(mate: Mate, session: Session, queue: str) -> None:
    mate.send(queue, "theirs", delay=200)
    message = next_of(session, queue)
    assert message.deliver_at is not None
    assert message.timestamp is not None
    assert message.deliver_at - message.timestamp == timedelta(milliseconds=200)
    assert message.deliver_at <= datetime.now(UTC)
    session.send(queue, "ours", delivery_delay=0.2)
    taken = mate.take_from(queue)
    assert taken is not None
    assert (taken.text, taken.due, taken.delay) == ("ours", "true", "200")


# -- what the broker does with them --------------------------------------------------------------------------------------


def test_a_duplicate_is_dropped_whoever_sent_the_first(mate: Mate, session: Session, queue: str) -> None:
    mate.send(queue, "theirs", _AMQ_DUPL_ID="one")
    session.send(queue, "ours again", duplicate_id="one")
    session.send(queue, "ours", duplicate_id="two")
    mate.send(queue, "theirs again", _AMQ_DUPL_ID="two")
    assert texts_of(session, queue) == ["theirs", "ours"]


def test_the_last_value_replaces_those_before(mate: Mate, session: Session, queue: str) -> None:
    name = f"{queue}.last"
    session.create_queue(QueueConfiguration(name=name, routing_type=RoutingType.ANYCAST, last_value=True))
    mate.send(name, "theirs", _AMQ_LVQ_NAME="key")
    session.send(name, "ours", last_value="key")
    session.send(name, "ours", last_value="other key")
    mate.send(name, "theirs", _AMQ_LVQ_NAME="other key")
    with session.consumer(name) as consumer:
        came = {(message.last_value, message.text) for message in consumer.drain()}
    assert came == {("key", "ours"), ("other key", "theirs")}


@pytest.mark.parametrize("sender", ["ours", "theirs"])
def test_a_sequence_of_minus_one_closes_a_group(mate: Mate, session: Session, queue: str, sender: str) -> None:
    """The first consumer has the group until it is closed; windows of 0 let each ask when it is its turn."""

    def send(text: str, sequence: int) -> None:
        if sender == "ours":
            session.send(queue, text, group_id="g", group_sequence=sequence)
        else:
            mate.send(queue, text, JMSXGroupID="g", sequence=sequence)

    with session.consumer(queue, window_bytes=0) as first:
        send("1", 1)
        message = first.receive(timeout=10)
        assert message is not None
        assert (message.text, message.group_id, message.group_sequence) == ("1", "g", 1)
        mate("consume", "second", queue)
        send("2", 2)
        assert mate.take("second", "0") is None
        assert first.receive().text == "2"
        send("3", -1)
        assert first.receive().text == "3"
        send("4", 1)
        taken = mate.take("second")
        assert taken is not None
        assert (taken.text, taken.group, taken.sequence) == ("4", "g", "1")
        mate("close", "second")


class KeepsBack:
    """Lets in what is no secret."""

    def outgoing(self, message: Message, /) -> Message | None:
        return message

    def incoming(self, message: Message, /) -> Message | None:
        return None if message.text == "secret" else message


@pytest.mark.parametrize("mode", AckMode)
def test_what_an_interceptor_keeps_back_is_gone_at_the_broker(
    artemis: Artemis, mate: Mate, session: Session, queue: str, mode: AckMode
) -> None:
    for text in ("secret", "open", "secret"):
        mate.send(queue, text)
    with connect(artemis.url, interceptors=[KeepsBack()]) as client:
        with client.session(mode) as receiving, receiving.consumer(queue) as consumer:
            message = consumer.receive(timeout=10)
            assert message is not None
            assert message.text == "open"
            assert consumer.receive(timeout=0) is None
            if mode in (AckMode.CLIENT, AckMode.INDIVIDUAL):
                message.acknowledge()
        assert client.stats.messages_dropped == 2
    assert session.query_queue(queue).message_count == 0


# -- topics --------------------------------------------------------------------------------------------------------------


def test_nobody_gets_what_it_sent_itself_unless_it_wants(mate: Mate, session: Session, queue: str) -> None:
    topic = f"{queue}.topic"
    with session.subscribe(topic, no_local=True) as ours, session.subscribe(topic) as everything:
        mate("subscribe", "theirs", "not own", topic, "")
        session.send(Topic(topic), "ours")
        mate.send(f"topic://{topic}", "theirs")
        assert [message.text for message in everything.drain(timeout=0)] == ["ours", "theirs"]
        assert [message.text for message in ours.drain()] == ["theirs"]
        taken = mate.take("theirs")
        assert taken is not None
        assert taken.text == "ours"
        assert mate.take("theirs", "0") is None
        mate("close", "theirs")


@pytest.mark.parametrize("durable", [False, True])
def test_a_subscription_is_shared_with_java(mate: Mate, session: Session, queue: str, durable: bool) -> None:
    topic, name = f"{queue}.topic", f"{queue}.workers"
    with session.subscribe(topic, name, shared=True, durable=durable, window_bytes=0) as ours:
        mate("subscribe", "theirs", "shared durable" if durable else "shared", topic, name)
        for number in range(10):
            session.send(Topic(topic), str(number))
        came: list[str] = []
        for _ in range(5):
            came.append(ours.receive().text)
            taken = mate.take("theirs")
            assert taken is not None
            came.append(taken.text)
        assert came == [str(number) for number in range(10)]
        assert ours.receive(timeout=0) is None
        mate("close", "theirs")
    if durable:
        session.unsubscribe(name)


def test_a_subscription_in_use_cannot_be_deleted(mate: Mate, session: Session, queue: str) -> None:
    topic, name = f"{queue}.topic", f"{queue}.books"
    mate("subscribe", "theirs", "shared durable", topic, name)
    with pytest.raises(IllegalState):
        session.unsubscribe(name)
    mate("close", "theirs")
    with session.subscribe(topic, name, shared=True), pytest.raises(JavaError, match="IllegalStateException"):
        mate("unsubscribe", name)
    mate("unsubscribe", name)
    with pytest.raises(QueueDoesNotExist):
        session.unsubscribe(name)
    with session.subscribe(topic, name, shared=True):
        pass
    session.unsubscribe(name)
    with pytest.raises(JavaError, match="InvalidDestinationException"):
        mate("unsubscribe", name)


def test_a_durable_subscription_is_the_same_for_java(artemis: Artemis, mate: Mate, queue: str) -> None:
    topic, client_id = f"{queue}.topic", f"{queue}.id"
    assert mate("durable", client_id, topic, "audit") == []
    for text in ("for us", "for them"):
        mate.send(f"topic://{topic}", text)
        if text == "for us":
            with (
                connect(artemis.url, client_id=client_id) as client,
                client.session() as session,
                session.subscribe(topic, "audit") as audit,
            ):
                assert [message.text for message in audit.drain()] == ["for us"]
    assert mate("durable", client_id, topic, "audit") == ["for them"]
    with connect(artemis.url, client_id=client_id) as client, client.session() as session:
        session.unsubscribe("audit")


# -- selectors -----------------------------------------------------------------------------------------------------------


def matches(session: Session, queue: str, selector: str) -> str:
    try:
        with session.browser(queue, selector=selector) as browser:
            return "T" if list(browser) else "F"
    except InvalidFilterExpression:
        return "X"


def test_selectors_at_the_edges_select_the_same_for_us_and_for_java(mate: Mate, session: Session, queue: str) -> None:
    session.send(queue, "selected", properties=SELECTED)
    seen = {selector: (matches(session, queue, selector), mate("match", queue, selector)[0]) for selector in VERDICTS}
    wanted = {selector: 2 * (verdict.replace("E", "F"),) for selector, verdict in VERDICTS.items()}
    assert {each: verdicts for each, verdicts in seen.items() if verdicts != wanted[each]} == {}
