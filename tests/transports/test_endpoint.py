"""Dialling: several addresses of one name, names that do not exist, and giving up."""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.interop.ports import free_port

from corewire import Endpoint, Tls
from corewire_transports._endpoint import HEAD_START_S, Dialling, Search, race

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def alive() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.fixture
def deaf() -> Iterator[tuple[str, int]]:
    """An address where nothing answers: its queue is full."""
    with contextlib.ExitStack() as open_ones:
        server = open_ones.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            filler = open_ones.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(server.getsockname())
        yield server.getsockname()


def address(place: Any) -> Any:
    return socket.AF_INET, socket.SOCK_STREAM, 0, "", place


def refusing() -> tuple[str, int]:
    return "127.0.0.1", free_port()


def dial(endpoint: Endpoint, context: ssl.SSLContext | None = None) -> socket.socket:
    dialling = Dialling(endpoint, context)
    with selectors.DefaultSelector() as selector:
        while True:
            key = selector.register(dialling.sock, dialling.event)
            selector.select()
            selector.unregister(key.fileobj)
            if dialling.settle():
                return dialling.sock


def test_an_address_that_answers_nothing_holds_up_nobody(alive: socket.socket, deaf: tuple[str, int]) -> None:
    stop, other = socket.socketpair()
    with stop, other:
        began = time.monotonic()
        with race(Endpoint(), [address(deaf), address(alive.getsockname())], stop) as sock:
            assert sock.getpeername() == alive.getsockname()
        assert time.monotonic() - began >= HEAD_START_S


def test_an_address_that_refuses_is_passed_over_at_once(alive: socket.socket) -> None:
    stop, other = socket.socketpair()
    with stop, other:
        with race(Endpoint(), [address(refusing()), address(alive.getsockname())], stop) as sock:
            assert sock.getpeername() == alive.getsockname()
        with pytest.raises(ConnectionRefusedError):
            race(Endpoint(), [address(refusing()), address(refusing())], stop)
        with pytest.raises(OSError, match="no address to dial"):
            race(Endpoint(), [], stop)


def test_names_and_numbers_are_dialled(alive: socket.socket) -> None:
    port = alive.getsockname()[1]
    for host in ("127.0.0.1", "localhost"):
        with dial(Endpoint(host=host, port=port)) as sock:
            assert sock.getpeername()[1] == port
    for host in ("127.0.0.1", "localhost"):
        with pytest.raises(ConnectionRefusedError):
            dial(Endpoint(host=host, port=refusing()[1]))


@pytest.mark.parametrize("host", ["a" * 64, "a..b", "\ud800", "a\0b"])
@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "encrypted"])
def test_what_is_no_name_of_a_host_is_an_error_of_dialling(host: str, encrypted: bool) -> None:
    """Brokers tell where others are: such a name must not end the driver."""
    asked = [Endpoint(host=host, tls=Tls() if encrypted else None)]
    if encrypted:
        asked.append(Endpoint(host="127.0.0.1", tls=Tls(sni_host=host)))
    for endpoint in asked:
        for context in (ssl.create_default_context(), None) if encrypted else (None,):
            with pytest.raises(OSError, match=r"no name of a host|not known"):
                dial(endpoint, context)


@pytest.mark.parametrize("host", ["a" * 256, "\ud800"])
@pytest.mark.parametrize("version", [4, 5])
def test_what_no_proxy_can_be_asked_for_is_an_error_of_dialling(host: str, version: int) -> None:
    endpoint = Endpoint(host=host, socks_host="127.0.0.1", socks_port=1, socks_version=version, socks_remote_dns=True)
    with pytest.raises(OSError, match="no name of a host"):
        dial(endpoint)


def test_a_local_address_and_port_are_taken(alive: socket.socket) -> None:
    local = free_port()
    for host in ("127.0.0.1", "localhost"):
        endpoint = Endpoint(
            host=host, port=alive.getsockname()[1], local_address="127.0.0.1", local_port=local, tcp_no_delay=False
        )
        with dial(endpoint) as sock:
            assert sock.getsockname() == ("127.0.0.1", local)
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 0
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # the port is free at once


def test_what_is_given_up_ends(deaf: tuple[str, int]) -> None:
    dialling = Dialling(Endpoint(host="localhost", port=deaf[1]))
    dialling.close()
    _ended()


def test_what_is_found_after_it_was_given_up_is_closed(alive: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    may = threading.Event()

    def late(endpoint: Endpoint, addresses: Any, _stop: socket.socket) -> socket.socket:
        may.wait(10)
        return socket.create_connection(alive.getsockname())

    monkeypatch.setattr("corewire_transports._endpoint.race", late)
    search = Search(Endpoint(host="localhost", port=1), None)
    search.abandon()
    may.set()
    _ended()
    with alive.accept()[0] as link:
        assert link.recv(1) == b""


def _ended() -> None:
    """Until no dialling thread is left."""
    for thread in threading.enumerate():
        if thread.name == "corewire resolver":
            thread.join(10)
            assert not thread.is_alive()
