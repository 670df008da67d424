"""Destinations that take more than a name, with a Java client at the other end of either broker: each uses what the other made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.interop.mate import Mate

from corewire import QueueConfiguration, RoutingType, Topic
from corewire_server import BrokerConfig, serve
from corewire_transports.threads import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.interop.artemis import Artemis

    from corewire_transports.threads import Consumer, Session

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["ours", "artemis"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Our broker, in the tests' process, and a real one."""
    if request.param == "ours":
        with serve(BrokerConfig.for_tests()) as node:
            yield node.url
    else:
        artemis: Artemis = request.getfixturevalue("artemis")
        yield artemis.url


@pytest.fixture(scope="module")
def mate(url: str, java: None) -> Iterator[Mate]:
    """One Java program for all."""
    mate = Mate(url)
    yield mate
    mate.close()


@pytest.fixture
def session(url: str) -> Iterator[Session]:
    with connect(url) as client, client.session() as session:
        yield session


def text_of(consumer: Consumer) -> str:
    message = consumer.receive(timeout=10)
    assert message is not None
    return message.text


@pytest.mark.parametrize("kind", RoutingType, ids=lambda kind: kind.name.lower())
def test_each_uses_the_queue_that_the_other_made_at_an_address(mate: Mate, session: Session, kind: RoutingType) -> None:
    """Two queues of one address: what is sent to one of them is in that one only, whoever sends."""
    address = f"shops.{kind.name.lower()}"
    prefix = "topic://" if kind is RoutingType.MULTICAST else ""
    queues = ours, theirs = f"{address}.ours", f"{address}.theirs"
    session.create_queue(QueueConfiguration(name=ours, address=address, routing_type=kind))
    mate("make queue", theirs, address, kind.name)
    for queue in queues:
        session.send(f"{prefix}{address}::{queue}", f"from us to {queue}")
        mate.send(f"{prefix}{address}::{queue}", f"from Java to {queue}")
    assert mate.texts_from(f"{address}::{ours}") == [f"from us to {ours}", f"from Java to {ours}"]
    with session.consumer(f"{address}::{theirs}") as consumer:
        assert [message.text for message in consumer.drain()] == [f"from us to {theirs}", f"from Java to {theirs}"]
    for queue in queues:
        session.delete_queue(queue)


def test_each_publishes_to_the_temporary_topic_of_the_other(mate: Mate, session: Session) -> None:
    """They learn of it as JMS programs do, by the place that a message has for the answer; all subscribers get it."""
    with session.temporary_topic() as ours, session.subscribe(ours) as one, session.subscribe(ours) as other:
        mate("consume", "guests", "java.guests")
        session.send("java.guests", "come in", reply_to=ours)
        mate("answer", "guests", "hello from Java")
        assert [text_of(consumer) for consumer in (one, other)] == ["hello from Java", "hello from Java"]
        mate("close", "guests")
    mate("temporary topic", "news")
    mate.send("our.guests", "come in", reply_to_temporary="news")
    with session.consumer("our.guests") as guests:
        theirs = guests.receive(timeout=10)
    assert theirs is not None
    assert isinstance(theirs.reply_to, Topic)
    assert theirs.reply_to.temporary
    session.send(theirs.reply_to, "hello from Python")
    taken = mate.take("news")
    assert taken is not None
    assert taken.text == "hello from Python"
    mate("close", "news")
    mate("delete", "news")
