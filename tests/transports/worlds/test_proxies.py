"""Through SOCKS proxies: what each version asks for, logging in, refusals, and encryption behind one."""
# ruff: noqa: SIM117  (blocks are what is tested here)

from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING

import pytest
from tests.transports.certificates import Authority
from tests.transports.doors import EncryptedDoor, SocksDoor

from corewire.errors import ConfigError, NotConnected
from corewire_transports.anyio import connect, fail_after

if TYPE_CHECKING:
    from pathlib import Path


def by(door: SocksDoor, *keys: str, target: str = "tcp://127.0.0.1:7") -> str:
    """The URL of a broker behind a proxy."""
    return f"{target}?{';'.join(('socksEnabled=true', 'socksHost=localhost', f'socksPort={door.port}', *keys))}"


def place(url: str) -> tuple[str, int]:
    host, _, port = url.removeprefix("tcp://").rpartition(":")
    return host, int(port)


@pytest.mark.parametrize(
    ("keys", "target", "asked"),
    [
        ((), "tcp://127.0.0.1:7", ("5", "127.0.0.1", 7)),
        ((), "tcp://[::1]:7", ("5", "::1", 7)),
        (("socksRemoteDNS=true",), "tcp://mq.example:7", ("5", "mq.example", 7)),
        (("socksVersion=4",), "tcp://localhost:7", ("", "127.0.0.1", 7)),
        (("socksVersion=4", "socksUsername=ann"), "tcp://127.0.0.1:7", ("ann", "127.0.0.1", 7)),
        (("socksVersion=4", "socksRemoteDNS=true"), "tcp://mq.example:7", ("", "mq.example", 7)),
    ],
)
async def test_the_proxy_is_asked_for_the_broker(
    url: str, queue: str, keys: tuple[str, ...], target: str, asked: tuple[str, str, int]
) -> None:
    with SocksDoor(place(url)) as door:
        async with connect(by(door, *keys, target=target)) as client, client.session() as session:
            await session.send(queue, "x" * 50_000)
            async with session.consumer(queue) as consumer:
                assert len((await consumer.receive()).text) == 50_000
        assert door.asked == [asked]


async def test_a_proxy_may_want_to_know_who_comes(url: str) -> None:
    with SocksDoor(place(url), login=("ann", "secret")) as door:
        async with connect(by(door, "socksUsername=ann", "socksPassword=secret")):
            pass
        for keys, words in (
            (("socksUsername=ann", "socksPassword=wrong"), "user name or password is wrong"),
            ((), "it wants to know who comes"),
        ):
            with pytest.raises(NotConnected, match=words) as caught:
                async with connect(by(door, *keys)):
                    pass
            assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("keys", "verdict", "words"),
    [
        ((), 5, "connection refused"),
        ((), 2, "connection not allowed by ruleset"),
        (("socksVersion=4",), 91, "request rejected or failed"),
        ((), 77, "it speaks no SOCKS 5"),
    ],
)
async def test_a_refusal_is_told(url: str, keys: tuple[str, ...], verdict: int, words: str) -> None:
    with SocksDoor(place(url), verdict=verdict) as door:
        with pytest.raises(NotConnected, match=f"the proxy localhost:{door.port} refused: .*{words}"):
            async with connect(by(door, *keys)):
                pass


async def test_a_silent_proxy_takes_no_longer_than_the_connect_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf, fail_after(20):
        keys = f"socksEnabled=true;socksHost=127.0.0.1;socksPort={deaf.getsockname()[1]};connect-timeout-millis=100"
        with pytest.raises(NotConnected, match="timed out"):
            async with connect(f"tcp://127.0.0.1:7?{keys}"):
                pass


async def test_encryption_begins_behind_the_proxy(url: str, queue: str, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with EncryptedDoor(place(url), authority.server(authority.issue("mq.example"))) as inner:
        with SocksDoor(("127.0.0.1", inner.port)) as door:
            keys = ("sslEnabled=true", f"trustStorePath={authority.pem}", "socksRemoteDNS=true")
            async with connect(by(door, *keys, target="tcp://mq.example:7")) as client, client.session() as session:
                await session.send(queue, "x")
            assert door.asked == [("5", "mq.example", 7)]
            assert inner.asked == ["mq.example"]


async def test_reconnecting_goes_through_the_proxy_too(url: str, queue: str) -> None:
    with SocksDoor(place(url)) as door:
        keys = "reconnectAttempts=-1;retryInterval=10;confirmationWindowSize=100000"
        async with connect(by(door, keys)) as client, client.session() as session:
            await session.send(queue, "1")
            door.cut_all()
            await session.send(queue, "2")
        assert door.opened == 2


async def test_without_its_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "socksio", None)
    with pytest.raises(ConfigError, match=r'pip install "corewire\[socks\]"'):
        async with connect("tcp://a:1?socksEnabled=true;socksHost=b;socksPort=1"):
            pass
