"""The clients' door: who comes early is led to the primary or held, and served from the first byte when this node serves."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest
from tests.server.fakes import EchoCore, turns

from corewire_server.core.inputs import BytesReceived, LinkOpened
from corewire_server.node.doorkeeper import HELD_BYTES_MAX, Early
from corewire_server.node.node import Node
from corewire_server.node.orders import Door
from corewire_server.runtime.clock import Clock
from corewire_server.runtime.door import Onward
from corewire_server.runtime.listening import Listener
from corewire_server.runtime.server import Server

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.interop, pytest.mark.anyio]
PATIENCE_S = 30.0  # on a busy machine; nothing waits so long


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Host:
    """A node with a door: it echoes when it serves."""

    def __init__(self) -> None:
        self.core = EchoCore()
        self.server = Server(Node(self.core), Clock(), 1, None, lambda reason: None)
        self.listener = Listener("127.0.0.1", 0)
        self.port = self.listener.port
        self.server.door.add(self.listener)
        self.clients: list[socket.socket] = []

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def set(self, door: Door, target: str = "") -> None:
        self.server.door.set(door, target)

    def connect(self) -> socket.socket:
        client = socket.create_connection(("127.0.0.1", self.port))
        client.setblocking(False)
        self.clients.append(client)
        return client

    def received(self) -> bytes:
        return b"".join(item.data for _, item in self.core.inputs if isinstance(item, BytesReceived))

    def __enter__(self) -> Host:
        return self

    def __exit__(self, *_: object) -> None:
        for client in self.clients:
            client.close()
        self.server.release()


class Dumb:
    """A primary that accepts, remembers what it hears, and says only what it is told to."""

    def __init__(self) -> None:
        self.listener = Listener("127.0.0.1", 0)
        self.listener.open(self._accepted)
        self.address = f"127.0.0.1:{self.listener.port}"
        self.sockets: list[socket.socket] = []

    def _accepted(self, sock: socket.socket) -> None:
        self.sockets.append(sock)

    async def hears(self, client: int, data: bytes) -> None:
        await until(lambda: len(self.sockets) > client)
        heard = b""
        while heard != data:
            heard += await receive(self.sockets[client])
            assert data.startswith(heard)

    def __enter__(self) -> Dumb:
        return self

    def __exit__(self, *_: object) -> None:
        self.listener.close()
        for sock in self.sockets:
            sock.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110  it is the loop under test that changes it
            await asyncio.sleep(0)


async def receive(sock: socket.socket) -> bytes:
    """What came, b"" at the end in whatever way."""
    try:
        return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(sock, 65536), PATIENCE_S)
    except ConnectionResetError:
        return b""


async def test_closed_door_refuses_and_keeps_its_port() -> None:
    with Host() as node:
        for door in (Door.CLOSED, Door.SERVE, Door.CLOSED, Door.LEAD, Door.CLOSED):
            node.set(door, "127.0.0.1:1")
            if door is Door.CLOSED:
                with pytest.raises(ConnectionRefusedError):
                    node.connect()
            else:
                node.connect()


async def led(primary: Host, backup: Host) -> socket.socket:
    """A client of the backup that the primary answers."""
    primary.set(Door.SERVE)
    backup.set(Door.LEAD, primary.address)
    client = backup.connect()
    client.send(b"one")
    assert await receive(client) == b"one"
    return client


async def test_early_client_is_led_to_the_primary() -> None:
    with Host() as primary, Host() as backup:
        primary.set(Door.SERVE)
        backup.set(Door.LEAD, primary.address)
        client = backup.connect()
        for question in (b"one", b"two"):
            client.send(question)
            assert await receive(client) == question
        assert (backup.server.door.keeper.led, backup.server.door.keeper.held) == (1, 0)
        assert backup.core.inputs == []
        client.close()
        await until(lambda: not primary.core.links)


async def test_kernel_finds_out_that_the_primary_of_a_led_client_is_gone() -> None:
    """The client's own kernel sees no farther than the door, and the client may look at nothing itself."""
    with Host() as primary, Host() as backup:
        await led(primary, backup)
        [early] = backup.server.door.keeper.early
        assert isinstance(early.onward, Onward)
        assert early.onward.transport is not None
        sock = early.onward.transport.get_extra_info("socket")
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


async def test_led_client_stays_with_the_primary_until_that_drops_it() -> None:
    with Host() as primary, Host() as backup:
        client = await led(primary, backup)
        backup.set(Door.SERVE)
        client.send(b"two")
        assert await receive(client) == b"two"
        assert backup.core.inputs == []
        client.send(b"quit")
        assert await receive(client) == b"bye"
        assert await receive(client) == b""


async def test_client_that_finds_no_primary_is_held_and_served_from_its_first_byte() -> None:
    with Host() as primary, Host() as backup:
        backup.set(Door.LEAD, primary.address)  # whose door is closed
        client = backup.connect()
        client.send(b"he")
        await until(lambda: backup.server.door.keeper.held == 1)
        client.send(b"llo")
        backup.set(Door.SERVE)
        heard = b""
        while heard != b"hello":
            heard += await receive(client)
            assert b"hello".startswith(heard)
        assert backup.received() == b"hello"
        assert isinstance(backup.core.inputs[0][1], LinkOpened)
        keeper = backup.server.door.keeper
        assert (keeper.held, keeper.held_served, keeper.led) == (0, 1, 0)


