"""Brokers found in a multicast group, on the loopback interface."""
# ruff: noqa: SIM117  (blocks are what is tested here)

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from tests.transports.announcer import Announcer
from tests.transports.certificates import Authority
from tests.transports.doors import EncryptedDoor

from corewire.errors import NotConnected
from corewire_server.proxy import Proxy
from corewire_transports.anyio import connect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def announcer(url: str) -> Iterator[Announcer]:
    with Announcer(url) as announcer:
        yield announcer


async def test_a_broker_that_announces_itself_is_found(announcer: Announcer, url: str, queue: str) -> None:
    async with connect(announcer.url) as client, client.session() as session:
        await session.send(queue, "found")
        assert client.endpoint is not None
        assert url.endswith(f":{client.endpoint.port}")


async def test_a_broker_that_announces_itself_late_is_waited_for(url: str) -> None:
    with Announcer() as announcer:
        threading.Timer(0.3, announcer.urls.append, [url]).start()
        async with connect(f"{announcer.url};discoveryInitialWaitTimeout=200;initialConnectAttempts=-1"):
            pass


async def test_nobody_in_the_group_is_an_error_in_time() -> None:
    with Announcer() as announcer:
        with pytest.raises(NotConnected, match=f"no broker announced itself in udp://{announcer.group}"):
            async with connect(f"{announcer.url};discoveryInitialWaitTimeout=50"):
                pass


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (
            "udp://231.7.7.7:9876?localBindAddress=203.0.113.9;retryInterval=1",
            "cannot listen to udp://231.7.7.7:9876: ",
        ),
        ("udp://127.0.0.1:9876?retryInterval=1", "127.0.0.1 is no address of a group"),
        ("udp://nowhere:9876?retryInterval=1", "nowhere is no address of a group"),
    ],
)
async def test_a_group_that_cannot_be_joined_is_named(url: str, words: str) -> None:
    with pytest.raises(NotConnected, match=words):
        async with connect(url):
            pass


async def test_a_broker_that_moved_is_found_again(announcer: Announcer, proxy: Proxy, proxied: str, queue: str) -> None:
    """Towards a broker outside a cluster the last announcement counts, once the attempts at its old place are used up."""
    announcer.urls[:] = [proxied]
    keys = (
        "reconnectAttempts=1;failoverAttempts=-1;retryInterval=10;refreshTimeout=100;useTopologyForLoadBalancing=false"
    )
    async with connect(f"{announcer.url};{keys}") as client, client.session() as session:
        await session.send(queue, "1")
        with Proxy(proxy.target) as elsewhere:
            announcer.urls[:] = [f"tcp://{elsewhere.host}:{elsewhere.port}"]
            proxy.refuse()
            proxy.cut_all()
            async with client.session() as another:
                await another.send(queue, "2")
            assert client.endpoint is not None
            assert client.endpoint.port == elsewhere.port


async def test_what_is_found_is_dialled_as_the_url_says(announcer: Announcer, url: str, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    host, _, port = url.removeprefix("tcp://").rpartition(":")
    with EncryptedDoor((host, int(port)), authority.server()) as door:
        announcer.urls[:] = [f"tcp://localhost:{door.port}"]
        async with connect(f"{announcer.url};sslEnabled=true;trustStorePath={authority.pem}"):
            assert door.asked == ["localhost"]
