"""Making and deleting addresses and queues."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from corewire.errors import ErrorCode
from corewire.values import QueueConfiguration, RoutingType
from corewire_server.core import naming
from corewire_server.core.refusal import Refused
from corewire_server.core.routing import queue_part, split_name

if TYPE_CHECKING:
    from corewire.wire import packets
    from corewire_server.core.session import Session
    from corewire_server.core.state import State


class _Attributes(TypedDict):
    exclusive: bool | None
    last_value: bool | None
    last_value_key: str | None
    non_destructive: bool | None
    consumers_before_dispatch: int | None
    delay_before_dispatch_ms: int | None
    group_rebalance: bool | None
    group_rebalance_pause_dispatch: bool | None
    group_buckets: int | None
    group_first_key: str | None
    auto_delete: bool | None
    auto_delete_delay_ms: int | None
    auto_delete_message_count: int | None
    ring_size: int | None
    enabled: bool | None


_OLD_ANYCAST_PREFIXES = ("jms.queue.", "jms.tempqueue.")


def _routing_type(code: int) -> RoutingType | None:
    return RoutingType(code) if code in (0, 1) else None


def create_address(state: State, session: Session, packet: packets.CreateAddress) -> None:
    """CREATE_ADDRESS: makes an address, or replaces the routing types of one."""
    name = split_name(packet.address)[0]
    types = frozenset(one for one in map(_routing_type, packet.routing_types) if one is not None)
    address = state.store.addresses.get(name)
    if address is None:
        naming.check_new_address(state, name)
        state.store.add_address(name, types, auto_created=packet.auto_created)
        return
    if any(queue.config.routing_type not in types for queue in address.queues):
        raise Refused(ErrorCode.INTERNAL_ERROR, "")
    if address.temporary:
        state.store.keep_address(address, auto_created=packet.auto_created)
    if types != address.routing_types:
        state.store.change_address(address, types)


def create_queue(state: State, session: Session, packet: packets.CreateQueue) -> None:
    """CREATE_QUEUE: the old form, which tells the routing type by a prefix of the address."""
    anycast = packet.address.startswith(_OLD_ANYCAST_PREFIXES)
    config = QueueConfiguration(
        name=packet.queue_name,
        address=packet.address,
        routing_type=RoutingType.ANYCAST if anycast else RoutingType.MULTICAST,
        filter_string=packet.filter,
        durable=packet.durable,
        temporary=packet.temporary,
    )
    _make(state, session, config)


def create_queue_v2(state: State, session: Session, packet: packets.CreateQueueV2) -> None:
    """CREATE_QUEUE_V2."""
    config = QueueConfiguration(
        name=packet.queue_name,
        address=packet.address,
        routing_type=_routing_type(packet.routing_type),
        filter_string=packet.filter,
        durable=packet.durable,
        temporary=packet.temporary,
        auto_created=packet.auto_created,
        max_consumers=packet.max_consumers,
        purge_on_no_consumers=packet.purge_on_no_consumers,
        **_attributes(packet),
    )
    _make(state, session, config)


def _make(state: State, session: Session, config: QueueConfiguration) -> None:
    owner = session.link if config.temporary else None
    naming.make_queue(state, config, any_address=False, owner=owner)


def create_shared_queue(state: State, session: Session, packet: packets.CreateSharedQueue) -> None:
    """CREATE_SHARED_QUEUE."""
    config = QueueConfiguration(
        name=packet.queue_name, address=packet.address, filter_string=packet.filter, durable=packet.durable
    )
    _share(state, config)


def create_shared_queue_v2(state: State, session: Session, packet: packets.CreateSharedQueueV2) -> None:
    """CREATE_SHARED_QUEUE_V2."""
    config = QueueConfiguration(
        name=packet.queue_name,
        address=packet.address,
        routing_type=_routing_type(packet.routing_type),
        filter_string=packet.filter,
        durable=packet.durable,
        max_consumers=packet.max_consumers,
        purge_on_no_consumers=packet.purge_on_no_consumers,
        **_attributes(packet),
    )
    _share(state, config)


def _share(state: State, config: QueueConfiguration) -> None:
    """A subscription that several consumers use: one of that name with the same address and filter will do."""
    name = queue_part(config.name)
    existing = state.store.queues.get(name)
    if existing is None:
        queue = naming.make_queue(state, config, any_address=True, owner=None)
        queue.transient = not config.durable
        return
    address = split_name(config.address or config.name)[0]
    wanted = config.filter_string or None
    if existing.address.name != address or existing.config.filter_string != wanted:
        text = f"queue {name} exists with another address or filter"
        raise Refused(ErrorCode.INVALID_TRANSIENT_QUEUE_USE, text)
    existing.marked = False


def _attributes(packet: packets.CreateQueueV2 | packets.CreateSharedQueueV2) -> _Attributes:
    return {
        "exclusive": packet.exclusive,
        "last_value": packet.last_value,
        "last_value_key": packet.last_value_key,
        "non_destructive": packet.non_destructive,
        "consumers_before_dispatch": packet.consumers_before_dispatch,
        "delay_before_dispatch_ms": packet.delay_before_dispatch,
        "group_rebalance": packet.group_rebalance,
        "group_rebalance_pause_dispatch": packet.group_rebalance_pause_dispatch,
        "group_buckets": packet.group_buckets,
        "group_first_key": packet.group_first_key,
        "auto_delete": packet.auto_delete,
        "auto_delete_delay_ms": packet.auto_delete_delay,
        "auto_delete_message_count": packet.auto_delete_message_count,
        "ring_size": packet.ring_size,
        "enabled": packet.enabled,
    }


def delete_queue(state: State, session: Session, packet: packets.DeleteQueue) -> None:
    """DELETE_QUEUE: with all that is in it."""
    name = queue_part(packet.queue_name)
    queue = state.store.queues.get(name)
    if queue is None:
        raise Refused(ErrorCode.QUEUE_DOES_NOT_EXIST, "")
    if queue.consumers:
        raise Refused(
            ErrorCode.ILLEGAL_STATE,
            f"AMQ229025: Cannot delete queue {name} on binding {name} - it has consumers = LocalQueueBinding",
        )
    naming.drop_queue(state, queue)
