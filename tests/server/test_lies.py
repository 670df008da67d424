"""Sizes that lie (cases.md 15), without a socket: the link ends with one line that says where, nothing is allocated, nobody else notices."""

from __future__ import annotations

import sys
import tracemalloc
from time import process_time
from typing import TYPE_CHECKING, Any

import pytest
from tests.server import lies
from tests.server.helpers import Client, World, send_packet

from corewire.wire import packets

if TYPE_CHECKING:
    from collections.abc import Callable

EVERY = 5  # of the lies is enough: no divisor of how many there are of each place


def check(world: World, client: Client) -> None:
    """Either it was no lie, or the link is closed with one line."""
    lines = [log.text for log in world.logs if "link closed" in log.text]
    if client.link in world.closed:
        assert len(lines) == 1
        assert lines[0].startswith(f"127.0.0.1:{50_000 + len(world.clients)}")
        assert "RemoteProtocolError" in lines[0] or "IncompatibleVersions" in lines[0]
        assert lines[0].count(" at offset ") == 1 or "IncompatibleVersions" in lines[0]
    else:
        assert not lines
    world.logs.clear()


@pytest.mark.slow
@pytest.mark.parametrize(("channel", "packet"), lies.BEFORE_LOGIN, ids=lambda one: getattr(one, "NAME", ""))
def test_lies_before_login_end_their_link_with_one_line(channel: int, packet: Any) -> None:
    world = World()
    tracemalloc.start()
    for frame in lies.spoilt(channel, packet):
        client = world.connect()
        client.write(frame)
        check(world, client)
        client.lose()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 << 20


@pytest.mark.parametrize("packet", lies.IN_SESSION, ids=lambda one: getattr(one, "NAME", ""))
def test_lies_in_a_session_end_their_link_with_one_line(packet: Any) -> None:
    world = World()
    good = world.connect().session()
    good.queue("q")
    for frame in lies.spoilt(10, packet):
        client = world.connect()
        client.session(username="eve")
        client.write(frame)
        if client.link in world.closed:
            assert "(user eve)" in world.logs[-1].text
        check(world, client)
        client.lose()
    good.ask(packets.SessionQueueQuery("q"))


@pytest.mark.slow
def test_a_hundred_thousand_properties_are_read_in_less_than_a_second() -> None:
    world = World()
    client = world.connect()
    client.session().queue("q")
    before = process_time()
    client.write(lies.crowded())
    assert process_time() - before < 1
    assert client.link not in world.closed


def test_nested_json_for_the_management_is_refused_unread() -> None:
    session = World().connect().session()
    assert session.publish("activemq.management", "[" * 1_000_000).code == 213


def calls_of(work: Callable[..., object], *args: object) -> int:
    """How many functions are called meanwhile: the same on any machine, however busy it is."""
    count = 0

    def profile(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(profile)
    try:
        work(*args)
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.slow
def test_who_comes_behind_a_lie_waits_for_less_than_three_times_the_work() -> None:
    """Counted in calls, of what the broker does for one message from its sending to its acknowledgement. Times: tests/campaign."""
    world = World()
    good = world.connect().session()
    good.queue("q")
    good.consume("q")

    def pass_on() -> int:
        send = send_packet("q", "x", requires_response=True, durable=True)
        work = calls_of(good.client.write, lies.honest(10, send))
        (delivery,) = good.deliveries()
        acknowledge = packets.SessionAcknowledge(delivery.consumer, delivery.message.id, requires_response=False)
        return work + calls_of(good.client.write, lies.honest(10, acknowledge))

    pass_on()  # the first one of an address is dearer
    idle = max(pass_on() for _ in range(10))
    found_out: list[int] = []
    for channel, packet in (*lies.BEFORE_LOGIN, *((10, packet) for packet in lies.IN_SESSION)):
        for frame in list(lies.spoilt(channel, packet))[::EVERY]:
            client = world.connect()
            if channel == 10:
                client.session(username="eve")
            work = calls_of(client.write, frame)
            if client.link in world.closed:
                found_out.append(work + calls_of(client.lose))
    assert len(found_out) > 300
    assert max(found_out) + idle < 3 * idle
