"""How messages come back to their queue, and how they end otherwise than acknowledged: expired, or tried too often."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire.errors import ErrorCode
from corewire.values import QueueConfiguration, RoutingType
from corewire_server.core import made, naming, routing
from corewire_server.core.intake import duplicate_key
from corewire_server.core.records import record_bytes
from corewire_server.core.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable

    from corewire.wire.message import CoreMessage
    from corewire_server.core.queues import Queue, Ref
    from corewire_server.core.state import State


def give_back(state: State, queue: Queue, refs: Iterable[Ref], *, seen: bool) -> None:
    """
    Messages that were delivered go back to their places.

    ``seen``: the application may have seen them, so the delivery counts. What was tried too often ends as a dead letter; dead letters stay.
    """
    settings = state.config.addresses
    attempts = 0 if queue.address.name == settings.dead_letter_address else settings.max_delivery_attempts
    back: list[Ref] = []
    for ref in refs:
        queue.in_delivery -= 1
        if queue.dropped:
            state.store.finish(queue, ref)
            continue
        if not seen:
            ref.deliveries -= 1
        if 0 < attempts <= ref.deliveries:
            _bury(state, queue, ref)
            continue
        if ref.deliveries:
            state.store.note_deliveries(queue, ref)
        back.append(ref)
    if back:
        queue.put_back(back)
        state.prompt(queue)


def expire(state: State, queue: Queue, ref: Ref) -> None:
    """The time of a message that does not wait any more has passed."""
    target = state.config.addresses.expiry_address
    _move(state, queue, ref, target, expired_at=state.now)


def _bury(state: State, queue: Queue, ref: Ref) -> None:
    target = state.config.addresses.dead_letter_address
    if target is None:
        state.log(
            "warning",
            f"message {ref.id} of queue {queue.config.name} was delivered {ref.deliveries} times and is dropped",
        )
    _move(state, queue, ref, target, expired_at=None)


def _move(state: State, queue: Queue, ref: Ref, target: str | None, *, expired_at: int | None) -> None:
    """
    A copy goes to the target, if that leads anywhere, and the message itself ends. If there can be no copy, it stays.

    This happens when a link is lost and by the clock, too, where nobody's link could be ended instead of the broker.
    """
    queue.used = True
    if target is not None:
        _make_target(state, target)
        try:
            copy, queues = _copy(state, queue, ref, target, expired_at)
        except MemoryError:
            raise
        except Exception as problem:  # noqa: BLE001 - nobody can read its properties, it grew too large, or whatever
            name = queue.config.name
            state.log("error", f"message {ref.id} of queue {name} stays there and cannot go to {target}: {problem}")
            queue.stuck.append(ref)
            state.store.note_deliveries(queue, ref)
            return
        _put_copy(state, copy, target, queues)
    state.store.finish(queue, ref)


def _copy(state: State, queue: Queue, ref: Ref, target: str, expired_at: int | None) -> tuple[CoreMessage, list[Queue]]:
    """The copy, and where it goes. Raises Refused for one that is too large, RemoteProtocolError for what is no message."""
    copy = made.moved_copy(ref.message, state.store.next_id(), target, queue.config.name, expired_at)
    queues = routing.targets(state, target, None, copy.raw)
    size, limit = record_bytes(copy.raw, len(queues)), state.limits.record_bytes_max
    if size > limit:
        raise Refused(
            ErrorCode.IO_ERROR, f"its copy has {size} bytes with the ids of its queues, above the limit of {limit}"
        )
    return copy, queues


def _put_copy(state: State, copy: CoreMessage, target: str, queues: list[Queue]) -> None:
    key = duplicate_key(copy.properties.get("_AMQ_DUPL_ID"))
    if key is not None and not state.store.is_duplicate(target, key):  # known or not, the copy is moved
        state.store.add_duplicate(target, key)
    if queues:
        state.store.add_message(copy.id, copy.raw, bool(copy.durable), copy.priority, 0, queues)
        for one in queues:
            state.prompt(one)


def _make_target(state: State, name: str) -> None:
    """An address without queues gets an anycast queue of its name, or what is moved there would be lost."""
    route = state.store.addresses.route(name)
    if route.everyone or route.turns:
        return
    config = QueueConfiguration(name=name, address=name, routing_type=RoutingType.ANYCAST)
    try:
        naming.make_queue(state, config, any_address=True, owner=None)
    except Refused as refusal:
        state.log("error", f"no queue for {name}: {refusal}")
