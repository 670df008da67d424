# Made from the anyio one by scripts/gen_facades.py. Do not edit.
"""``Client.events()``, for one thread that turns the engine itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from corewire.events import ClientEvent
    from corewire_transports.blocking._driver import Driver

__all__ = ["Events"]


class Events:
    """What happens to a client, from the making of it until the client is closed."""

    def __init__(self, driver: Driver, buffer: int) -> None:
        self._driver = driver
        self._queue = driver.listen(buffer)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> ClientEvent:
        event = self._driver.next_event(self._queue)
        if event is None:
            raise StopIteration
        return event
