"""Consumers: opening, closing, credits, acknowledging."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire.errors import ErrorCode
from corewire_server.core import closing, naming, returns
from corewire_server.core.commands.queries import describe
from corewire_server.core.consumers import Consumer
from corewire_server.core.refusal import Refused, not_built
from corewire_server.core.routing import queue_part

if TYPE_CHECKING:
    from corewire.wire import packets
    from corewire_server.core.queues import Ref
    from corewire_server.core.session import Session
    from corewire_server.core.state import State


def create_consumer(state: State, session: Session, packet: packets.SessionCreateConsumer) -> object | None:
    """SESS_CREATECONSUMER: answered with the description of the queue. It gets nothing before its first credits."""
    name = queue_part(packet.queue_name)
    queue = state.store.queues.get(name)
    if queue is None:
        raise naming.no_queue(packet.queue_name)
    selector = naming.parse_filter(packet.filter)
    most = queue.config.max_consumers
    if not packet.browse_only and most is not None and 0 <= most <= queue.consumer_count:
        text = f"AMQ229200: Maximum Consumer Limit Reached on Queue:(address={queue.address.name},queue={name})"
        raise Refused(ErrorCode.MAX_CONSUMER_LIMIT_EXCEEDED, text)
    if packet.priority:
        raise not_built("consumer priorities")
    if len(session.consumers) >= state.limits.consumers_per_session_max:
        raise Refused(
            ErrorCode.ILLEGAL_STATE, f"a session has at most {state.limits.consumers_per_session_max} consumers"
        )
    if packet.consumer_id in session.consumers:
        raise Refused(ErrorCode.ILLEGAL_STATE, f"consumer {packet.consumer_id} is open already")
    naming.check_interest(state)
    consumer = Consumer(packet.consumer_id, queue, session, selector, browses=packet.browse_only)
    state.store.interest_chars += consumer.interest
    queue.marked = False
    return describe(state, queue) if packet.requires_response else None


def close_consumer(state: State, session: Session, packet: packets.SessionConsumerClose) -> None:
    """SESS_CONSUMER_CLOSE: one that is not there is closed, too."""
    consumer = session.consumers.get(packet.consumer_id)
    if consumer is not None:
        closing.close_consumer(state, consumer, failed=False)


def force_delivery(state: State, session: Session, packet: packets.SessionForceConsumerDelivery) -> None:
    """SESS_FORCE_CONSUMER_DELIVERY: once it has all there is, a marker tells the consumer so."""
    consumer = session.consumers.get(packet.consumer_id)
    if consumer is not None:
        consumer.queue.forced.append((consumer, packet.sequence))
        state.prompt(consumer.queue)


def add_credits(state: State, session: Session, consumer_id: int, tokens: int) -> None:
    """SESS_FLOWTOKEN."""
    consumer = session.consumers.get(consumer_id)
    if consumer is not None:
        consumer.add_credits(tokens)
        state.prompt(consumer.queue)


def acknowledge(state: State, session: Session, consumer_id: int, message_id: int, individual: bool) -> bool:
    """
    SESS_ACKNOWLEDGE and SESS_INDIVIDUAL_ACKNOWLEDGE. Returns False if the consumer holds no such message.

    A browser's are ignored.
    """
    consumer = session.consumers.get(consumer_id)
    if consumer is None:
        return False
    if consumer.browses:
        return True
    unacked = consumer.unacked
    ref = unacked.get(message_id)
    if ref is None:
        return False
    queue = consumer.queue
    queue.used = True
    if individual or next(iter(unacked)) == message_id:
        del unacked[message_id]
        if session.auto_acks:
            queue.in_delivery -= 1
            state.store.finish(queue, ref)
            return True
        refs = [ref]
    else:
        refs = consumer.take_up_to(message_id)
    if session.auto_acks:
        queue.in_delivery -= len(refs)
        for ref in refs:
            state.store.finish(queue, ref)
    else:
        session.transaction.acked += [(queue, ref) for ref in refs]
    return True


def not_held(consumer_id: int, message_id: int) -> Refused:
    """The refusal of an acknowledgement."""
    text = f"AMQ229027: Could not find reference on consumer ID={consumer_id}, messageId = {message_id}"
    return Refused(ErrorCode.ILLEGAL_STATE, text)


def expire(state: State, session: Session, packet: packets.SessionExpired) -> None:
    """SESS_EXPIRED: the client found a message it was given expired."""
    consumer = session.consumers.get(packet.consumer_id)
    if consumer is None:
        session.transaction.fail(not_held(packet.consumer_id, packet.message_id))
        return
    ref: Ref | None = consumer.unacked.pop(packet.message_id, None)
    if ref is not None:
        consumer.queue.in_delivery -= 1
        returns.expire(state, consumer.queue, ref)