async def test_held_client_is_led_as_soon_as_the_primary_can_be_reached() -> None:
    with Host() as primary, Host() as backup:
        backup.set(Door.LEAD, primary.address)
        client = backup.connect()
        client.send(b"hello")
        await until(lambda: backup.server.door.keeper.held == 1)
        primary.set(Door.SERVE)
        assert await receive(client) == b"hello"
        assert primary.received() == b"hello"


async def test_held_client_is_read_up_to_a_limit_and_nothing_is_lost() -> None:
    data = bytes(range(251)) * (4 * HELD_BYTES_MAX // 251)
    with Host() as backup:
        backup.set(Door.LEAD, "127.0.0.1:1")
        client = backup.connect()
        sending = asyncio.create_task(asyncio.get_running_loop().sock_sendall(client, data))
        (early,) = await early_clients(backup)
        await until(lambda: len(early.held) == HELD_BYTES_MAX)
        await turns()
        assert len(early.held) == HELD_BYTES_MAX
        backup.set(Door.SERVE)
        await until(lambda: len(backup.received()) == len(data))
        await sending
        assert backup.received() == data


async def early_clients(host: Host) -> list[Early]:
    await until(lambda: host.server.door.keeper.held > 0)
    return list(host.server.door.keeper.early)


async def test_client_whose_question_died_with_the_primary_is_asked_again_here() -> None:
    """It has heard nothing yet, so it cannot know; a client that lost such a connection would wait for its patience to end."""
    with Host() as backup, Dumb() as primary:
        backup.set(Door.LEAD, primary.address)
        client = backup.connect()
        client.send(b"hello")
        await primary.hears(0, b"hello")
        primary.listener.close()
        primary.sockets[0].close()
        await until(lambda: backup.server.door.keeper.held == 1)
        backup.set(Door.SERVE)
        assert await receive(client) == b"hello"


async def test_client_whose_question_is_under_way_when_this_node_serves_is_asked_again_here() -> None:
    with Host() as backup, Dumb() as primary:
        backup.set(Door.LEAD, primary.address)
        client = backup.connect()
        client.send(b"hello")
        await primary.hears(0, b"hello")
        backup.set(Door.SERVE)
        assert await receive(client) == b"hello"
        assert await receive(primary.sockets[0]) == b""


async def test_client_that_the_primary_drops_twice_without_a_word_is_dropped() -> None:
    with Host() as backup, Dumb() as primary:
        backup.set(Door.LEAD, primary.address)
        client = backup.connect()
        client.send(b"nonsense")
        for count in range(2):
            await primary.hears(count, b"nonsense")
            primary.sockets[count].close()
        assert await receive(client) == b""


async def test_client_that_has_had_an_answer_loses_its_connection_with_the_primary() -> None:
    with Host() as backup, Dumb() as primary:
        backup.set(Door.LEAD, primary.address)
        client = backup.connect()
        client.send(b"hello")
        await primary.hears(0, b"hello")
        primary.sockets[0].send(b"you are in")
        assert await receive(client) == b"you are in"
        primary.sockets[0].close()
        assert await receive(client) == b""


async def test_closing_the_door_sends_the_held_away_and_leaves_the_led() -> None:
    with Host() as backup, Host() as primary:
        primary.set(Door.SERVE)
        backup.set(Door.LEAD, primary.address)
        led = backup.connect()
        led.send(b"one")
        assert await receive(led) == b"one"
        backup.set(Door.LEAD, "127.0.0.1:1")
        held = backup.connect()
        await until(lambda: backup.server.door.keeper.held == 1)
        backup.set(Door.CLOSED)
        assert await receive(held) == b""
        led.send(b"two")
        assert await receive(led) == b"two"


async def test_closing_the_door_leaves_a_client_whose_question_the_primary_has() -> None:
    with Host() as backup, Dumb() as primary:
        backup.set(Door.LEAD, primary.address)
        client = backup.connect()
        client.send(b"question")
        await primary.hears(0, b"question")
        backup.set(Door.CLOSED)
        primary.sockets[0].send(b"answer")
        assert await receive(client) == b"answer"


async def test_held_client_that_leaves_is_forgotten() -> None:
    with Host() as backup:
        backup.set(Door.LEAD, "127.0.0.1:1")
        backup.connect().close()
        await until(lambda: backup.server.door.keeper.held == 1)
        await until(lambda: backup.server.door.keeper.held == 0)
        backup.set(Door.SERVE)
        assert backup.core.inputs == []


async def test_much_passes_both_ways_through_a_door_that_leads() -> None:
    with Host() as primary, Host() as backup:
        primary.set(Door.SERVE)
        backup.set(Door.LEAD, primary.address)
        client = backup.connect()
        data = bytes(range(256)) * 20_000
        sending = asyncio.create_task(asyncio.get_running_loop().sock_sendall(client, data))
        heard = bytearray()
        while len(heard) < len(data):
            heard += await receive(client)
        await sending
        assert heard == data
