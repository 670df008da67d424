"""Which queues get a message (Artemis: ``BindingsImpl``, ``LocalQueueBinding``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire_server.core.matching import Values, accepts

if TYPE_CHECKING:
    from corewire.values import RoutingType
    from corewire_server.core.addresses import Address
    from corewire_server.core.queues import Queue
    from corewire_server.core.state import State


def split_name(name: str) -> tuple[str, str]:
    """Address and queue of a fully qualified name; the queue is empty if the name has no ``::``."""
    address, _, queue = name.partition("::")
    return address, queue


def queue_part(name: str) -> str:
    """The queue of a fully qualified name, or the name."""
    address, mark, queue = name.partition("::")
    return queue if mark else address


def targets(state: State, name: str, routing_type: RoutingType | None, raw: bytes) -> list[Queue]:
    """
    The queues for a message sent to ``name``.

    Of each group of anycast queues one is chosen, first among those that have a consumer. What was chosen may still refuse
    (another routing type, switched off, nobody there to keep it for); no other is tried then.
    """
    route, values = state.store.addresses.route(name), Values(raw)
    chosen = [queue for queue in route.everyone if _passes(queue, route.queue, values)]
    for anchor, queues in route.turns:
        first, *others = queues
        if others:
            one = _next_in_turn(anchor, queues, route.queue, values)
        else:
            one = first if _passes(first, route.queue, values) else None
        if one is not None:
            chosen.append(one)
    return [queue for queue in chosen if _accepts(queue, routing_type)]


def _passes(queue: Queue, queue_name: str, values: Values) -> bool:
    if queue_name and queue.config.name != queue_name:
        return False
    return queue.filter is None or accepts(queue.filter, values)


def _next_in_turn(anchor: Address, queues: tuple[Queue, ...], queue_name: str, values: Values) -> Queue | None:
    count = len(queues)
    fallback: int | None = None
    for offset in range(count):
        index = (anchor.turn + offset) % count
        queue = queues[index]
        if _passes(queue, queue_name, values):
            if any(not c.browses and (c.filter is None or accepts(c.filter, values)) for c in queue.consumers):
                anchor.turn = (index + 1) % count
                return queue
            if fallback is None:
                fallback = index
    if fallback is None:
        return None
    anchor.turn = (fallback + 1) % count
    return queues[fallback]


def _accepts(queue: Queue, routing_type: RoutingType | None) -> bool:
    config = queue.config
    if routing_type is not None and config.routing_type is not routing_type:
        return False
    return config.enabled is not False and not (config.purge_on_no_consumers and not queue.consumer_count)
