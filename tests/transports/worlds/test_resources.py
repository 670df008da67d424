"""What is left after close, and how much is held while somebody does not read."""

# ruff: noqa: PT012  (blocks are what is tested here)

from __future__ import annotations

import gc
import logging
import os
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.transports.company_anyio import tasks_alive, until

from corewire.errors import CorewireError, NotConnected
from corewire_server.proxy import Direction
from corewire_transports.anyio import connect, fail_after, move_on_after

if TYPE_CHECKING:
    from collections.abc import Iterator

    from corewire_server.proxy import Proxy

FILLERS = 4
ROUNDS = int(os.environ.get("COREWIRE_ROUNDS", "10"))  # a campaign asks for more, and is stricter
SOON_S = 1.0 if "COREWIRE_ROUNDS" in os.environ else 20.0  # on any machine; what must not be waited for takes longer


class Held:
    """Descriptors, threads and tasks of this process, without what the broker has here: it closes its ends a little later."""

    def __init__(self, url: str) -> None:
        gc.collect()
        port = f":{_port(url):04X}"
        links = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        brokers = {f"socket:[{link[9]}]" for link in links if link[1].endswith(port)}
        clients = {f"socket:[{link[9]}]" for link in links if link[2].endswith(port)}
        descriptors = [_target(name) for name in os.listdir("/proc/self/fd")]
        self.descriptors = sum(target not in brokers for target in descriptors)
        self.sockets = sum(target in clients for target in descriptors)  #: that lead, or shall lead, to the broker
        self.threads = threading.active_count()
        self.tasks = tasks_alive()


def _port(url: str) -> int:
    return int(url.rpartition(":")[2])


def _target(descriptor: str) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")
    except FileNotFoundError:  # the one that listed them
        return ""


@pytest.fixture(autouse=True)
def nothing_is_forgotten(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No error that nobody asked for, and no task that was not ended: the loop tells of both when they are collected."""
    yield
    gc.collect()
    told = [*caplog.get_records("call"), *caplog.records]
    assert [
        record.getMessage() for record in told if record.name == "asyncio" and record.levelno >= logging.ERROR
    ] == []


@pytest.fixture
def deaf() -> Iterator[str]:
    """The URL of somebody who does not even answer to being dialled: its backlog is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        fillers = [socket.socket() for _ in range(FILLERS)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        yield f"tcp://127.0.0.1:{address[1]}"
        for filler in fillers:
            filler.close()


@pytest.mark.slow
@pytest.mark.usefixtures("no_lingering")
async def test_nothing_is_left_after_close(url: str, queue: str) -> None:
    before = Held(url)
    for _ in range(ROUNDS):
        async with connect(url) as client, client.session() as session, session.consumer(queue) as consumer:
            await session.send(queue, "x")
            assert (await consumer.receive()).text == "x"
            began = time.monotonic()
        assert time.monotonic() - began < SOON_S
        assert tasks_alive() == before.tasks
        assert threading.active_count() <= before.threads + 1
    after = Held(url)
    assert after.descriptors <= before.descriptors + 1  # trio and asyncio keep one for themselves
    assert after.sockets == before.sockets


@pytest.mark.slow
@pytest.mark.parametrize("options", ["reconnectAttempts=0", "reconnectAttempts=-1&retryInterval=5&callTimeout=2000"])
async def test_closed_at_any_byte_nothing_is_left(proxied: str, proxy: Proxy, queue: str, options: str) -> None:
    before = Held(proxied)
    for _ in range(15):
        proxy.arm(bytes_max=800, direction=Direction.TO_CLIENT)
        with suppress(CorewireError, ExceptionGroup), fail_after(20):
            async with connect(f"{proxied}?{options}") as client, client.session() as session:
                await session.send(queue, "x", durable=False)
                async with session.consumer(queue) as consumer:
                    await consumer.receive(timeout=1)
        proxy.disarm()
    assert proxy.cuts
    after = Held(proxied)
    assert after.sockets <= before.sockets
    assert after.threads <= before.threads
    assert after.tasks == before.tasks
    # Trio and asyncio keep one for themselves; the proxy's ends go a little later.
    await until(lambda: Held(proxied).descriptors <= before.descriptors + 1)


@pytest.mark.usefixtures("no_lingering")
async def test_closing_takes_no_time(url: str) -> None:
    async with connect(url) as client:
        await client.session()
        began = time.monotonic()
        await client.close()
        assert time.monotonic() - began < SOON_S


@pytest.mark.usefixtures("no_lingering")
async def test_dialling_may_be_given_up(deaf: str) -> None:
    before = Held(deaf)
    assert before.sockets == FILLERS
    began = time.monotonic()
    with move_on_after(0.05) as scope:
        async with connect(deaf):
            pass
    assert scope.cancelled_caught
    assert time.monotonic() - began < SOON_S
    after = Held(deaf)
    assert (after.sockets, after.tasks) == (before.sockets, before.tasks)


async def test_dialling_ends_by_itself(deaf: str) -> None:
    with pytest.raises(NotConnected, match="timed out"):
        async with connect(f"{deaf}?connect-timeout-millis=50"):
            pass


async def test_senders_wait_for_a_socket_that_takes_nothing(proxied: str, proxy: Proxy, queue: str) -> None:
    async with connect(f"{proxied}?producerWindowSize=-1") as client, client.session() as session:
        await session.create_queue(queue)
        sent = 0
        async with session.producer(queue, durable=False) as producer:
            proxy.stall()
            with move_on_after(0.5) as scope:
                while sent < 3000:
                    await producer.submit(b"x" * 10_000)
                    sent += 1
            assert scope.cancelled_caught
            assert sent < 2500
            proxy.resume()
        assert (await session.query_queue(queue)).message_count == sent


async def test_kept_bytes_are_limited_in_an_outage(proxied: str, proxy: Proxy, queue: str) -> None:
    options = "?reconnectAttempts=-1;retryInterval=10;confirmationWindowSize=100000;maxResendSize=100000"
    async with connect(f"{proxied}{options};producerWindowSize=-1") as client, client.session() as session:
        await session.create_queue(queue)
        sent = 0
        async with session.producer(queue) as producer:
            proxy.refuse()
            proxy.cut_all()
            with move_on_after(0.3) as scope:
                while True:
                    await producer.submit(f"{sent:01000}")
                    sent += 1
            assert scope.cancelled_caught
            assert client.stats.resend_bytes <= 110_000
            proxy.accept()
        async with session.consumer(queue) as consumer:
            got = [int(message.text) async for message in consumer.drain()]
        assert got == list(range(sent))


async def test_error_of_a_dead_link_is_no_surprise_later(proxied: str, proxy: Proxy, queue: str) -> None:
    with pytest.raises(CorewireError), fail_after(10):
        async with connect(f"{proxied}?reconnectAttempts=1;retryInterval=1") as client, client.session() as session:
            proxy.refuse()
            proxy.cut_all()
            while True:
                await session.send(queue, "x")
