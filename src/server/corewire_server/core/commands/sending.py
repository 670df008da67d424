"""SESS_SEND: from a frame to messages in queues (Artemis: ``ServerSessionImpl.send``, ``PostOfficeImpl.route``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from corewire.errors import ErrorCode, RemoteProtocolError
from corewire.values import QueueConfiguration, RoutingType
from corewire.wire.message import CoreMessage
from corewire_server.core import naming
from corewire_server.core.refusal import Refused, not_built
from corewire_server.core.routing import split_name, targets
from corewire_server.core.transactions import Sent

if TYPE_CHECKING:
    from corewire_server.core.queues import Queue
    from corewire_server.core.session import Session
    from corewire_server.core.state import State

_OPT: Final = "x-opt-amq".encode("utf-16-le")
_STRIPPED: Final = ("x-opt-amq", "_AMQ_ROUTE_TO", "_AMQ_ACK_ROUTE_TO")
_UNBUILT: Final = {
    "_AMQ_SCHED_DELIVERY": "scheduled delivery",
    "_AMQ_GROUP_ID": "message groups",
    "_AMQ_ROUTE_TO": "routing by binding id (bridges)",
    "_AMQ_BRIDGE_DUP": "bridges",
    "_AMQ_SCALEDOWN_TO": "scale-down",
}


def send(state: State, session: Session, raw: bytes) -> None:
    """Take a message: route it now, or with the transaction's commit."""
    message = CoreMessage(raw)
    if not 0 <= message.priority <= 9:
        raise RemoteProtocolError(
            f"priority {message.priority}", packet="SESS_SEND", offset=13 + message.properties_at - 1
        )
    in_transaction = not session.auto_sends
    try:
        _send(state, session, message, in_transaction=in_transaction)
    except Refused as refusal:
        if in_transaction:
            session.transaction.fail(refusal)
        raise


def _send(state: State, session: Session, message: CoreMessage, *, in_transaction: bool) -> None:
    name = message.address
    if name is None:
        name = session.default_address
        if name is None:
            raise Refused(ErrorCode.ILLEGAL_STATE, "AMQ229029: the message has no address")
        message = message.rewritten(address=name)
    elif session.default_address is None:
        session.default_address = name
    if name == naming.MANAGEMENT_ADDRESS:
        raise not_built("management")
    _charge(state, session, len(message.raw), name)
    routing_type: RoutingType | None = None
    duplicate_id: bytes | None = None
    address = split_name(name)[0]
    if message.may_hold_reserved or message.raw.find(_OPT, message.properties_at) >= 0:
        message, routing_type, duplicate_id = _read_reserved(message)
        if duplicate_id is not None and state.store.is_duplicate(address, duplicate_id):
            if in_transaction:
                text = "Duplicate message detected - message will not be routed."
                session.transaction.fail(Refused(ErrorCode.DUPLICATE_ID_REJECTED, text))
            return
        if routing_type is not None:
            auto_create(state, address, routing_type)
    message_id = state.store.next_id()
    message.stamp(message_id)
    queues = targets(state, name, routing_type, message.raw)
    durable = bool(message.durable)
    if in_transaction:
        sent = Sent(
            message_id, message.raw, durable, message.priority, message.expiration, tuple(queues), address, duplicate_id
        )
        session.transaction.sent.append(sent)
        session.transaction.bytes += len(message.raw)
        state.store.bytes += len(message.raw)
        return
    if duplicate_id is not None:
        state.store.add_duplicate(address, duplicate_id)
    if queues:
        state.store.add_message(message_id, message.raw, durable, message.priority, message.expiration, queues)
        for queue in queues:
            state.prompt(queue)


def _charge(state: State, session: Session, size: int, name: str) -> None:
    """Debit the credits. A full broker takes what it gave credits for, up to a quarter more than its limit."""
    balance = session.credits
    session.credits = balance - size if balance > size else 0
    if state.full and (not state.room or balance < size or state.store.bytes * 4 > state.limits.memory_bytes_max * 5):
        raise Refused(ErrorCode.ADDRESS_FULL, f'AMQ229102: Address "{name}" is full.')


def _read_reserved(message: CoreMessage) -> tuple[CoreMessage, RoutingType | None, bytes | None]:
    properties = message.properties
    dropped: list[str] = []
    for name in properties:
        if name.startswith(("_AMQ_", "x-opt")):
            if name in _UNBUILT and properties[name]:
                raise not_built(_UNBUILT[name])
            if name.startswith(_STRIPPED) and name not in _STRIPPED[1:]:
                dropped.append(name)
    if dropped:
        message = message.rewritten(drop=dropped)
    code = properties.get("_AMQ_ROUTING_TYPE")
    routing_type = RoutingType(code) if isinstance(code, int) and code in (0, 1) else None
    key = properties.get("_AMQ_DUPL_ID")
    if isinstance(key, str):
        key = key.encode("utf-16-le", "surrogatepass")
    return message, routing_type, key if isinstance(key, bytes) else None


def auto_create(state: State, name: str, routing_type: RoutingType) -> None:
    """Make what a client's send needs and is not there: address, routing type, anycast queue. Refused 106 if not allowed."""
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
