"""The door of a broker: where it is bound, and that it is the first thing to close."""

from __future__ import annotations

import asyncio
import select
import socket
import subprocess
import sys

import pytest

from corewire_server.runtime import listening
from corewire_server.runtime.listening import Depth, Listener, bind, lifted

NODE = """
import asyncio
from corewire_server.runtime.listening import Depth, Listener, lifted

async def main():
    clients, link, kept = Listener("127.0.0.1", 0), Listener("127.0.0.1", 0, Depth.LINK_DOOR), []
    def accepted(sock, depth=None):
        kept.append(sock if depth is None else lifted(sock, depth))
        kept[-1].send(b"!")
    link.open(lambda sock: accepted(sock, Depth.LINK))
    clients.open(accepted)
    print(clients.port, link.port, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def test_a_free_port_is_taken_once_for_all_addresses() -> None:
    bound = bind("localhost", 0)
    try:
        assert len({sock.getsockname()[1] for sock in bound}) == 1
        assert bound[0].getsockname()[1] > 0
    finally:
        for sock in bound:
            sock.close()


def test_its_number_is_above_those_of_clients() -> None:
    (bound,) = bind("127.0.0.1", 0)
    with bound, socket.socket() as client:
        assert bound.fileno() > client.fileno() + 100


def test_nobody_is_accepted_yet() -> None:
    (bound,) = bind("127.0.0.1", 0)
    with bound, pytest.raises(ConnectionRefusedError):
        socket.create_connection(bound.getsockname())


def test_a_taken_port_is_an_error_and_leaves_nothing_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        bind("127.0.0.1", taken.getsockname()[1])


@pytest.mark.parametrize(("lower", "higher"), [(Depth.LINK, Depth.LINK_DOOR), (Depth.LINK_DOOR, Depth.CLIENTS_DOOR)])
def test_depths_do_not_overlap(lower: Depth, higher: Depth) -> None:
    with lifted(socket.socket(), higher) as above:
        below = [lifted(socket.socket(), lower) for _ in range(16)]
        assert all(sock.fileno() < above.fileno() for sock in below)
        for sock in below:
            sock.close()


@pytest.mark.interop
@pytest.mark.slow
def test_killed_process_refuses_before_anybody_hears_of_the_end_and_its_link_ends_before_its_clients() -> None:
    for _ in range(5):
        endings, dials = _kill_and_watch(links=2, clients=50)
        assert dials == {"link": "refused", "client": "refused"}
        assert endings[:2] == ["link", "link"]


def _kill_and_watch(links: int, clients: int) -> tuple[list[str], dict[str, str]]:
    """Who heard of the end, in order; and what met the first of each kind who dialled again at once."""
    endings: list[str] = []
    dials: dict[str, str] = {}
    with (
        subprocess.Popen([sys.executable, "-c", NODE], stdout=subprocess.PIPE, text=True) as node,
        select.epoll() as poll,
    ):
        assert node.stdout is not None
        ports = dict(zip(("client", "link"), map(int, node.stdout.readline().split()), strict=True))
        kinds = ["link"] * links + ["client"] * clients
        sockets = {
            (sock := socket.create_connection(("127.0.0.1", ports[kind]))).fileno(): (sock, kind) for kind in kinds
        }
        for number, (sock, _) in sockets.items():
            assert sock.recv(1) == b"!"
            poll.register(number, select.EPOLLIN | select.EPOLLONESHOT)
        node.kill()
        while len(endings) < len(sockets):
            for number, _ in poll.poll(5):
                kind = sockets[number][1]
                endings.append(kind)
                if kind not in dials:
                    dials[kind] = _dial(ports[kind])
        for sock, _ in sockets.values():
            sock.close()
    return endings, dials


def _dial(port: int) -> str:
    with socket.socket() as sock:
        try:
            sock.connect(("127.0.0.1", port))
        except ConnectionRefusedError:
            return "refused"
        return "accepted"


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_listener_opens_and_shuts_again_and_again_on_one_port() -> None:
    listener = Listener("127.0.0.1", 0)
    accepted: asyncio.Queue[socket.socket] = asyncio.Queue()
    for _ in range(3):
        assert _dial(listener.port) == "refused"
        listener.open(accepted.put_nowait)
        with socket.create_connection(("127.0.0.1", listener.port)):
            (await asyncio.wait_for(accepted.get(), 30)).close()
        listener.shut()
    listener.open(accepted.put_nowait)
    listener.close()
    assert _dial(listener.port) == "refused"


def test_clients_do_not_get_the_last_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the journal could not open its next file, and the node would have to stop."""
    came: list[socket.socket] = []

    def crowded(_: socket.socket) -> bool:
        return len(came) >= 2

    monkeypatch.setattr(listening, "crowded", crowded)

    async def knock() -> list[socket.socket]:
        door = Listener("127.0.0.1", 0)
        door.open(came.append)
        clients = [socket.create_connection(("127.0.0.1", door.port)) for _ in range(4)]
        for _ in range(20):
            await asyncio.sleep(0)
        door.close()
        return clients

    clients = asyncio.run(knock())
    assert len(came) == 2
    for sock in (*clients, *came):
        sock.close()
