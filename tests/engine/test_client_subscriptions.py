"""How subscriptions are named and made, and what is not possible."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.engine.client_world import ClientWorld, fragile, resilient

from corewire.client._subscriptions import make_queue, subscription_name, subscription_queue, without_own
from corewire.client.message import Message
from corewire.errors import ConfigError, IllegalState, QueueExists, Unblocked
from corewire.values import Queue, RoutingType, Topic
from corewire.wire import packets

if TYPE_CHECKING:
    from corewire.client._calls import Command, Script
    from corewire.client._context import Context
    from corewire.client._ids import SessionId


@pytest.mark.parametrize(
    ("client_id", "name", "durable", "queue"),
    [
        ("a.b", "s", True, r"a\.b.s"),
        (None, "s", True, "s"),
        ("c\\", "s.t", False, "nonDurable.c\\\\.s\\.t"),
        (None, "s", False, "nonDurable.s"),
    ],
)
def test_queue_is_named_as_jms_clients_name_it(client_id: str | None, name: str, durable: bool, queue: str) -> None:
    assert subscription_name(client_id, name, durable=durable) == queue


def context_of(world: ClientWorld) -> Context:
    return world.engine._context


@pytest.mark.parametrize(
    ("name", "durable", "shared", "parameter"),
    [
        (None, True, False, "name"),
        (None, None, True, "name"),
        ("n", False, False, "durable"),
        ("n", None, False, "client_id"),
    ],
)
def test_what_makes_no_sense_is_refused(name: str | None, durable: bool | None, shared: bool, parameter: str) -> None:
    context = context_of(ClientWorld(resilient()))
    with pytest.raises(ConfigError) as caught:
        subscription_queue(context, Topic("t"), name, durable=durable, shared=shared, selector=None)
    assert caught.value.parameter == parameter


def test_unnamed_queue_is_temporary_and_selects() -> None:
    context = context_of(ClientWorld(resilient()))
    queue = subscription_queue(context, Topic("t"), None, durable=None, shared=False, selector="a = 1")
    assert (queue.address, queue.routing_type, queue.filter_string) == ("t", RoutingType.MULTICAST, "a = 1")
    assert (queue.temporary, queue.durable) == (True, False)


def test_a_temporary_queue_of_the_connection_that_was_lost_is_left_to_go_with_it() -> None:
    world = ClientWorld(resilient())
    session = world.session()
    world.run(world.engine.create_address(world.now, session, "t", [RoutingType.MULTICAST]))
    world.run(world.engine.create_subscription(world.now, session, Topic("t")))  # the topic is looked up
    queue = subscription_queue(context_of(world), Topic("t"), None, durable=None, shared=False, selector=None)
    script = make_queue(world.engine._session(session), Topic("t"), queue, shared=False)
    command = next(script)
    while not isinstance(command.packet, packets.CreateQueueV2):
        command = script.send(answer_of(world, session, command))
    command.repeated = True
    again = script.throw(QueueExists("there is one"))
    assert again.packet.queue_name != queue.name
    with pytest.raises(StopIteration) as done:
        script.send(packets.NullResponse())
    assert done.value.value == again.packet.queue_name


def answer_of(world: ClientWorld, session: SessionId, command: Command) -> Any:
    """What the broker says to a command of a script that the test drives."""

    def ask() -> Script[Any]:
        return (yield command)

    return world.run(world.engine._session(session).run(world.now, ask()))


def test_own_messages_are_left_out_by_selector() -> None:
    context = context_of(ClientWorld(resilient(client_id="it's me")))
    assert without_own(context, None) == "__AMQ_CID<>'it''s me'"
    assert without_own(context, "a = 1") == "(a = 1) AND __AMQ_CID<>'it''s me'"


def test_durable_subscription_in_use_is_refused() -> None:
    world = ClientWorld(resilient(client_id="me"))
    session = world.session()
    first = world.engine.create_subscription(world.now, session, Topic("t"), "n")
    world.run(first)
    with pytest.raises(IllegalState):
        world.run(world.engine.create_subscription(world.now, session, Topic("t"), "n"))


def test_message_that_nobody_took_is_first_in_line() -> None:
    world = ClientWorld(resilient())
    session = world.session(transacted=True)
    for text in ("1", "2"):
        world.run(world.engine.send(world.now, session, Queue("q"), Message(text)))
    world.run(world.engine.commit(world.now, session))
    consumer = world.consumer(session, "q")
    for _ in range(2):
        receiving = world.engine.receive(world.now, consumer)
        assert world.run(receiving).text == "1"
        world.engine.abandon(world.now, receiving)
        assert world.engine.buffered(consumer) >= 1
    world.run(world.engine.commit(world.now, session))  # nothing was received
    assert world.run(world.engine.receive(world.now, consumer)).text == "1"
    assert world.run(world.engine.receive(world.now, consumer)).text == "2"


def test_what_was_opened_for_nobody_is_closed_even_when_it_is_done() -> None:
    world = ClientWorld(resilient())
    session = world.session()
    opening = world.engine.create_consumer(world.now, session, "q", create=True)
    world.run(opening)
    world.engine.abandon(world.now, opening)
    world.pump()
    info = world.run(world.engine.query_queue(world.now, session, "q"))
    assert info.consumer_count == 0


def test_transient_consumer_ends_with_its_session() -> None:
    world = ClientWorld(fragile(retry_interval_s=0.1))
    session = world.session()
    opening = world.engine.create_consumer(world.now, session, "q", create=True, transient=True)
    consumer = world.run(opening)
    receiving = world.engine.receive(world.now, consumer)
    world.pump()
    world.cut()
    with pytest.raises(Unblocked):
        world.run(receiving)
