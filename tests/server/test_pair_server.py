"""The step loop of a node with a peer: a turn's inputs are one batch, executing lets others have their turn, and how it stops."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from corewire_server.core.effects import SendBytes
from corewire_server.core.inputs import BytesReceived, LinkClosed, LinkOpened, Stopping
from corewire_server.node.orders import Door, DropLinks, Halt, SendPeer, SetDoor
from corewire_server.node.status import Status
from corewire_server.runtime import pair_server
from corewire_server.runtime.clock import Clock
from corewire_server.runtime.listening import Depth, Listener
from corewire_server.runtime.loop import TurnLoop
from corewire_server.runtime.pair_server import SLICE_S, PairServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from corewire_server.core.inputs import Input
    from corewire_server.node.driven import DrivenPair
    from corewire_server.node.orders import Order

pytestmark = [pytest.mark.interop, pytest.mark.anyio]

PATIENCE_S = 30.0  # on a busy machine; nothing waits so long
WAKES_S = 0.010  # from one wake of the scripted node to the next
INPUTS = 60


@pytest.fixture(params=[asyncio.SelectorEventLoop, TurnLoop])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, type[asyncio.AbstractEventLoop]]]:
    return "asyncio", {"loop_factory": request.param}


class Scripted:
    """A node of a pair that serves, echoes what it executes, and writes down how it is driven."""

    epoch, node_id = 2, "scripted"

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.waiting: list[Input] = []
        self.inputs: list[Input] = []
        self.congested = self.stopped = False
        self.idle = self.serving = True
        self.in_step = False
        self.timeout: int | None = None
        self.cost_s = 0.0
        self.links = 0
        self.extra: list[Order] = []
        self.peer_bytes: list[bytes] = []

    @property
    def pending(self) -> bool:
        return bool(self.waiting)

    def new_link(self) -> int:
        self.links += 1
        return 2 << 32 | self.links

    def next_timeout(self) -> int | None:
        return self.timeout

    def status(self, now: int) -> Status:
        return Status(
            role="primary",
            epoch=2,
            node_id="",
            serving=self.serving,
            standing=None,
            in_step=self.in_step,
            lease_age_ms=None,
            input_age_ms=None,
            waits_for="",
            place=0,
            last_input=0,
            acknowledged=0,
            executed=0,
            lag_inputs=0,
            lag_bytes=0,
            lag_ms=0,
            fell_out=0,
        )

    def offer(self, now: int, item: Input) -> None:
        self.calls.append("offer")
        self.waiting.append(item)

    def flush(self) -> list[Order]:
        self.calls.append("flush")
        return [SendPeer(2, b"inputs"), *self.extra]

    def run(self, now: int, limit: int = 1 << 30) -> list[Order]:
        done, self.waiting = self.waiting[:limit], self.waiting[limit:]
        self.calls.append(f"run {len(done)}")
        self.inputs += done
        end = time.perf_counter() + self.cost_s * len(done)
        while time.perf_counter() < end:
            pass
        return [SendBytes(item.link, item.data) for item in done if isinstance(item, BytesReceived)]

    def wake(self, now: int) -> list[Order]:
        self.calls.append("wake")
        self.timeout = now + int(WAKES_S * 1000)
        return []

    def stop(self, now: int) -> list[Order]:
        self.calls.append("stop")
        return []

    def peer_accepted(self, now: int, conn: int, loopback: bool) -> list[Order]:
        return []

    def peer_data(self, now: int, conn: int, data: bytes) -> list[Order]:
        self.peer_bytes.append(data)
        return []

    def peer_closed(self, now: int, conn: int) -> list[Order]:
        return []


class World:
    """The server of a scripted node, its peer's socket, and clients."""

    def __init__(self) -> None:
        self.node, self.reasons = Scripted(), list[str]()
        self.server = PairServer(cast("DrivenPair", self.node), Clock(), None, self.reasons.append, ("127.0.0.1", 1))
        self.listener = Listener("127.0.0.1", 0)
        self.link = Listener("127.0.0.1", 0, Depth.LINK_DOOR)
        self.server.door.add(self.listener)
        self.server.peers.listen(self.link)
        self.server.tell(lambda _: [SetDoor(Door.SERVE)])
        self.sockets: list[socket.socket] = []

    def connect(self, listener: Listener) -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", listener.port))
        sock.setblocking(False)
        self.sockets.append(sock)
        return sock

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():  # noqa: ASYNC110  it is the loop under test that changes it
                await asyncio.sleep(0)

    async def hear(self, sock: socket.socket) -> bytes:
        try:
            return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(sock, 65536), PATIENCE_S)
        except ConnectionResetError:
            return b""

    def executed(self, kind: type[Input]) -> int:
        return sum(isinstance(item, kind) for item in self.node.inputs)


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    made = World()
    try:
        yield made
    finally:
        made.server.release()
        for sock in made.sockets:
            sock.close()


