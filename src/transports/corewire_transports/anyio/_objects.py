"""Addresses, queues and temporary destinations of a session, for asyncio and trio, through anyio."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire import QueueConfiguration, RoutingType
from corewire_transports._opening import opening
from corewire_transports.anyio.temporary import TemporaryQueue, TemporaryTopic

if TYPE_CHECKING:
    from corewire import (
        AddressInfo,
        ClientEngine,
        QueueInfo,
        SessionId,
    )
    from corewire_transports.anyio._driver import Driver

__all__ = ["Objects"]


class Objects:
    """The part of a session that makes, deletes and looks at what messages are kept in."""

    _driver: Driver
    _engine: ClientEngine
    _id: SessionId

    @property
    def _reachable(self) -> bool:
        """Whether an answer may be waited for, when something is cleaned up."""
        raise NotImplementedError

    @opening
    async def temporary_queue(self) -> TemporaryQueue:
        """Make a queue that goes at the end of the block, or with the connection."""
        return TemporaryQueue(await self._driver.call(self._engine.create_temporary_queue, self._id), self)

    @opening
    async def temporary_topic(self) -> TemporaryTopic:
        """Make a topic that goes at the end of the block, or with the connection."""
        return TemporaryTopic(await self._driver.call(self._engine.create_temporary_topic, self._id), self)

    async def create_queue(
        self, queue: str | QueueConfiguration, /, *, shared: bool = False, exist_ok: bool = False
    ) -> None:
        """Create a queue; a name alone is an anycast queue. Raises QueueExists (not with ``exist_ok``), SecurityError.

        ``shared``: it may be there already, with the same address and filter. Raises Unblocked where it may have happened.
        """
        if isinstance(queue, str):
            queue = QueueConfiguration(name=queue, routing_type=RoutingType.ANYCAST)
        await self._driver.call(self._engine.create_queue, self._id, queue, shared=shared, exist_ok=exist_ok)

    async def delete_queue(self, name: str, /, *, missing_ok: bool = False) -> None:
        """Delete a queue. Raises QueueDoesNotExist (not with ``missing_ok``), IllegalState while it has consumers."""
        await self._driver.call(self._engine.delete_queue, self._id, name, missing_ok=missing_ok)

    async def query_queue(self, name: str, /) -> QueueInfo:
        """What the broker knows of a queue."""
        return await self._driver.call(self._engine.query_queue, self._id, name)

    async def create_address(self, name: str, /, *routing_types: RoutingType, exist_ok: bool = False) -> None:
        """
        Create an address, for both routing types if none is given. One that is there gets these types in place of its own.

        Raises BrokerError if a queue there would lose its type. ``exist_ok``: the call is repeated after a failover, where
        it would else raise Unblocked.
        """
        kinds = routing_types or tuple(RoutingType)
        await self._driver.call(self._engine.create_address, self._id, name, kinds, exist_ok=exist_ok)

    async def query_address(self, name: str, /) -> AddressInfo:
        """What the broker knows of an address."""
        return await self._driver.call(self._engine.query_address, self._id, name)
