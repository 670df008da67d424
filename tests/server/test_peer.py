"""The replication link's sockets: what counts as refused, which bytes belong to which connection, and how they end."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

import pytest

from corewire_server.runtime import peer
from corewire_server.runtime.listening import Depth, Listener
from corewire_server.runtime.peer import ACCEPTED_MAX, PeerConnection, Peers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from corewire_server.node.driven import DrivenPair
    from corewire_server.node.orders import Order

pytestmark = [pytest.mark.interop, pytest.mark.anyio]
PATIENCE_S = 30.0  # on a busy machine; nothing waits so long

Said = tuple[object, ...]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Ear:
    """A node that writes down what it is told, and the server that tells it."""

    def __init__(self) -> None:
        self.told: list[Said] = []
        self.known: set[int] = set()  # connections that have proven who they are
        self.changed = asyncio.Event()

    def tell(self, call: Callable[..., list[Order]], /, *args: object, **kwargs: object) -> None:
        call(0, *args, **kwargs)
        self.changed.set()

    def proven(self, conn: int) -> bool:
        return conn in self.known

    def peer_accepted(self, now: int, conn: int, loopback: bool) -> list[Order]:
        return self._note("accepted", conn, loopback)

    def peer_connected(self, now: int, conn: int, loopback: bool) -> list[Order]:
        assert loopback
        return self._note("connected", conn)

    def peer_refused(self, now: int, conn: int) -> list[Order]:
        return self._note("refused", conn)

    def peer_failed(self, now: int, conn: int) -> list[Order]:
        return self._note("failed", conn)

    def peer_data(self, now: int, conn: int, data: bytes) -> list[Order]:
        return self._note("data", conn, data)

    def peer_closed(self, now: int, conn: int) -> list[Order]:
        return self._note("closed", conn)

    def _note(self, *said: object) -> list[Order]:
        self.told.append(said)
        return []

    async def was_told(self, said: Said) -> None:
        """Wait until it was told this, among other things."""
        async with asyncio.timeout(PATIENCE_S):
            while said not in self.told:
                self.changed.clear()
                await self.changed.wait()

    async def hears(self, *said: Said) -> None:
        """Wait until it was told this, and nothing else."""
        async with asyncio.timeout(PATIENCE_S):
            while self.told != list(said):
                self.changed.clear()
                await self.changed.wait()
        self.told.clear()


class Side:
    """One node's side of the link."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.ear = Ear()
        self.peers = Peers(cast("DrivenPair", self.ear), self.ear, (host, port))
        self.listener = Listener("127.0.0.1", 0, Depth.LINK_DOOR)


@asynccontextmanager
async def two_sides() -> AsyncIterator[tuple[Side, Side]]:
    """The first dials the second, which listens; connected by 1 and 2."""
    second = Side(1)
    first = Side(second.listener.port)
    second.peers.listen(second.listener)
    try:
        first.peers.dial(1)
        await first.ear.hears(("connected", 1))
        await second.ear.hears(("accepted", 2, True))
        yield first, second
    finally:
        first.peers.close()
        second.peers.close()
        first.listener.close()


async def test_bytes_go_both_ways_and_connections_are_numbered() -> None:
    async with two_sides() as (first, second):
        first.peers.send(1, b"hello")
        await second.ear.hears(("data", 2, b"hello"))
        second.peers.send(2, b"and you")
        await first.ear.hears(("data", 1, b"and you"))
        first.peers.dial(3)
        await first.ear.hears(("connected", 3))
        await second.ear.hears(("accepted", 4, True))
        second.peers.send(4, b"another")
        await first.ear.hears(("data", 3, b"another"))


async def test_what_was_sent_goes_out_before_the_end_and_the_end_is_told_to_the_other_side_only() -> None:
    async with two_sides() as (first, second):
        data = bytes(range(256)) * 4096
        first.peers.send(1, data)
        first.peers.hang_up(1)
        first.peers.send(1, b"too late")
        async with asyncio.timeout(PATIENCE_S):
            while ("closed", 2) not in second.ear.told:
                second.ear.changed.clear()
                await second.ear.changed.wait()
        assert b"".join(cast("bytes", said[2]) for said in second.ear.told[:-1]) == data
        assert first.ear.told == []


async def test_bound_but_not_listening_refuses() -> None:
    side = Side(1)
    dialler = Side(side.listener.port)
    dialler.peers.dial(1)
    await dialler.ear.hears(("refused", 1))
    side.listener.open(lambda sock: sock.close())
    dialler.peers.dial(3)
    await dialler.ear.hears(("connected", 3), ("closed", 3))
    side.listener.shut()
    dialler.peers.dial(5)
    await dialler.ear.hears(("refused", 5))
    side.listener.open(lambda sock: sock.close())
    dialler.peers.dial(7)
    await dialler.ear.hears(("connected", 7), ("closed", 7))
    dialler.listener.close()
    side.listener.close()


async def test_where_a_refusal_proves_nothing_it_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer, "REFUSAL_COUNTS", False)
    side = Side(1)
    dialler = Side(side.listener.port)
    dialler.peers.dial(1)
    await dialler.ear.hears(("failed", 1))
    dialler.listener.close()
    side.listener.close()


