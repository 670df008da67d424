"""``Client.events()``, for asyncio and trio, through anyio."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from corewire.events import ClientEvent
    from corewire_transports.anyio._driver import Driver

__all__ = ["Events"]


class Events:
    """What happens to a client, from the making of it until the client is closed."""

    def __init__(self, driver: Driver, buffer: int) -> None:
        self._driver = driver
        self._queue = driver.listen(buffer)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ClientEvent:
        event = await self._driver.next_event(self._queue)
        if event is None:
            raise StopAsyncIteration
        return event
