"""Two nodes of a pair on one loop, with real sockets and files: start, join, stop, and what a node that may not serve does."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.interop.pair import Pair
from tests.interop.ports import free_port

from corewire.errors import ConfigError
from corewire_server.config import AcceptorConfig, BrokerConfig, PairConfig
from corewire_server.node.pair import PairNode
from corewire_server.node.settings import GateMode
from corewire_server.runtime import files
from corewire_server.runtime.files import Folder, is_small_batch
from corewire_server.runtime.pair_service import PairService
from corewire_server.runtime.peer import PeerConnection
from corewire_server.runtime.service import NodeFailed, NodeState
from corewire_transports.anyio import connect
from corewire_transports.blocking import connect as connect_blocking

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.interop.pair import Member

    from corewire_server.journal.actions import DiskJob
    from corewire_server.node.settings import PairSettings
    from corewire_server.runtime.peer import Peers

pytestmark = [pytest.mark.interop, pytest.mark.anyio]

HEARTBEAT_MS = 10


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def configs(folder: Path | None = None, **more: object) -> list[BrokerConfig]:
    """Of two nodes that are each other's peers."""
    clients, links = [free_port(), free_port()], [free_port(), free_port()]
    return [
        BrokerConfig(
            data=None if folder is None else folder / str(index),
            acceptors=(AcceptorConfig(url=f"tcp://127.0.0.1:{clients[index]}"),),
            ha_policy=PairConfig(
                primary=index == 0,
                peer=f"tcp://127.0.0.1:{clients[1 - index]}?link={links[1 - index]}",
                link_port=links[index],
                **more,  # type: ignore[arg-type]
            ),
        )
        for index in (0, 1)
    ]


class Running:
    """A service that was started, and its end."""

    def __init__(self, service: PairService) -> None:
        self.service = service
        self.starting = asyncio.ensure_future(self._start())
        self.running = asyncio.ensure_future(self._run())

    async def _start(self) -> None:
        await self.service.start()
        assert await self.service.ready()

    async def _run(self) -> None:
        await self.starting
        await self.service.run()

    async def started(self) -> PairService:
        async with asyncio.timeout(20):
            await asyncio.shield(self.starting)
        return self.service

    async def stop(self) -> None:
        if not self.running.done():
            self.service.end()
        async with asyncio.timeout(20):
            await asyncio.gather(self.running, return_exceptions=True)


@asynccontextmanager
async def pair(*services: PairService) -> AsyncIterator[list[Running]]:
    """Both started, one in step with the other."""
    nodes = [Running(service) for service in services]
    try:
        for node in nodes:
            await node.started()
        yield nodes
    finally:
        for node in nodes:
            await node.stop()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  it is what runs on this loop that changes it
            await asyncio.sleep(0.001)


def refused(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) != 0


async def test_two_empty_nodes_become_a_pair_in_step() -> None:
    first, second = map(PairService, configs())
    async with pair(first, second):
        assert (first.state, second.state) == (NodeState.ACTIVE, NodeState.BACKUP)
        assert (first.role, second.role) == ("primary", "backup")
        assert first.epoch == second.epoch == 2
        assert first.node_id == second.node_id != ""
        await until(lambda: first.status is not None and first.status.in_step)
    assert (first.state, second.state) == (NodeState.STOPPED, NodeState.STOPPED)


async def test_client_goes_on_when_the_primary_stops_and_the_old_one_comes_back_as_backup(tmp_path: Path) -> None:
    one, two = configs(tmp_path)
    async with pair(PairService(one), PairService(two)) as (first, second):
        url = f"({first.service.urls[0]},{second.service.urls[0]})?resilient=true"
        async with connect(url) as client, client.session() as session, session.consumer("q") as queue:
            await session.send("q", "before")
            received = await queue.receive(timeout=10)
            assert received is not None
            await until(lambda: second.service.status is not None and second.service.status.in_step)
            await first.stop()
            await session.send("q", "after")
            again = await queue.receive(timeout=10)
            assert again is not None
            assert (received.text, again.text) == ("before", "after")
            assert second.service.state is NodeState.ACTIVE
            assert second.service.epoch == 3
            async with pair(PairService(one)) as (back,):
                assert back.service.state is NodeState.BACKUP
                assert back.service.epoch == 3


