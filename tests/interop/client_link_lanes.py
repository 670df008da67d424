"""What our client does over a link, however it was made. Each lane takes a URL and the name of a queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire_transports.anyio import connect

if TYPE_CHECKING:
    from collections.abc import Callable

    from corewire import Endpoint, Topology


async def sends_and_receives(url: str, name: str) -> Endpoint | None:
    """Returns where it was connected."""
    async with connect(url) as client, client.session() as session, session.consumer(name) as consumer:
        bodies = ["x", "y" * 90_000]
        for body in bodies:
            await session.send(name, body)
        assert [(await consumer.receive()).text for _ in bodies] == bodies
        return client.endpoint


async def goes_on_after(url: str, name: str, happening: Callable[[], None]) -> Endpoint | None:
    """Sends, lets something happen to its link, sends again. Returns where it was connected in the end."""
    async with connect(url) as client, client.session() as session:
        await session.send(name, "before")
        happening()
        async with client.session() as another, another.consumer(name) as consumer:
            await another.send(name, "after")
            assert [(await consumer.receive()).text for _ in range(2)] == ["before", "after"]
        return client.endpoint


async def is_told(url: str) -> Topology:
    """Returns the cluster as the broker describes it."""
    async with connect(url) as client:
        return client.topology
