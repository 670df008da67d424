"""Sizes that lie (cases.md 15), without a socket: the link ends with one line that says where, nothing is allocated, nobody else notices."""

from __future__ import annotations

import tracemalloc
from time import process_time
from typing import Any

import pytest
from tests.server import lies
from tests.server.helpers import Client, World

from corewire.wire import packets


def check(world: World, client: Client) -> None:
    """Either it was no lie, or the link is closed with one line."""
    lines = [log.text for log in world.logs if "link closed" in log.text]
    if client.link in world.closed:
        assert len(lines) == 1
        assert lines[0].startswith(f"127.0.0.1:{50_000 + len(world.clients)}")
        assert "RemoteProtocolError" in lines[0] or "IncompatibleVersions" in lines[0]
        assert " at offset " in lines[0] or "IncompatibleVersions" in lines[0]
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