async def test_client_of_the_backup_is_led_to_the_primary() -> None:
    async with pair(*map(PairService, configs())) as (first, second):
        await until(lambda: second.service.status is not None and second.service.status.in_step)
        async with connect(second.service.urls[0]) as client, client.session() as session:
            await session.send("q", "led")
            assert second.service.status is not None
            assert second.service.status.links_led > 0
            async with (
                connect(first.service.urls[0]) as direct,
                direct.session() as other,
                other.consumer("q") as queue,
            ):
                received = await queue.receive(timeout=10)
                assert received is not None
                assert received.text == "led"


@pytest.mark.slow
async def test_node_that_may_not_serve_says_so_and_refuses_clients(tmp_path: Path) -> None:
    config, _ = configs(tmp_path)
    async with pair(PairService(config)) as (node,):
        assert node.service.state is NodeState.WAITING
        assert node.service.role == "waiting"
        assert node.service.status is not None
        assert config.ha_policy is not None
        assert "{}:{}".format(*config.ha_policy.peer_link) in node.service.status.waits_for
        assert refused(config.acceptors[0].port)
        assert not refused(config.link_port)


async def test_operator_may_say_that_an_empty_folder_is_new(tmp_path: Path) -> None:
    config, _ = configs(tmp_path, new=True)
    async with pair(PairService(config)) as (node,):
        assert node.service.state is NodeState.ACTIVE


async def test_node_that_fails_while_it_starts_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("a mistake")

    monkeypatch.setattr(PairNode, "peer_refused", fail)
    service = PairService(configs()[0])
    await service.start()
    assert not await asyncio.wait_for(service.ready(), 20)
    with pytest.raises(NodeFailed, match="AssertionError: a mistake"):
        await service.run()


async def test_address_of_the_link_in_use_is_a_configuration_error_that_names_it() -> None:
    config, _ = configs()
    with (
        socket.create_server(("127.0.0.1", config.link_port)),
        pytest.raises(ConfigError, match=f"cannot listen on tcp://127.0.0.1:{config.link_port}"),
    ):
        await PairService(config).start()
    assert refused(config.acceptors[0].port)


async def test_folder_is_locked_while_a_node_lives(tmp_path: Path) -> None:
    config, other = configs(tmp_path, new=True)
    async with pair(PairService(config)):
        with pytest.raises(NodeFailed, match="in use by process"):
            await PairService(replace(other, data=config.data)).start()


async def test_a_node_can_be_made_worse_than_it_is_by_a_subclass() -> None:
    written: list[int] = []

    class Spied(PeerConnection):
        def write(self, data: bytes) -> None:
            written.append(len(data))
            super().write(data)

    class Worse(PairService):
        def settings(self, client_address: str, link_address: str) -> PairSettings:
            return replace(super().settings(client_address, link_address), gate=GateMode.DISK)

        def connection(self, number: int, peers: Peers) -> PeerConnection:
            return Spied(number, peers)

    async with pair(*map(Worse, configs())) as (_, second):
        await until(lambda: second.service.status is not None and second.service.status.in_step)
    assert written


