"""
Looking a destination up before its first use, and making what is missing, as JMS clients do (Artemis: ``ActiveMQSession``).

Without the look-up a message for an address of the wrong kind, or for none, would vanish without a word.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, cast

from corewire.client._calls import Command, Fate
from corewire.client._queues import address_info, queue_packet
from corewire.errors import AddressDoesNotExist, QueueDoesNotExist, QueueExists, UnexpectedRoutingType
from corewire.values import Address, Queue, QueueConfiguration, RoutingType
from corewire.wire import packets
from corewire.wire.versions import capabilities

if TYPE_CHECKING:
    from corewire.client._calls import Script
    from corewire.client._session import Session
    from corewire.values import AddressInfo, Destination


def split_name(name: str) -> tuple[str, str | None]:
    """Address and queue of ``address::queue``; without ``::`` the queue is None."""
    address, mark, queue = name.partition("::")
    return (address, queue) if mark else (name, None)


def ask_address(session: Session, name: str) -> Script[AddressInfo]:
    """What the broker knows of an address."""
    modern = capabilities(session.channel.version).binding_query_response_v5
    answer = packets.SessionBindingQueryResponseV5 if modern else packets.SessionBindingQueryResponseV4
    packet = yield Command(packets.SessionBindingQuery(name), answer, Fate.AGAIN)
    return address_info(name, packet)


def look_up(session: Session, destination: Destination) -> Script[None]:
    """Make sure that messages for a destination have somewhere to go.

    Raises AddressDoesNotExist or QueueDoesNotExist where it is missing and may not be made, UnexpectedRoutingType where
    the address is of the other kind.
    """
    address, queue = split_name(destination.name)
    info = yield from ask_address(session, address)
    kind, where = destination.routing_type, session.context.connection
    if kind is None:
        if not info.exists:
            raise AddressDoesNotExist("there is no such address", subject=f"address {address!r}", connection=where)
        return
    if isinstance(destination, Queue) and queue is None:
        queue = address
    temporary = not isinstance(destination, Address) and destination.temporary
    may_create = not temporary and (info.auto_create_queues or kind is RoutingType.MULTICAST)
    if not info.exists:
        if not (may_create and info.auto_create_addresses):
            raise AddressDoesNotExist("there is no such address", subject=f"address {address!r}", connection=where)
        packet = packets.CreateAddress(address, [kind], requires_response=True, auto_created=True)
        yield Command(packet, packets.NullResponse, Fate.AGAIN)
    elif kind not in info.routing_types:
        raise UnexpectedRoutingType(
            f"the address takes no {kind.name} messages", subject=f"address {address!r}", connection=where
        )
    if queue is not None and (queue not in info.queue_names or session.context.exactly_once):
        yield from _look_up_queue(session, address, queue, kind, create=not temporary and info.auto_create_queues)


def look_up_queue(session: Session, name: str) -> Script[str]:
    """Make sure that a queue is there for a consumer; ``name`` may be ``address::queue``. Returns the queue's name.

    Raises QueueDoesNotExist where it is missing and may not be made, UnexpectedRoutingType where it is not ANYCAST.
    """
    address, queue = split_name(name)
    info = yield from ask_address(session, address)
    named = address if queue is None else queue
    if named in info.queue_names:
        return named  # making the consumer tells more of it
    if info.exists and RoutingType.ANYCAST not in info.routing_types and queue is None:
        raise UnexpectedRoutingType(
            "the address takes no ANYCAST messages",
            subject=f"address {address!r}",
            connection=session.context.connection,
        )
    yield from _look_up_queue(session, address, named, RoutingType.ANYCAST, create=info.auto_create_queues)
    return named


def _look_up_queue(session: Session, address: str, queue: str, kind: RoutingType, *, create: bool) -> Script[None]:
    packet = yield Command(packets.SessionQueueQuery(queue), packets.SessionQueueQueryResponseV3, Fate.AGAIN)
    found = cast("packets.SessionQueueQueryResponseV3", packet)
    if found.exists:
        session.context.found_queue(queue, auto_delete=found.auto_delete)
        return
    if not create:
        raise QueueDoesNotExist(
            "there is no such queue", subject=f"queue {queue!r}", connection=session.context.connection
        )
    # An emptied queue that is deleted takes the address's memory of duplicate ids with it.
    auto_delete = False if session.context.exactly_once else None
    wanted = QueueConfiguration(
        name=queue, address=address, routing_type=kind, auto_created=True, auto_delete=auto_delete
    )
    with suppress(QueueExists):  # somebody else was faster
        yield Command(queue_packet(wanted), packets.NullResponse, Fate.AGAIN)
