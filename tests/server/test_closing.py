"""How links end when another node takes over."""

from __future__ import annotations

from tests.server.helpers import World, one

from corewire.wire import packets
from corewire_server.core.inputs import Promoted

TTL = 60_000


def test_all_links_are_lost_and_their_sessions_with_a_window_wait_for_their_clients() -> None:
    world = World()
    clients = [world.connect() for _ in range(3)]
    kept = clients[0].session(window_size=1 << 20)
    kept.queue("q")
    kept.consume("q")
    given_up = clients[1].session(window_size=-1)
    given_up.queue("t", temporary=True, durable=False)
    world.step(Promoted(2))
    assert list(world.broker.state.sessions) == [kept.name]
    assert list(world.broker.state.links) == [clients[0].link]
    assert set(world.broker.state.store.queues) == {"q"}
    assert world.closed == []  # there is no socket to close: they were the other node's
    world.connect().session().publish("q", "while away")
    other = world.connect()
    last = len(kept.read()) - 1
    assert other.reattach(kept, last).reattached
    assert kept.texts() == ["while away"]


def test_what_one_gives_back_is_not_handed_to_another_that_is_lost_as_well() -> None:
    world = World()
    first, second = (world.connect().session(window_size=-1) for _ in range(2))
    first.queue("q")
    first.publish("q", "m", durable=True)
    first.consume("q")
    second.consume("q")
    world.step(Promoted(2))
    session = world.connect().session()
    session.consume("q")
    assert [delivery.count for delivery in session.deliveries()] == [2]


def test_their_time_begins_anew_also_for_links_that_were_lost_before() -> None:
    world = World()
    early, late = world.connect(), world.connect()
    sessions = [client.session(window_size=1 << 20) for client in (early, late)]
    early.lose()
    world.sleep(TTL - 5_000)
    late.send(0, packets.Ping(TTL))
    world.step(Promoted(2))
    world.sleep(TTL - 5_000)
    assert set(world.broker.state.sessions) == {session.name for session in sessions}
    world.sleep(10_000)
    assert not world.broker.state.sessions


def test_people_are_told() -> None:
    world = World()
    world.connect()
    world.step(Promoted(7))
    assert one(world.logs).text == "serving in epoch 7: 1 links of the other node are lost, their clients may come back"
