"""Making and removing addresses and queues: who may have which name, what is filled in, what goes with what."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from corewire.errors import ErrorCode, InvalidFilterExpression
from corewire.values import RoutingType
from corewire_server.core import filters, plain
from corewire_server.core.addresses import is_pattern
from corewire_server.core.records import queue_to_plain
from corewire_server.core.refusal import Refused, not_built
from corewire_server.core.routing import queue_part, split_name

if TYPE_CHECKING:
    from corewire.values import QueueConfiguration
    from corewire_server.core.addresses import Address
    from corewire_server.core.filters import Filter
    from corewire_server.core.link import Link
    from corewire_server.core.queues import Queue
    from corewire_server.core.state import State


MANAGEMENT_ADDRESS: Final = "activemq.management"
_UNBUILT: Final = {MANAGEMENT_ADDRESS: "management", "activemq.notifications": "notifications"}


def no_queue(name: str) -> Refused:
    """The answer where a queue is not there."""
    return Refused(ErrorCode.QUEUE_DOES_NOT_EXIST, f"AMQ229017: Queue {name} does not exist")


def no_address(name: str) -> Refused:
    """The answer where an address is not there."""
    return Refused(ErrorCode.ADDRESS_DOES_NOT_EXIST, f"AMQ229203: Address Does Not Exist: {name}")


def parse_filter(text: str | None) -> Filter | None:
    """The filter of a text that came in a packet; none for an empty one. Raises Refused 103, also for a blank one."""
    try:
        return filters.Filter.parse(text)
    except InvalidFilterExpression as problem:
        raise Refused(
            ErrorCode.INVALID_FILTER_EXPRESSION, f"AMQ229020: Invalid filter: {str(text)[:1000]}"
        ) from problem


def make_queue(state: State, wanted: QueueConfiguration, *, any_address: bool, owner: Link | None) -> Queue:
    """
    Make a queue, and its address where that is allowed.

    ``any_address``: the address may be made, or given another routing type, whatever the settings say. ``owner``: the link of
    a temporary queue. Raises Refused as section 2.5 of the broker's description has it, before anything is changed.
    """
    name = queue_part(wanted.name)
    address_name = split_name(wanted.address or wanted.name)[0] or name
    if not name:
        raise Refused(ErrorCode.ILLEGAL_STATE, "AMQ229204: a queue needs a name")
    if (existing := state.store.queues.get(name)) is not None:
        text = f"AMQ229019: Queue {name} already exists on address {existing.address.name}"
        raise Refused(ErrorCode.QUEUE_EXISTS, text)
    config = resolve(state, replace(wanted, name=name, address=address_name))
    if len(state.store.queues) >= state.limits.queues_max:
        raise Refused(ErrorCode.SECURITY_EXCEPTION, f"this broker has {state.limits.queues_max} queues, its limit")
    address = state.store.addresses.get(address_name)
    if address is None:
        check_new_address(state, address_name)
    routing_type = config.routing_type
    assert routing_type is not None
    may_make = any_address or config.temporary or state.config.addresses.auto_create_addresses
    if address is None and not may_make:
        raise no_address(address_name)
    if address is not None and routing_type not in address.routing_types and not may_make:
        raise Refused(ErrorCode.INTERNAL_ERROR, "")
    check_length(state, name)
    queue_filter = parse_filter(config.filter_string)
    if queue_filter is not None:
        check_interest(state)
    if len(plain.encode(queue_to_plain(config))) > state.limits.record_bytes_max:
        raise Refused(ErrorCode.INVALID_QUEUE_CONFIGURATION, f"the attributes of queue {name} do not fit a record")
    address = open_address(state, address_name, routing_type, auto_created=True, temporary=config.temporary)
    queue = state.store.add_queue(config, address, queue_filter)
    if owner is not None:
        queue.owner = owner
        owner.owned[name] = queue
    return queue


def open_address(
    state: State, name: str, routing_type: RoutingType, *, auto_created: bool, temporary: bool = False
) -> Address:
    """The address, made or given the routing type if need be."""
    store = state.store
    address = store.addresses.get(name)
    if address is None:
        return store.add_address(name, frozenset((routing_type,)), auto_created=auto_created, temporary=temporary)
    if address.temporary and not temporary:
        store.keep_address(address, auto_created=auto_created)
    if routing_type not in address.routing_types:
        store.change_address(address, address.routing_types | {routing_type})
    return address


def check_interest(state: State) -> None:
    """Raises Refused when there are too many consumers, and filters of consumers and queues, to take another."""
    limit = state.limits.interest_chars_max
    if state.store.interest_chars >= limit:
        raise Refused(ErrorCode.ILLEGAL_STATE, f"the filters of this broker have {limit} characters, its limit")


def check_length(state: State, name: str) -> None:
    """Raises Refused for a name that is too long."""
    if len(name) > state.limits.name_chars_max:
        raise Refused(ErrorCode.ILLEGAL_STATE, f"a name has at most {state.limits.name_chars_max} characters")


def check_built(name: str) -> None:
    """Raises Refused 213 for an address at which this broker ought to do something that it cannot."""
    if (feature := _UNBUILT.get(name)) is not None:
        raise not_built(feature)


def check_new_address(state: State, name: str) -> None:
    """Raises Refused for a name that is not free to take, and when there are too many addresses."""
    if not name:
        raise Refused(ErrorCode.ILLEGAL_STATE, "an address needs a name")
    check_length(state, name)
    if state.config.wildcards and is_pattern(name) and name.count(".") >= state.limits.pattern_words_max:
        raise Refused(ErrorCode.ILLEGAL_STATE, f"a pattern has at most {state.limits.pattern_words_max} words")
    check_built(name)
    if len(state.store.addresses) >= state.limits.addresses_max:
        raise Refused(
            ErrorCode.SECURITY_EXCEPTION, f"this broker has {state.limits.addresses_max} addresses, its limit"
        )


def resolve(state: State, wanted: QueueConfiguration) -> QueueConfiguration:
    """Fill in what was left open. Raises Refused 213 for what queues of this broker cannot do."""
    settings = state.config.addresses
    auto_delete = settings.auto_delete_queues if wanted.auto_created else settings.auto_delete_created_queues
    config = replace(
        wanted,
        routing_type=RoutingType.MULTICAST if wanted.routing_type is None else wanted.routing_type,
        filter_string=wanted.filter_string or None,
        max_consumers=settings.default_max_consumers if wanted.max_consumers is None else wanted.max_consumers,
        purge_on_no_consumers=settings.default_purge_on_no_consumers
        if wanted.purge_on_no_consumers is None
        else wanted.purge_on_no_consumers,
        exclusive=bool(wanted.exclusive),
        last_value=bool(wanted.last_value),
        non_destructive=bool(wanted.non_destructive),
        enabled=wanted.enabled is not False,
        consumers_before_dispatch=wanted.consumers_before_dispatch or 0,
        delay_before_dispatch_ms=-1 if wanted.delay_before_dispatch_ms is None else wanted.delay_before_dispatch_ms,
        group_rebalance=bool(wanted.group_rebalance),
        group_rebalance_pause_dispatch=bool(wanted.group_rebalance_pause_dispatch),
        group_buckets=-1 if wanted.group_buckets is None else wanted.group_buckets,
        auto_delete=auto_delete if wanted.auto_delete is None else wanted.auto_delete,
        auto_delete_delay_ms=settings.auto_delete_queues_delay_ms
        if wanted.auto_delete_delay_ms is None
        else wanted.auto_delete_delay_ms,
        auto_delete_message_count=wanted.auto_delete_message_count or 0,
        ring_size=-1 if wanted.ring_size is None else wanted.ring_size,
    )
    _refuse_unbuilt(config)
    return config


def _refuse_unbuilt(config: QueueConfiguration) -> None:
    unbuilt = {
        "exclusive queues": config.exclusive,
        "last-value queues": config.last_value or config.last_value_key is not None,
        "non-destructive queues": config.non_destructive,
        "consumers-before-dispatch": config.consumers_before_dispatch,
        "delay-before-dispatch": config.delay_before_dispatch_ms != -1,
        "group-rebalance": config.group_rebalance or config.group_rebalance_pause_dispatch,
        "group-buckets": config.group_buckets != -1,
        "group-first-key": config.group_first_key is not None,
        "ring queues": config.ring_size != -1,
    }
    for feature, wanted in unbuilt.items():
        if wanted:
            raise not_built(feature)


def drop_queue(state: State, queue: Queue) -> None:
    """Remove a queue that has no consumers; a temporary or auto-created address goes with its last queue."""
    state.store.remove_queue(queue)
    queue.dropped = True
    if queue.owner is not None:
        del queue.owner.owned[queue.config.name]
    address = queue.address
    gone = address.temporary or (address.auto_created and not state.config.addresses.auto_delete_addresses_delay_ms)
    if not address.queues and gone:
        state.store.remove_address(address)
