"""SESS_SEND: from a frame to messages in queues (Artemis: ``ServerSessionImpl.send``, ``PostOfficeImpl.route``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire.errors import ErrorCode
from corewire.values import QueueConfiguration, RoutingType
from corewire.wire.message import CoreMessage
from corewire_server.core import naming
from corewire_server.core.intake import NO_ADDRESS, NOTHING, parse_head, stamped
from corewire_server.core.queues import REF_BYTES
from corewire_server.core.records import record_bytes
from corewire_server.core.refusal import Refused, not_built
from corewire_server.core.routing import targets
from corewire_server.core.transactions import Sent

if TYPE_CHECKING:
    from corewire_server.core.addresses import Route
    from corewire_server.core.intake import Heeded
    from corewire_server.core.queues import Queue
    from corewire_server.core.session import Session
    from corewire_server.core.state import State


def send(state: State, session: Session, frame: bytes, end: int) -> None:
    """
    Take the message of a SESS_SEND, which ends at ``end``: route it now, or with the transaction's commit.

    Nearly all messages go to one queue that takes everything; they do not leave this function. Raises Refused, or
    RemoteProtocolError if there is no message in the frame.
    """
    id_at, address, durable, expiration, priority, properties_at = parse_head(frame, end, session.last_address)
    store = state.store
    try:
        heeded = state.reserved.find(frame, properties_at, end)
        route = store.addresses.raw_routes.get(address)
        if route is None and address != NO_ADDRESS:
            route = store.addresses.raw_route(address)
        if route is not None:
            only = route.only
            if (
                only is not None
                and session.auto_sends
                and (heeded is NOTHING or heeded.only_type is only.config.routing_type)
                and end <= state.message_bytes_max
            ):
                session.last_address = address
                if session.default_address is None:
                    session.default_address = route.name
                session.credits -= end
                if store.bytes >= state.full_from:
                    _check_room(state, session, route.name)
                message_id = store.next_id()
                message = stamped(frame, end, id_at, message_id)
                store.add_to_one(message_id, message, bool(durable), priority, expiration, only)
                if not only.dirty:
                    state.prompt(only)
                return
        _send(state, session, CoreMessage(frame[13:end]), heeded)
    except Refused as refusal:
        if not session.auto_sends:
            session.transaction.fail(refusal)
        raise


def _send(state: State, session: Session, message: CoreMessage, heeded: Heeded) -> None:
    store = state.store
    name = message.address or session.default_address
    if name is None:
        raise Refused(ErrorCode.ILLEGAL_STATE, "AMQ229029: the message has no address")
    if name == naming.MANAGEMENT_ADDRESS:
        raise not_built("management")
    session.default_address = session.default_address or name
    naming.check_length(state, name)
    session.credits -= len(message.raw)
    if state.full:
        _check_room(state, session, name)
    route = store.addresses.route(name)
    if heeded is not NOTHING:
        duplicate_id = heeded.duplicate_id
        if duplicate_id is not None and store.is_duplicate(route.address, duplicate_id):
            if not session.auto_sends:
                text = "Duplicate message detected - message will not be routed."
                session.transaction.fail(Refused(ErrorCode.DUPLICATE_ID_REJECTED, text))
            return
        if heeded.routing_type is not None:
            auto_create(state, route.address, heeded.routing_type)
    if message.address is None or heeded.dropped:
        message = message.rewritten(address=name, drop=heeded.dropped)
    message.stamp(store.next_id())
    _route(state, session, message, heeded, route)


def _route(state: State, session: Session, message: CoreMessage, heeded: Heeded, route: Route) -> None:
    store = state.store
    queues = targets(state, route.name, heeded.routing_type, message.raw)
    size, limit = record_bytes(message.raw, len(queues)), state.message_bytes_max
    if size > limit:
        raise not_built(f"a message of {size} bytes, above the limit of {limit}, that is no large message")
    sent = Sent(
        message.id,
        message.raw,
        bool(message.durable),
        message.priority,
        message.expiration,
        tuple(queues),
        route.address,
        heeded.duplicate_id,
    )
    if not session.auto_sends:
        session.transaction.sent.append(sent)
        size = len(message.raw) + REF_BYTES
        session.transaction.bytes += size
        store.bytes += size
        state.pledge(session.transaction, sent)
    else:
        accept(state, sent)


def accept(state: State, sent: Sent) -> None:
    """A message reaches its queues; those that were deleted meanwhile do not get it."""
    store = state.store
    if sent.duplicate_id is not None:
        store.add_duplicate(sent.address, sent.duplicate_id)
    queues = [queue for queue in sent.queues if not queue.dropped]
    if queues:
        store.add_message(sent.id, sent.message, sent.durable, sent.priority, sent.expiration, queues)
        for queue in queues:
            state.prompt(queue)


def _check_room(state: State, session: Session, name: str) -> None:
    """A full broker takes what it gave credits for, up to a quarter more than its limit. Raises Refused 210."""
    over = state.store.bytes * 4 > state.limits.memory_bytes_max * 5
    if over or session.credits < 0 or not state.room:
        raise Refused(ErrorCode.ADDRESS_FULL, f'AMQ229102: Address "{name}" is full.')


def auto_create(state: State, name: str, routing_type: RoutingType) -> None:
    """Make what a client's send needs and is not there: address, routing type, anycast queue. Raises Refused 106."""
    address = state.store.addresses.get(name)
    if address is not None and address.queues:
        return
    settings = state.config.addresses
    if (address is None or routing_type not in address.routing_types) and not settings.auto_create_addresses:
        raise naming.no_address(name)
    makes_queue = routing_type is RoutingType.ANYCAST
    if makes_queue:
        named_alike: Queue | None = state.store.queues.get(name)
        if named_alike is not None and named_alike.config.routing_type is RoutingType.MULTICAST:
            raise naming.no_address(name)
        makes_queue = named_alike is None
        if makes_queue and not settings.auto_create_queues:
            raise naming.no_address(name)
    if address is None:
        naming.check_new_address(state, name)
    naming.open_address(state, name, routing_type, auto_created=True)
    if makes_queue:
        config = QueueConfiguration(name=name, address=name, routing_type=routing_type, auto_created=True)
        naming.make_queue(state, config, any_address=True, owner=None)
