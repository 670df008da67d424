"""Asking for queues and addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire.values import QueueConfiguration, RoutingType
from corewire.wire import packets
from corewire_server.core import naming
from corewire_server.core.routing import queue_part, split_name

if TYPE_CHECKING:
    from corewire_server.core.queues import Queue
    from corewire_server.core.session import Session
    from corewire_server.core.state import State


def query_queue(
    state: State, session: Session, packet: packets.SessionQueueQuery
) -> packets.SessionQueueQueryResponseV3:
    """SESS_QUEUEQUERY: a queue, or what one of that name would be like."""
    name = queue_part(packet.queue_name)
    queue = state.store.queues.get(name)
    return describe(state, queue) if queue is not None else _describe_missing(state, packet.queue_name)


def describe(state: State, queue: Queue) -> packets.SessionQueueQueryResponseV3:
    """A queue as it is."""
    answer = _response(state, queue.config, queue.address.name)
    answer.exists = True
    answer.consumer_count = queue.consumer_count
    answer.message_count = queue.message_count
    return answer


def _describe_missing(state: State, name: str) -> packets.SessionQueueQueryResponseV3:
    config = naming.resolve(state, QueueConfiguration(name=name))
    answer = _response(state, config, name)
    answer.enabled = None
    return answer


def _response(state: State, config: QueueConfiguration, address: str) -> packets.SessionQueueQueryResponseV3:
    settings = state.config.addresses
    assert config.routing_type is not None
    assert config.max_consumers is not None
    return packets.SessionQueueQueryResponseV3(
        exists=False,
        durable=config.durable,
        temporary=config.temporary,
        consumer_count=0,
        message_count=0,
        filter=config.filter_string,
        address=address,
        name=config.name,
        auto_create_queues=settings.auto_create_queues,
        auto_created=config.auto_created,
        purge_on_no_consumers=bool(config.purge_on_no_consumers),
        routing_type=config.routing_type,
        max_consumers=config.max_consumers,
        exclusive=config.exclusive,
        last_value=config.last_value,
        default_consumer_window_size=settings.default_consumer_window_bytes,
        last_value_key=config.last_value_key,
        non_destructive=config.non_destructive,
        consumers_before_dispatch=config.consumers_before_dispatch,
        delay_before_dispatch=config.delay_before_dispatch_ms,
        group_rebalance=config.group_rebalance,
        group_buckets=config.group_buckets,
        auto_delete=config.auto_delete,
        auto_delete_delay=config.auto_delete_delay_ms,
        auto_delete_message_count=config.auto_delete_message_count,
        group_first_key=config.group_first_key,
        ring_size=config.ring_size,
        enabled=config.enabled,
        group_rebalance_pause_dispatch=config.group_rebalance_pause_dispatch,
        configuration_managed=False,
    )


def query_bindings(
    state: State, session: Session, packet: packets.SessionBindingQuery
) -> packets.SessionBindingQueryResponseV4 | packets.SessionBindingQueryResponseV5:
    """SESS_BINDINGQUERY: an address and the names of its queues."""
    name, queue_name = split_name(packet.address)
    naming.check_built(name)
    address = state.store.addresses.get(name)
    names = [queue.config.name for bound in state.store.addresses.matching(name) for queue in bound.queues]
    if queue_name and session.capabilities.plain_queue_names is False:
        names = [f"{name}::{one}" for one in names]
    settings = state.config.addresses
    answer = packets.SessionBindingQueryResponseV5(
        exists=address is not None,
        queue_names=names,
        auto_create_queues=settings.auto_create_queues,
        auto_create_addresses=settings.auto_create_addresses,
        default_purge_on_no_consumers=settings.default_purge_on_no_consumers,
        default_max_consumers=settings.default_max_consumers,
        default_exclusive=False,
        default_last_value=False,
        default_last_value_key=None,
        default_non_destructive=False,
        default_consumers_before_dispatch=0,
        default_delay_before_dispatch=-1,
        supports_multicast=address is not None and RoutingType.MULTICAST in address.routing_types,
        supports_anycast=address is not None and RoutingType.ANYCAST in address.routing_types,
    )
    return answer if session.capabilities.binding_query_response_v5 else _older(answer)


def _older(answer: packets.SessionBindingQueryResponseV5) -> packets.SessionBindingQueryResponseV4:
    return packets.SessionBindingQueryResponseV4(
        exists=answer.exists,
        queue_names=answer.queue_names,
        auto_create_queues=answer.auto_create_queues,
        auto_create_addresses=answer.auto_create_addresses,
        default_purge_on_no_consumers=answer.default_purge_on_no_consumers,
        default_max_consumers=answer.default_max_consumers,
        default_exclusive=answer.default_exclusive,
        default_last_value=answer.default_last_value,
        default_last_value_key=answer.default_last_value_key,
        default_non_destructive=answer.default_non_destructive,
        default_consumers_before_dispatch=answer.default_consumers_before_dispatch,
        default_delay_before_dispatch=answer.default_delay_before_dispatch,
    )
