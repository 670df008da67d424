"""Addresses and queues: making, deleting, asking about them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from corewire.client._destinations import ask_address
from corewire.client._queues import create, create_temporary, delete, query, queue_packet, shared_queue_packet
from corewire.client._registry import Registry
from corewire.errors import (
    AddressExists,
    QueueExists,
)
from corewire.values import QueueConfiguration, RoutingType
from corewire.wire import packets

if TYPE_CHECKING:
    from collections.abc import Iterable

    from corewire._operation import Operation
    from corewire.client._ids import SessionId
    from corewire.values import AddressInfo, QueueInfo

TAKES_NOTHING = "_AMQX=-1"  # as JMS clients do: the selector of a queue that only says that its topic exists


class ObjectVerbs(Registry):
    """Commands about addresses and queues."""

    def create_queue(
        self,
        now: float,
        session: SessionId,
        queue: QueueConfiguration,
        *,
        shared: bool = False,
        exist_ok: bool = False,
    ) -> Operation[None]:
        """Create a queue. Fails with QueueExists, unless ``exist_ok``, and with InvalidQueueConfiguration.

        ``shared``: it may be there already, with the same address and filter. A temporary queue whose caller walks away is
        deleted again.
        """
        found = self._open_session(session)
        packet = shared_queue_packet(queue) if shared else queue_packet(queue)
        script = create(packet, QueueExists, exist_ok=exist_ok, repeatable=shared or queue.temporary)
        drop = partial(self._drop_queue, session)
        return found.run(now, script, (lambda now, _: drop(now, queue.name)) if queue.temporary else None)

    def create_temporary_queue(self, now: float, session: SessionId) -> Operation[str]:
        """Create a queue that goes with the connection, under a new name. Gives the name, which is its address too.

        It is deleted again where its caller walks away.
        """
        return self._create_temporary(now, session, RoutingType.ANYCAST, None)

    def create_temporary_topic(self, now: float, session: SessionId) -> Operation[str]:
        """Create a topic that goes with the connection. Gives its name; otherwise as `create_temporary_queue`."""
        return self._create_temporary(now, session, RoutingType.MULTICAST, TAKES_NOTHING)

    def _create_temporary(
        self, now: float, session: SessionId, kind: RoutingType, filter_string: str | None
    ) -> Operation[str]:
        queue = QueueConfiguration(
            name=self._context.uuid(), routing_type=kind, filter_string=filter_string, durable=False, temporary=True
        )
        script = create_temporary(queue, self._context.uuid)
        return self._open_session(session).run(now, script, partial(self._drop_queue, session))

    def _drop_queue(self, session: SessionId, now: float, name: str) -> None:
        found = self._context.sessions.get(session)
        if found is not None and found.error is None and not found.closing:
            found.background(now, delete(name, missing_ok=True))

    def delete_queue(self, now: float, session: SessionId, name: str, *, missing_ok: bool = False) -> Operation[None]:
        """Delete a queue. Fails with QueueDoesNotExist, unless ``missing_ok``, and with IllegalState while it has consumers."""
        return self._open_session(session).run(now, delete(name, missing_ok=missing_ok))

    def create_address(
        self,
        now: float,
        session: SessionId,
        name: str,
        routing_types: Iterable[RoutingType],
        *,
        exist_ok: bool = False,
    ) -> Operation[None]:
        """Create an address, or give one these types. With ``exist_ok`` it is asked again after a failover."""
        packet = packets.CreateAddress(name, sorted(int(kind) for kind in routing_types))
        return self._open_session(session).run(now, create(packet, AddressExists, exist_ok=exist_ok, repeatable=False))

    def query_queue(self, now: float, session: SessionId, name: str) -> Operation[QueueInfo]:
        """What the broker knows of a queue."""
        return self._open_session(session).run(now, query(name))

    def query_address(self, now: float, session: SessionId, name: str) -> Operation[AddressInfo]:
        """What the broker knows of an address."""
        found = self._open_session(session)
        return found.run(now, ask_address(found, name))
