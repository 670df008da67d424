"""Queues and addresses as values, to packets and back, and the scripts that make, delete and look at them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from corewire.client._calls import Command, Fate
from corewire.errors import QueueDoesNotExist, QueueExists, RemoteProtocolError
from corewire.values import AddressInfo, QueueConfiguration, QueueInfo, RoutingType
from corewire.wire import packets

if TYPE_CHECKING:
    from collections.abc import Callable

    from corewire.client._calls import Packet, Script
    from corewire.errors import BrokerError

_NO_ROUTING_TYPE = -1


def queue_packet(queue: QueueConfiguration, *, answered: bool = True) -> packets.CreateQueueV2:
    """The packet that creates a queue."""
    return packets.CreateQueueV2(
        address=queue.address or queue.name,
        queue_name=queue.name,
        filter=queue.filter_string,
        durable=queue.durable,
        temporary=queue.temporary,
        requires_response=answered,
        auto_created=queue.auto_created,
        routing_type=_NO_ROUTING_TYPE if queue.routing_type is None else queue.routing_type,
        max_consumers=-1 if queue.max_consumers is None else queue.max_consumers,
        purge_on_no_consumers=bool(queue.purge_on_no_consumers),
        exclusive=queue.exclusive,
        last_value=queue.last_value,
        last_value_key=queue.last_value_key,
        non_destructive=queue.non_destructive,
        consumers_before_dispatch=queue.consumers_before_dispatch,
        delay_before_dispatch=queue.delay_before_dispatch_ms,
        group_rebalance=queue.group_rebalance,
        group_buckets=queue.group_buckets,
        auto_delete=queue.auto_delete,
        auto_delete_delay=queue.auto_delete_delay_ms,
        auto_delete_message_count=queue.auto_delete_message_count,
        group_first_key=queue.group_first_key,
        ring_size=queue.ring_size,
        enabled=queue.enabled,
        group_rebalance_pause_dispatch=queue.group_rebalance_pause_dispatch,
    )


def shared_queue_packet(queue: QueueConfiguration) -> packets.CreateSharedQueueV2:
    """The packet that creates a queue unless there is the same one already."""
    return packets.CreateSharedQueueV2(
        address=queue.address or queue.name,
        queue_name=queue.name,
        filter=queue.filter_string,
        durable=queue.durable,
        routing_type=_NO_ROUTING_TYPE if queue.routing_type is None else queue.routing_type,
        requires_response=True,
        max_consumers=queue.max_consumers,
        purge_on_no_consumers=queue.purge_on_no_consumers,
        exclusive=queue.exclusive,
        last_value=queue.last_value,
        last_value_key=queue.last_value_key,
        non_destructive=queue.non_destructive,
        consumers_before_dispatch=queue.consumers_before_dispatch,
        delay_before_dispatch=queue.delay_before_dispatch_ms,
        group_rebalance=queue.group_rebalance,
        group_buckets=queue.group_buckets,
        auto_delete=queue.auto_delete,
        auto_delete_delay=queue.auto_delete_delay_ms,
        auto_delete_message_count=queue.auto_delete_message_count,
        group_first_key=queue.group_first_key,
        ring_size=queue.ring_size,
        enabled=queue.enabled,
        group_rebalance_pause_dispatch=queue.group_rebalance_pause_dispatch,
    )


def queue_configuration(name: str, answer: packets.SessionQueueQueryResponseV3) -> QueueConfiguration:
    """The queue that an answer describes."""
    return QueueConfiguration(
        name=answer.name or name,
        address=answer.address,
        routing_type=_routing_type(answer),
        filter_string=answer.filter,
        durable=answer.durable,
        temporary=answer.temporary,
        auto_created=answer.auto_created,
        max_consumers=answer.max_consumers,
        purge_on_no_consumers=answer.purge_on_no_consumers,
        exclusive=answer.exclusive,
        group_rebalance=answer.group_rebalance,
        group_rebalance_pause_dispatch=answer.group_rebalance_pause_dispatch,
        group_buckets=answer.group_buckets,
        group_first_key=answer.group_first_key,
        last_value=answer.last_value,
        last_value_key=answer.last_value_key,
        non_destructive=answer.non_destructive,
        enabled=answer.enabled,
        consumers_before_dispatch=answer.consumers_before_dispatch,
        delay_before_dispatch_ms=answer.delay_before_dispatch,
        auto_delete=answer.auto_delete,
        auto_delete_delay_ms=answer.auto_delete_delay,
        auto_delete_message_count=answer.auto_delete_message_count,
        ring_size=answer.ring_size,
    )


def _routing_type(answer: packets.SessionQueueQueryResponseV3) -> RoutingType | None:
    if answer.routing_type == _NO_ROUTING_TYPE:
        return None
    try:
        return RoutingType(answer.routing_type)
    except ValueError:
        raise RemoteProtocolError(f"there is no routing type {answer.routing_type}", packet=answer.NAME) from None


def queue_info(name: str, answer: packets.SessionQueueQueryResponseV3) -> QueueInfo:
    """What an answer tells of a queue."""
    return QueueInfo(
        exists=answer.exists,
        configuration=queue_configuration(name, answer),
        consumer_count=answer.consumer_count,
        message_count=answer.message_count,
        auto_create_queues=answer.auto_create_queues,
        default_consumer_window_bytes=answer.default_consumer_window_size,
        configuration_managed=bool(answer.configuration_managed),
    )


def address_info(name: str, answer: Packet) -> AddressInfo:
    """What an answer tells of an address. Before version 135 brokers do not tell the routing types: then it has both."""
    assert isinstance(answer, packets.SessionBindingQueryResponseV4 | packets.SessionBindingQueryResponseV5)
    kinds = {RoutingType.MULTICAST, RoutingType.ANYCAST}
    if isinstance(answer, packets.SessionBindingQueryResponseV5):
        if answer.supports_multicast is False:
            kinds.discard(RoutingType.MULTICAST)
        if answer.supports_anycast is False:
            kinds.discard(RoutingType.ANYCAST)
    return AddressInfo(
        exists=answer.exists,
        name=name,
        queue_names=tuple(answer.queue_names),
        routing_types=frozenset(kinds),
        auto_create_queues=answer.auto_create_queues,
        auto_create_addresses=answer.auto_create_addresses,
        default_purge_on_no_consumers=answer.default_purge_on_no_consumers,
        default_max_consumers=answer.default_max_consumers,
        default_exclusive=answer.default_exclusive,
        default_last_value=answer.default_last_value,
        default_last_value_key=answer.default_last_value_key,
        default_non_destructive=answer.default_non_destructive,
        default_consumers_before_dispatch=answer.default_consumers_before_dispatch,
        default_delay_before_dispatch_ms=answer.default_delay_before_dispatch,
    )


def create(packet: Packet, exists: type[BrokerError], *, exist_ok: bool, repeatable: bool) -> Script[None]:
    """Make a queue or an address. ``repeatable``: the packet does no harm twice.

    A temporary queue that is there when it is asked for again belongs to the connection that was lost, and goes with it.
    """
    command = Command(packet, packets.NullResponse, Fate.AGAIN if exist_ok or repeatable else Fate.UNBLOCKED)
    try:
        yield command
    except exists:
        doomed = isinstance(packet, packets.CreateQueueV2) and packet.temporary
        if not (exist_ok or (repeatable and command.repeated and not doomed)):
            raise


def create_temporary(queue: QueueConfiguration, new_name: Callable[[], str]) -> Script[str]:
    """Make a temporary queue that has a name of its own. Returns the name.

    Where a new session is asked again it gets another name: the first queue, if there is one, belongs to the connection that was
    lost. Artemis deletes it at any moment from now on, and with it the address of a second one of that name.
    """

    def anew() -> Packet:
        return queue_packet(replace(queue, name=new_name()))

    packet = queue_packet(queue)
    while True:
        command = Command(packet, packets.NullResponse, Fate.AGAIN, renew=anew)
        try:
            yield command
        except QueueExists:
            if not command.repeated:
                raise
            packet = anew()
        else:
            return str(command.packet.queue_name)


def delete(name: str, *, missing_ok: bool) -> Script[None]:
    """Delete a queue."""
    fate = Fate.AGAIN if missing_ok else Fate.UNBLOCKED
    try:
        yield Command(packets.DeleteQueue(name), packets.NullResponse, fate)
    except QueueDoesNotExist:
        if not missing_ok:
            raise


def query(name: str) -> Script[QueueInfo]:
    """Look at a queue."""
    answer = yield Command(packets.SessionQueueQuery(name), packets.SessionQueueQueryResponseV3, Fate.AGAIN)
    return queue_info(name, answer)