class HangingFolder(Folder):
    """A disk whose next sync hangs, when told so, until the test lets it go on."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.quick = 0  # batches that the loop might write itself
        self.will_hang = self.hangs = self.gave_up = False
        self.go_on = threading.Event()

    def perform(self, job: DiskJob) -> bytes:
        if is_small_batch(job):
            self.quick += 1
            if self.will_hang:
                self.hangs = True
                self.gave_up = not self.go_on.wait(10)  # a loop that hangs itself fails the test, and does not stop it
        return super().perform(job)


class Hanging(PairService):
    """A node on such a disk that beats often, so that a test sees it soon."""

    folder: HangingFolder

    def settings(self, client_address: str, link_address: str) -> PairSettings:
        return replace(super().settings(client_address, link_address), heartbeat_ms=HEARTBEAT_MS)

    def _open_folder(self) -> Folder | None:
        folder = super()._open_folder()
        assert folder is not None
        self.folder = HangingFolder(folder.path)
        return self.folder


@pytest.mark.parametrize("hangs", [0, 1], ids=["primary", "backup"])
async def test_heart_beats_and_their_echoes_go_out_while_a_sync_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hangs: int
) -> None:
    """Of a disk that has always been quick: a node without a peer would write to it on its loop."""
    monkeypatch.setattr(files, "FAST_S", 3600.0)
    nodes = [Hanging(config) for config in configs(tmp_path)]
    backup = nodes[1]
    async with pair(*nodes), connect(nodes[0].urls[0]) as client, client.session() as session:

        def echoed() -> float:
            """When the backup said what the primary sent back last."""
            assert backup.status is not None
            assert backup.status.lease_age_ms is not None
            return asyncio.get_running_loop().time() * 1000 - backup.status.lease_age_ms

        await until(lambda: backup.status is not None and backup.status.in_step)
        folder = nodes[hangs].folder
        folder.quick = 0
        async with asyncio.timeout(20):
            while not folder.quick:  # what other work goes to the disk with it decides whether a batch is small
                await session.send("q", "quick")
        folder.will_hang = True
        sending = asyncio.ensure_future(session.send("q", "slow"))
        await until(lambda: folder.hangs)
        before = echoed()
        await until(lambda: folder.gave_up or echoed() > before + 20 * HEARTBEAT_MS)
        assert not folder.gave_up
        folder.go_on.set()
        await sending


@pytest.mark.slow
def test_blocking_client_does_not_notice_that_the_primary_is_killed_again_and_again(tmp_path: Path) -> None:
    """Two processes; each time the killed one comes back as backup of the other."""
    with Pair(tmp_path) as nodes:
        nodes.wait_in_step()
        url = f"{nodes.address}?resilient=true"
        with connect_blocking(url) as client, client.session() as session, session.consumer("q") as queue:
            for number in range(3):
                killed = nodes.primary
                killed.kill()
                for text in (f"{number} a", f"{number} b"):
                    session.send("q", text)
                    received = queue.receive(timeout=20)
                    assert received is not None
                    assert received.text == text
                killed.start()
                nodes.wait_in_step()
                nodes.wait("ready", lambda: "as backup" in killed.log)  # noqa: B023
                assert nodes.primary is nodes.other(killed)


LISTENS = "0A"  # as the kernel writes it


def sockets(member: Member, peer: Member) -> list[str]:
    """What a node has, in the order of the numbers; what is of one kind counts as one."""
    kernel: dict[str, tuple[int, int, str]] = {}
    for line in Path(f"/proc/{member.pid}/net/tcp").read_text().splitlines()[1:]:
        _, here, there, state, *_, inode = line.split()[:10]
        kernel[f"socket:[{inode}]"] = (int(here[-4:], 16), int(there[-4:], 16), state)
    found: list[str] = []
    for number in sorted(map(int, os.listdir(f"/proc/{member.pid}/fd"))):
        with suppress(OSError, KeyError):  # it is closed meanwhile, or no such socket
            local, remote, state = kernel[os.readlink(f"/proc/{member.pid}/fd/{number}")]
            link = local == member.link_port or remote == peer.link_port
            found.append(f"{'link' if link else 'clients'}{' door' if state == LISTENS else ''}")
    return [kind for kind, _ in groupby(found)]


@pytest.mark.slow
def test_descriptors_of_a_node_are_in_the_order_in_which_the_kernel_must_close_them(tmp_path: Path) -> None:
    """From the highest down: who hears of the end is refused, and the backup hears of it first."""
    with Pair(tmp_path) as nodes:
        first, second = nodes.members
        with connect_blocking(f"tcp://127.0.0.1:{first.port}"), connect_blocking(f"tcp://127.0.0.1:{first.port}"):
            assert sockets(first, second) == ["clients", "link", "link door", "clients door"]
            assert sockets(second, first) == ["link", "link door", "clients door"]