@pytest.fixture
def _no_slice_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long others have the processor meanwhile."""
    monkeypatch.setattr(pair_server, "time", SimpleNamespace(perf_counter=lambda: 0.0))


@pytest.mark.usefixtures("_no_slice_ends")
async def test_inputs_of_one_turn_are_one_batch_that_goes_to_the_peer_before_it_is_executed() -> None:
    async with world() as w:
        peer, clients = w.connect(w.link), [w.connect(w.listener) for _ in range(3)]
        await w.until(lambda: w.executed(LinkOpened) == 3)
        heard, sent = b"", b"inputs" * w.node.calls.count("flush")
        w.node.calls.clear()
        while heard != sent:
            heard += await w.hear(peer)
            assert sent.startswith(heard)
        for client in clients:
            client.send(b"x")
        await w.until(lambda: w.executed(BytesReceived) == 3)
        assert w.node.calls[:4] == ["offer", "offer", "offer", "flush"]
        assert "flush" not in w.node.calls[4:]
        assert sum(int(call.split()[1]) for call in w.node.calls[4:]) == 3
        for client in clients:
            assert await w.hear(client) == b"x"
        assert await w.hear(peer)


async def test_who_is_heard_alone_is_answered_in_the_turn_of_its_read_where_the_loop_can_tell() -> None:
    async with world() as w:
        loop, client = asyncio.get_running_loop(), w.connect(w.listener)
        await w.until(lambda: w.executed(LinkOpened) == 1)
        w.node.calls.clear()
        turns_of: dict[str, int] = {}

        def count() -> None:
            turns_of.update({call: turns_of.get(call, 0) + 1 for call in w.node.calls})
            loop.call_soon(count)

        count()
        client.send(b"x")
        await w.until(lambda: w.executed(BytesReceived) == 1)
        await asyncio.sleep(0)
        assert w.node.calls == ["offer", "flush", "run 1"]
        assert (turns_of["offer"] == turns_of["run 1"]) is isinstance(loop, TurnLoop)


async def test_link_numbers_are_those_of_the_node() -> None:
    async with world() as w:
        w.connect(w.listener)
        await w.until(lambda: w.executed(LinkOpened) == 1)
        assert cast("LinkOpened", w.node.inputs[0]).link == 2 << 32 | 1


async def test_however_much_waits_heart_beats_and_the_peer_have_their_turn() -> None:
    async with world() as w:
        peer = w.connect(w.link)
        w.node.waiting = [LinkClosed(number) for number in range(INPUTS)]
        w.node.cost_s = 0.002
        w.server.tell(w.node.wake)
        w.server.offer(LinkClosed(0))
        peer.send(b"ack")
        await w.until(lambda: not w.node.pending)
        # The first one is of the test. Who is late, as where others had the processor, reads before it wakes: two slices more.
        assert w.node.calls.count("wake") - 1 >= INPUTS * w.node.cost_s // (WAKES_S + 4 * SLICE_S)
        assert w.node.peer_bytes == [b"ack"]


async def test_slices_hold_many_inputs_while_they_are_quick() -> None:
    async with world() as w:
        w.node.waiting = [LinkClosed(number) for number in range(1000)]
        w.server.offer(LinkClosed(0))
        await w.until(lambda: not w.node.pending)
        assert len(w.node.calls) < 300


async def test_a_node_that_reads_no_client_still_wakes() -> None:
    async with world() as w:
        client = w.connect(w.listener)
        await w.until(lambda: w.executed(LinkOpened) == 1)
        w.node.congested = True
        w.node.timeout = 0
        w.server.tell(lambda _: [])
        client.send(b"x")
        await w.until(lambda: w.node.calls.count("wake") > 2)
        assert w.executed(BytesReceived) == 0
        w.node.congested = False
        w.server.tell(lambda _: [])
        assert await w.hear(client) == b"x"


async def test_dropped_links_end_without_a_word_to_client_or_core() -> None:
    async with world() as w:
        client = w.connect(w.listener)
        await w.until(lambda: w.executed(LinkOpened) == 1)
        w.server.tell(lambda _: [SetDoor(Door.CLOSED), DropLinks()])
        assert await w.hear(client) == b""
        w.server.offer(Stopping())
        await w.until(lambda: w.executed(Stopping) == 1)
        assert w.executed(LinkClosed) == 0


async def test_mistake_while_executing_stops_the_node_and_all_its_sockets() -> None:
    async with world() as w:
        peer, client = w.connect(w.link), w.connect(w.listener)
        await w.until(lambda: w.executed(LinkOpened) == 1)
        w.node.extra = [Halt("enough")]
        client.send(b"x")
        assert await w.hear(client) == b""
        while await w.hear(peer):
            pass
        assert w.reasons == ["enough"]
        with pytest.raises(ConnectionRefusedError):
            w.connect(w.link)
        with pytest.raises(ConnectionRefusedError):
            w.connect(w.listener)


async def test_orderly_stop_says_goodbye_where_nobody_goes_on() -> None:
    async with world() as w:
        client = w.connect(w.listener)
        await w.until(lambda: w.executed(LinkOpened) == 1)
        await w.server.close(0)
        assert w.executed(Stopping) == 1
        assert w.node.calls[-1] == "stop"
        assert await w.hear(client) == b""


async def test_orderly_stop_with_a_backup_in_step_leaves_the_clients_to_it() -> None:
    async with world() as w:
        client = w.connect(w.listener)
        await w.until(lambda: w.executed(LinkOpened) == 1)
        w.node.in_step = True
        await w.server.close(0)
        assert w.executed(Stopping) == 0
        assert w.node.calls[-1] == "stop"
        assert await w.hear(client) == b""


async def test_links_door_stays_open_until_the_node_has_ended() -> None:
    async with world() as w:
        w.node.in_step = True
        w.node.idle = False
        stopping = asyncio.create_task(w.server.close(0))
        await w.until(lambda: "stop" in w.node.calls)
        with pytest.raises(ConnectionRefusedError):
            w.connect(w.listener)
        peer = w.connect(w.link)
        w.node.idle = True
        w.server.tell(lambda _: [])
        await stopping
        with pytest.raises(ConnectionRefusedError):
            w.connect(w.link)
        assert await w.hear(peer) == b""


async def test_stopped_backup_is_there_until_its_primary_has_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("corewire_server.runtime.pair_server.VISIT_S", PATIENCE_S)
    async with world() as w:
        w.node.serving, w.node.in_step = False, True
        stopping = asyncio.create_task(w.server.close(0))
        await w.until(lambda: "stop" in w.node.calls)
        peer = w.connect(w.link)
        peer.close()
        await stopping
        assert w.server.peers.visits == 1
        with pytest.raises(ConnectionRefusedError):
            w.connect(w.link)


async def test_stopped_backup_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("corewire_server.runtime.pair_server.VISIT_S", 0.001)
    async with world() as w:
        w.node.serving, w.node.in_step = False, True
        await asyncio.wait_for(w.server.close(0), PATIENCE_S)
        assert w.server.peers.visits == 0