@pytest.mark.parametrize(
    ("host", "error"),
    [("127.0.0.1", OSError(113, "no route")), ("127.0.0.1", TimeoutError()), ("no.such.host.invalid", None)],
)
async def test_all_but_a_refusal_is_a_failure(
    host: str, error: OSError | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise error or socket.gaierror(-2, "unknown")

    side = Side(9, host)
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo" if error is None else "sock_connect", fail)
    side.peers.dial(1)
    await side.ear.hears(("failed", 1))
    side.listener.close()


async def test_connection_that_was_reset_before_its_first_look_comes_from_nowhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Taken for one to another machine, it made a backup without a password ask no more, and never serve."""
    async with two_sides() as (first, second):
        monkeypatch.setattr(peer, "remote_host", lambda _sock: None)
        first.peers.dial(3)
        await first.ear.hears(("failed", 3))
        monkeypatch.undo()
        first.peers.dial(5)
        await second.ear.hears(("accepted", 6, True))


async def test_a_connection_to_oneself_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "getpeername", socket.socket.getsockname)
    async with asyncio.timeout(PATIENCE_S):
        other = Side(1)
        other.listener.open(lambda sock: sock.close())
        side = Side(other.listener.port)
        side.peers.dial(1)
        await side.ear.hears(("failed", 1))
        side.listener.close()
        other.listener.close()


async def test_only_the_address_that_has_answered_can_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name moves to another machine, on which nobody listens."""
    loop = asyncio.get_running_loop()
    names = ["127.0.0.1"]

    async def look_up(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (name, port)) for name in names]

    monkeypatch.setattr(loop, "getaddrinfo", look_up)
    second = Side(1)
    first = Side(second.listener.port, "peer.example")
    first.peers.dial(1)
    await first.ear.hears(("refused", 1))  # nobody has answered anywhere yet
    second.peers.listen(second.listener)
    first.peers.dial(3)
    await first.ear.hears(("connected", 3))
    names[:] = ["127.0.0.2"]
    first.peers.dial(5)
    await first.ear.hears(("failed", 5))
    names[:] = ["127.0.0.2", "127.0.0.1"]
    second.listener.shut()
    first.peers.dial(7)
    await first.ear.hears(("refused", 7))
    first.peers.close()
    second.peers.close()
    first.listener.close()


async def test_a_dial_that_was_given_up_says_nothing_more() -> None:
    async with two_sides() as (first, second):
        first.peers.dial(3)
        first.peers.hang_up(3)
        first.peers.dial(5)
        await first.ear.hears(("connected", 5))
        assert all(said[:1] != ("accepted",) or said[1] in (4, 6) for said in second.ear.told)


@pytest.mark.parametrize("end", [Peers.close, Peers.abort])
async def test_closing_refuses_and_then_ends_all(end: Callable[[Peers], None]) -> None:
    async with two_sides() as (first, second):
        end(second.peers)
        await first.ear.hears(("closed", 1))
        first.peers.dial(3)
        await first.ear.hears(("refused", 3))
        assert second.ear.told == []


async def test_newest_connection_takes_the_place_of_the_oldest_that_has_proven_nothing() -> None:
    async with two_sides() as (_, second):
        second.ear.known.add(2)
        strangers = [socket.create_connection(("127.0.0.1", second.listener.port)) for _ in range(ACCEPTED_MAX + 4)]
        for stranger in strangers[:5]:
            stranger.setblocking(False)
            assert await asyncio.get_running_loop().sock_recv(stranger, 1) == b""
        accepted, ended = ([said[1] for said in second.ear.told if said[0] == word] for word in ("accepted", "closed"))
        assert len(accepted) - len(ended) == ACCEPTED_MAX - 1
        assert 2 not in ended
        for stranger in strangers:
            stranger.close()


async def test_who_has_proven_himself_gives_way_to_nobody() -> None:
    async with two_sides() as (_, second):
        second.ear.known |= set(range(2, 100))
        guests = [socket.create_connection(("127.0.0.1", second.listener.port)) for _ in range(ACCEPTED_MAX)]
        guests[-1].setblocking(False)
        assert await asyncio.get_running_loop().sock_recv(guests[-1], 1) == b""
        assert len([said for said in second.ear.told if said[0] == "accepted"]) == ACCEPTED_MAX - 1
        for guest in guests:
            guest.close()


async def test_strangers_go_before_connections_from_the_address_of_the_other_node(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with two_sides() as (_, second):
        second.peers.dial(1)  # so that it knows where the other node lives: at 127.0.0.1
        await second.ear.was_told(("refused", 1))
        strangers = [
            socket.create_connection(("127.0.0.1", second.listener.port), source_address=("127.0.0.9", 0))
            for _ in range(ACCEPTED_MAX - 1)
        ]
        await second.ear.was_told(("accepted", 2 * ACCEPTED_MAX, True))
        with socket.create_connection(("127.0.0.1", second.listener.port)):
            await second.ear.was_told(("accepted", 2 * ACCEPTED_MAX + 2, True))
            assert ("closed", 4) in second.ear.told
            assert ("closed", 2) not in second.ear.told
        for stranger in strangers:
            stranger.close()


async def test_another_kind_of_connection_can_be_put_in() -> None:
    class HeldBack(PeerConnection):
        def write(self, data: bytes) -> None:
            asyncio.get_running_loop().call_soon(super().write, data + b", later")

    async with two_sides() as (first, second):
        ear = Ear()
        peers = Peers(cast("DrivenPair", ear), ear, ("127.0.0.1", second.listener.port), HeldBack)
        peers.dial(1)
        await ear.hears(("connected", 1))
        await second.ear.hears(("accepted", 4, True))
        peers.send(1, b"now")
        await second.ear.hears(("data", 4, b"now, later"))
        peers.close()
        assert first.ear.told == []
