"""
Handing out: which message goes to which consumer, when.

Queues with something to do stand in line (``State.prompt``) and are served at the end of the input. A queue asks its consumers
in turn, one message each, until nobody takes any more: no credits, stopped, detached, paused, or nothing left that it wants.
One turn of one queue is bounded; what is left is done in the next step, which comes at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire.wire import hot
from corewire_server.core import returns
from corewire_server.core.made import forced_delivery_marker
from corewire_server.core.matching import accepts

if TYPE_CHECKING:
    from corewire_server.core.consumers import Consumer
    from corewire_server.core.queues import Queue, Ref
    from corewire_server.core.state import State


def deliver_all(state: State) -> None:
    """Serve the queues in line. Those that are not done stand in line again."""
    line, state.dirty = state.dirty, []
    for queue in line:
        queue.dirty = False
        deliver(state, queue)


def deliver(state: State, queue: Queue) -> None:
    """Hand out what consumers take, up to one turn's worth; then answer those that wanted to know that this was all."""
    consumers = queue.consumers
    count = len(consumers)
    budget = state.limits.deliveries_per_turn_max
    idle = 0  # consumers asked in a row that took nothing
    turn = queue.turn
    while idle < count and queue.waits:
        if budget <= 0:
            state.prompt(queue)
            break
        if turn >= count:
            turn = 0
        consumer = consumers[turn]
        turn += 1
        session = consumer.session
        ref = None
        if consumer.credits > 0 and (session.flows or (consumer.browses and session.reachable)):
            ref = queue.pop() if consumer.cursor is None else _next_match(state, consumer)
        if ref is None:
            idle += 1
            continue
        budget -= 1 + (len(ref.message) >> 12)
        idle = 0
        if ref.expiration and ref.expiration <= state.now:
            _expire(state, consumer, ref)
        else:
            _hand_out(state, consumer, ref)
    queue.turn = turn
    if queue.forced and not queue.dirty:
        _answer_forced(state, queue)


def _next_match(state: State, consumer: Consumer) -> Ref | None:
    """The next message that the consumer's filter lets through; taken from the queue unless it only browses."""
    cursor = consumer.cursor
    assert cursor is not None
    budget = state.limits.examined_per_turn_max
    while (ref := cursor.pop()) is not None:
        if consumer.filter is None or accepts(consumer.filter, ref.message):
            if not consumer.browses:
                consumer.queue.remove(ref)
            return ref
        budget -= 1
        if not budget:
            state.prompt(consumer.queue)
            return None
    return None


def _expire(state: State, consumer: Consumer, ref: Ref) -> None:
    if consumer.browses:
        consumer.queue.remove(ref)
    returns.expire(state, consumer.queue, ref)


def _hand_out(state: State, consumer: Consumer, ref: Ref) -> None:
    session = consumer.session
    channel = session.channel
    if not consumer.browses:
        ref.deliveries += 1
        if session.pre_acknowledges:
            state.store.finish(consumer.queue, ref)
            consumer.queue.used = True
        else:
            consumer.unacked[ref.id] = ref
            consumer.queue.in_delivery += 1
    frame = hot.receive_frame(channel.channel, ref.message, consumer.id, ref.deliveries)
    consumer.credits -= len(frame)
    channel.send_frame(frame)
    if not session.link.has_output:
        state.wrote(session.link)
    if session.counts and channel.buffered_bytes > state.limits.resend_pause_bytes:
        session.crowded = True
        session.update_flow()


def _answer_forced(state: State, queue: Queue) -> None:
    """The marker needs no credits, and comes to a stopped session, too."""
    asked, queue.forced = queue.forced, []
    for consumer, sequence in asked:
        session = consumer.session
        if session.consumers.get(consumer.id) is consumer:
            marker = forced_delivery_marker(state.store.next_id(), queue.config.name, sequence)
            session.channel.send_frame(hot.receive_frame(session.channel.channel, marker, consumer.id, 0))
            state.wrote(session.link)
