"""The step loop: standing still is not failing, nobody is read while the disk is behind, halting is at once."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest
from tests.server.fakes import EchoCore, turns

from corewire_server.core.inputs import BytesReceived, LinkBlocked, LinkClosed, LinkOpened, Timeout
from corewire_server.node.node import Node
from corewire_server.runtime.clock import Clock
from corewire_server.runtime.listening import Listener
from corewire_server.runtime.server import Server

if TYPE_CHECKING:
    from collections.abc import Callable

    from corewire_server.node.orders import Order

pytestmark = [pytest.mark.interop, pytest.mark.anyio]
PATIENCE_S = 30.0  # on a busy machine; nothing waits so long


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Time(Clock):
    """Stands until it is moved."""

    def __init__(self) -> None:
        super().__init__()
        self.at = 1_000_000

    def now(self) -> int:
        return self.at

    def move(self, milliseconds: int) -> None:
        self.at += milliseconds


class Crowded(Node):
    """A node of which a test says whether it has too much in hand."""

    crowded = False
    retry_at: int | None = None

    @property
    def congested(self) -> bool:
        return self.crowded

    def next_timeout(self) -> int | None:
        return self.retry_at if self.crowded else super().next_timeout()

    def wake(self, now: int) -> list[Order]:
        self.retry_at = None
        return super().wake(now)


class Ringing(Server):
    """A server that counts how often its timer rang."""

    rings = 0

    def _timer_rang(self, *, rested: bool = False) -> None:
        self.rings += 1
        super()._timer_rang(rested=rested)


class World:
    """A server on loopback with one client."""

    def __init__(self) -> None:
        self.core, self.time, self.reasons = EchoCore(), Time(), list[str]()
        self.node = Crowded(self.core)
        self.server = Ringing(self.node, self.time, 1, None, self.reasons.append)
        self.client: socket.socket

    async def __aenter__(self) -> World:
        listener = Listener("127.0.0.1", 0)
        self.server.door.add(listener)
        self.server.open()
        self.client = socket.create_connection(("127.0.0.1", listener.port))
        self.client.setblocking(False)
        await self.until(lambda: bool(self.core.links))
        return self

    async def __aexit__(self, *_: object) -> None:
        self.client.close()
        await self.server.close(0)
        self.server.release()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():  # noqa: ASYNC110  it is the loop under test that changes it
                await asyncio.sleep(0)

    async def hear(self, count: int = 65536) -> bytes:
        return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self.client, count), PATIENCE_S)

    async def ring(self) -> None:
        """Return when the timer has rung once more."""
        before = self.server.rings
        await self.until(lambda: self.server.rings > before)

    def ring_by_hand(self) -> None:
        """The timer rings, whatever time it is."""
        timer = self.server._timer
        assert timer is not None
        timer.cancel()
        self.server._timer_rang()

    def slow(self) -> bool:
        return any(link.slow for link in self.server._links.values())

    def kinds(self) -> list[type]:
        return [type(item) for _, item in self.core.inputs if not isinstance(item, LinkBlocked)]


async def rings(world: World, act: Callable[[], None]) -> None:
    """Set the core's timer by an input, and do something before it rings."""
    world.core.timeout = world.time.now() + 1
    world.client.send(b"x")
    assert await world.hear() == b"x"
    act()
    await world.until(lambda: Timeout in world.kinds())


async def test_timer_rings_when_the_core_wants_it() -> None:
    async with World() as world:
        await rings(world, lambda: world.time.move(1))
        assert world.kinds() == [LinkOpened, BytesReceived, Timeout]


async def test_after_a_pause_what_lies_in_the_buffers_is_read_before_silence_is_judged_and_once() -> None:
    def pause() -> None:
        world.client.send(b"in the buffer")
        world.time.move(60_000)

    async with World() as world:
        await rings(world, pause)
        assert world.kinds() == [LinkOpened, BytesReceived, BytesReceived, Timeout]


async def test_timer_that_rings_too_early_is_set_again() -> None:
    async with World() as world:
        world.core.timeout = world.time.now() + 1
        world.client.send(b"x")
        await world.hear()
        due = world.core.timeout = world.time.now() + 20
        world.ring_by_hand()
        assert Timeout not in world.kinds()
        assert world.server._timer_at == due
        world.time.move(20)
        world.ring_by_hand()
        assert Timeout in world.kinds()


async def test_nobody_is_read_or_judged_while_too_much_waits_for_the_disk() -> None:
    async with World() as world:
        world.core.timeout = world.time.now() + 1
        world.node.crowded = True
        world.client.send(b"x")
        assert await world.hear() == b"x"
        world.client.send(b"y")
        world.time.move(10)
        await turns()
        assert world.kinds() == [LinkOpened, BytesReceived]
        world.node.crowded = False
        world.server.offer(LinkClosed(0))  # as any answer of the disk
        await world.until(lambda: Timeout in world.kinds())
        assert world.kinds() == [LinkOpened, BytesReceived, LinkClosed, BytesReceived, Timeout]


async def test_node_that_reads_nobody_is_woken_for_its_disk() -> None:
    async with World() as world:
        world.node.crowded = True
        world.node.retry_at = world.time.now()
        world.server.tell(lambda _: [])
        await world.until(lambda: world.node.retry_at is None)
        assert Timeout not in world.kinds()


async def test_slow_reader_is_not_read_but_sips() -> None:
    async with World() as world:
        world.client.send(b"flood 9000000")
        await world.until(lambda: world.slow())
        world.client.send(b"ping")
        await turns()
        assert world.kinds() == [LinkOpened, BytesReceived]
        world.core.timeout = world.time.now()
        world.server.offer(LinkClosed(0))  # as any input: the timer is set
        await world.until(lambda: Timeout in world.kinds())
        assert world.kinds()[2:] == [LinkClosed, BytesReceived, Timeout], "first read, then judge"
        await turns()
        world.client.send(b"ping")
        await turns()
        assert len(world.kinds()) == 5, "and then not read again"
        read = 0
        while read < 9_000_004:
            read += len(await world.hear(1 << 20))
        await world.until(lambda: not world.slow())
        world.client.send(b"again")
        assert await world.hear() == b"again"


async def test_halt_sends_nothing_more() -> None:
    async with World() as world:
        world.client.send(b"boom")
        assert await world.hear() == b""
        assert world.reasons == ["AssertionError: boom"]
        world.server.offer(Timeout())
        assert Timeout not in world.kinds()
