"""Clients of one program do not know of each other: a link that is lost is its client's alone, and no recovery waits for another."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from corewire.events import FailureDetected
from corewire_server.proxy import Proxy
from corewire_transports.anyio import connect

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from corewire.events import ClientEvent
    from corewire_transports.anyio import Client

WINDOW = "?reconnectAttempts=-1;retryInterval=10;confirmationWindowSize=1048576"
FAR_OFF = "?reconnectAttempts=-1;retryInterval=600000"  # nobody is back before all was said
CLIENTS = 31
SOON_S = (
    1.0 if "COREWIRE_ROUNDS" in os.environ else 20.0
)  # on any machine; a recovery that were waited for takes longer


class Connected:
    """A client and what it told, with the time."""

    def __init__(self, client: Client, told: list[tuple[float, ClientEvent]]) -> None:
        self.client = client
        self.told = told


async def connected(urls: list[str], body: Callable[[list[Connected]], Awaitable[None]], *before: Connected) -> None:
    """Connect to all of these, and run ``body`` with the clients."""
    if not urls:
        await body([*before])
        return
    told: list[tuple[float, ClientEvent]] = []

    def tell(event: ClientEvent) -> None:
        told.append((time.monotonic(), event))

    async with connect(urls[0], on_event=tell) as client:
        await connected(urls[1:], body, *before, Connected(client, told))


async def test_a_lost_link_is_of_its_client_alone(url: str, queue: str) -> None:
    host, _, port = url.removeprefix("tcp://").rpartition(":")
    with ExitStack() as stack:
        proxies = [stack.enter_context(Proxy((host, int(port)))) for _ in range(4)]

        async def lose_one(clients: list[Connected]) -> None:
            sessions = [await each.client.session() for each in clients]
            for session in sessions:
                await session.send(queue, "before")
            for each in clients:
                each.told.clear()
            proxies[1].cut_all()
            for session in sessions:
                await session.send(queue, "after")
            assert [each.client.stats.reconnects for each in clients] == [0, 1, 0, 0]
            assert [bool(each.told) for each in clients] == [False, True, False, False]
            assert [proxy.cuts for proxy in proxies] == [0, 1, 0, 0]

        await connected([f"tcp://{proxy.host}:{proxy.port}{WINDOW}" for proxy in proxies], lose_one)


async def test_no_recovery_waits_for_another(proxied: str, proxy: Proxy) -> None:
    async def lose_all(clients: list[Connected]) -> None:
        events = [each.client.events() for each in clients]
        proxy.refuse()
        proxy.cut_all()
        cut_at = time.monotonic()
        for each in events:
            async for event in each:
                assert isinstance(event, FailureDetected)
                break
        late = [at - cut_at for each in clients for at, event in each.told if isinstance(event, FailureDetected)]
        assert len(late) == CLIENTS
        assert max(late) < SOON_S
        assert [each.client.stats.reconnects for each in clients] == [0] * CLIENTS

    await connected([f"{proxied}{FAR_OFF}"] * CLIENTS, lose_all)
