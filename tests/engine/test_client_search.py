"""A client that looks for its broker in a group: waiting, finding, giving up, and looking on while it lives."""

from __future__ import annotations

import random
from typing import Any

import pytest
from tests.engine.test_client_announcements import datagram

from corewire.client._engine import ClientEngine
from corewire.client.config import ClientConfig, Discovery, LoadBalancing
from corewire.effects import Dial, Discover
from corewire.errors import ConnectionTimedOut, NotConnected

GROUP = Discovery(group_address="231.7.7.7", group_port=9876)


def searching(**fields: Any) -> ClientEngine:
    config = ClientConfig(
        **{"discovery": GROUP, "retry_interval_s": 1.0, "load_balancing": LoadBalancing.FIRST_ELEMENT, **fields}
    )
    engine = ClientEngine(config, rng=random.Random(1))
    return engine


def dialled(engine: ClientEngine) -> list[str]:
    return [effect.endpoint.host for effect in engine.poll_effects() if isinstance(effect, Dial)]


def test_the_first_announcement_is_dialled() -> None:
    engine = searching()
    engine.start(0)
    assert engine.poll_effects() == [Discover(GROUP)]
    assert engine.next_timeout() == 10
    engine.datagram_received(1, b"garbage")
    assert dialled(engine) == []
    engine.datagram_received(2, datagram("one", "a"))
    assert dialled(engine) == ["a"]
    engine.datagram_received(3, datagram("two", "b"))
    assert dialled(engine) == []


def test_attempts_go_over_all_that_announced_themselves_meanwhile() -> None:
    engine = searching(initial_connect_attempts=3, load_balancing=LoadBalancing.ROUND_ROBIN)
    started = engine.start(0)
    engine.datagram_received(0, datagram("one", "a"))
    engine.datagram_received(0, datagram("two", "b"))
    now, hosts = 0.0, []
    while not started.done:
        for effect in engine.poll_effects():
            if isinstance(effect, Dial):
                hosts.append(effect.endpoint.host)
                engine.link_down(now, effect.link, ConnectionRefusedError())
        if (deadline := engine.next_timeout()) is not None:
            engine.handle_timeout(now := deadline)
    assert hosts == ["a", "b", "a"]
    assert isinstance(started.error, NotConnected)


@pytest.mark.parametrize(("attempts", "waits"), [(0, 1), (1, 2), (3, 4)])
def test_it_gives_up_when_nobody_announces_himself(attempts: int, waits: int) -> None:
    engine = searching(initial_connect_attempts=attempts)
    started = engine.start(0)
    for number in range(1, waits + 1):
        assert engine.poll_effects() == [Discover(GROUP)]
        assert not started.done
        assert engine.next_timeout() == 10 * number
        engine.handle_timeout(10 * number)
    assert isinstance(started.error, NotConnected)
    assert isinstance(started.error.__cause__, ConnectionTimedOut)
    assert "no broker announced itself in udp://231.7.7.7:9876" in str(started.error)
    assert engine.next_timeout() is None


def test_without_limit_it_waits_on() -> None:
    engine = searching(initial_connect_attempts=None)
    started = engine.start(0)
    for number in range(1, 50):
        engine.handle_timeout(10 * number)
    assert not started.done


def test_a_group_that_cannot_be_joined_is_tried_again_and_named() -> None:
    engine = searching(initial_connect_attempts=1)
    started = engine.start(0)
    engine.group_lost(0, OSError("no such device"))
    engine.poll_effects()
    engine.handle_timeout(1)
    assert engine.poll_effects() == [Discover(GROUP)]
    engine.group_lost(1, OSError("no such device"))
    engine.handle_timeout(2)
    assert isinstance(started.error, NotConnected)
    assert "cannot listen to udp://231.7.7.7:9876: no such device" in str(started.error)


def test_closing_ends_the_search() -> None:
    engine = searching()
    started = engine.start(0)
    assert engine.close(1).done
    assert started.error is not None
    assert engine.next_timeout() is None
    engine.poll_effects()
    engine.datagram_received(2, datagram("one", "a"))
    engine.group_lost(2, OSError())
    assert engine.poll_effects() == []
    assert engine.next_timeout() is None
