"""The door of the core: the life of a link, a session, a message, and what bad bytes do."""

from __future__ import annotations

from typing import Any

import pytest
from tests.server.helpers import World, one

from corewire.wire import packets
from corewire_server.core import dispatch
from corewire_server.core.inputs import BytesReceived, LinkClosed, Stopping, Timeout


def test_a_new_link_gets_its_ping_back_and_the_topology() -> None:
    world = World()
    ping, topology = world.connect().read(0)
    assert ping == packets.Ping(60_000)
    assert topology == packets.ClusterTopologyV4(
        exit=False, node_id=world.broker.node_id, unique_event_id=world.now, last=True
    )
    assert topology.node_id.startswith("636f7265-7769-8")


def test_a_message_goes_from_producer_to_consumer() -> None:
    world = World()
    session = world.connect().session()
    session.queue("q")
    session.publish("q", "hello", durable=True)
    session.consume("q")
    delivery = one(session.deliveries())
    assert (delivery.text, delivery.count, delivery.message.address) == ("hello", 1, "q")
    session.acknowledge(delivery)
    assert session.ask(packets.SessionQueueQuery("q")).message_count == 0


def test_bad_bytes_end_their_link_only_and_are_named_in_one_line() -> None:
    world = World()
    bad, good = world.connect(), world.connect()
    session = bad.session(username="eve")
    bad.write(b"\0\0\0\x0d" + bytes([45]) + session.channel.to_bytes(8, "big") + b"\x7f\xff\xff\xff")
    assert world.closed == [bad.link]
    line = one([log.text for log in world.logs if log.level == "error"])
    assert line.startswith("127.0.0.1:50001 (user eve): link closed: SESS_QUEUEQUERY at offset ")
    assert [line.count(said) for said in ("SESS_QUEUEQUERY", "offset")] == [1, 1]
    assert good.session().ask(packets.SessionQueueQuery("q")).exists is False


@pytest.mark.parametrize("mistake", [MemoryError, ZeroDivisionError])
def test_what_a_command_raises_ends_its_link_but_without_memory_the_core_does_not_go_on(
    mistake: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(state: Any, session: Any, packet: Any) -> Any:
        raise mistake

    kind = packets.SessionQueueQuery.TYPE
    monkeypatch.setitem(dispatch.COMMANDS, kind, dispatch.Command(stumble, dispatch.Answered.ALWAYS))
    world = World()
    session = world.connect().session()
    if mistake is MemoryError:
        with pytest.raises(MemoryError):
            session.tell(packets.SessionQueueQuery("q"))
        assert world.closed == []
    else:
        session.tell(packets.SessionQueueQuery("q"))
        assert world.closed == [session.client.link]


def test_input_for_a_link_that_is_gone_is_nothing() -> None:
    world = World()
    client = world.connect()
    client.lose()
    assert world.step(BytesReceived(client.link, b"late")) == []
    assert world.step(LinkClosed(client.link)) == []


def test_a_client_without_the_magic_is_served() -> None:
    world = World()
    client = world.connect(greeting=b"")
    assert client.read(0)[0] == packets.Ping(60_000)


def test_stopping_says_goodbye_on_every_link() -> None:
    world = World()
    client = world.connect()
    client.session(window_size=1000)
    client.read(0)
    world.step(Stopping())
    assert client.read(0) == [packets.DisconnectV3(world.broker.node_id, 2)]
    assert world.closed == [client.link]


def test_what_a_peer_calls_itself_cannot_forge_a_line_of_the_log() -> None:
    world = World()
    client = world.connect()
    client.session("a\nERROR all is lost\ud800", username="x\n").tell(packets.DeleteQueue(""))
    client.write(b"\0\0\0\x01")
    assert world.logs
    assert all(log.text.isprintable() for log in world.logs)


def test_how_often_a_driver_asks_when_to_come_back_changes_nothing() -> None:
    """A primary's is asked all the time, a backup's never: both must do the same."""
    asked, unasked = World(), World()
    for world in (asked, unasked):
        world.connect().session(name="one", window_size=1024).queue("q")
        if world is asked:
            world.broker.next_timeout()
        assert world.broker.digest() == asked.broker.digest()
    due = asked.broker.next_timeout()
    assert due is not None
    asked.now = unasked.now = due
    assert asked.step(Timeout()) == unasked.step(Timeout())
    assert unasked.broker.digest() == asked.broker.digest()
