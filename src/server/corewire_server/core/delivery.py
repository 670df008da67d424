"""
Handing out: which message goes to which consumer, when.

Queues with something to do stand in line (``State.prompt``) and are served at the end of the input. A queue asks its consumers
in turn, one message each, until nobody takes any more: no credits, stopped, detached, paused, or nothing left that it wants.
One turn of one queue is bounded; what is left is done in the next step, which comes at once.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from corewire.wire import hot
from corewire_server.core import returns
from corewire_server.core.consumers import UNLIMITED
from corewire_server.core.made import forced_delivery_marker
from corewire_server.core.matching import Values, accepts

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
    state.examinations = state.limits.examined_per_turn_max
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
        used = 0
        if consumer.credits > 0 and (session.flows or (consumer.browses and session.reachable)):
            used = _hand_out(state, consumer, budget if count == 1 else 1)
        budget -= used
        idle = 0 if used else idle + 1
    queue.turn = turn
    queue.tidy()
    if queue.forced:
        _answer_forced(state, queue)


def _next_match(state: State, consumer: Consumer) -> Ref | None:
    """The next message that the consumer's filter lets through; taken from the queue unless it only browses."""
    cursor = consumer.cursor
    assert cursor is not None
    if state.examinations > 0:
        for ref in cursor:
            if ref is None:
                state.examinations -= 1
            elif consumer.filter is None or accepts(consumer.filter, Values(ref.message)):
                if not consumer.browses:
                    consumer.queue.remove(ref)
                return ref
            else:
                state.examinations -= 1 + (len(ref.message) >> 12)
            if state.examinations <= 0:
                break
        else:
            return None
    state.prompt(consumer.queue)
    return None


def _expire(state: State, consumer: Consumer, ref: Ref) -> None:
    if consumer.browses:
        consumer.queue.remove(ref)
    returns.expire(state, consumer.queue, ref)


def _hand_out(state: State, consumer: Consumer, budget: int) -> int:
    """Hand out what one consumer takes, within the budget of a turn. Returns how much of it was used: 0 if it took nothing."""
    queue, session, unacked = consumer.queue, consumer.session, consumer.unacked
    channel, browses, pre_acknowledges = session.channel, consumer.browses, session.pre_acknowledges
    pop = queue.pop if consumer.cursor is None else partial(_next_match, state, consumer)
    frame_of = hot.receive_frames(channel.channel, consumer.id)
    frames: list[bytes] = []
    now, used, credits_left = state.now, 0, consumer.credits
    room = session.pause_bytes - channel.buffered_bytes if session.counts else UNLIMITED
    while used < budget and credits_left > 0 and room >= 0:
        ref = pop()
        if ref is None:
            break
        used += 1 + (len(ref.message) >> 12)
        if ref.expiration and ref.expiration <= now:
            _expire(state, consumer, ref)
            continue
        if not browses:
            ref.deliveries += 1
            if pre_acknowledges:
                state.store.finish(queue, ref)
                queue.used = True
            else:
                unacked[ref.id] = ref
                queue.in_delivery += 1
        frame = frame_of(ref.message, ref.deliveries)
        size = len(frame)
        credits_left -= size
        room -= size
        frames.append(frame)
    if frames:
        consumer.credits = credits_left
        channel.send_frames(frames)
        state.wrote(session.link)
    if room < 0:
        session.crowded = True
        session.update_flow()
    return used


def _answer_forced(state: State, queue: Queue) -> None:
    """
    The marker needs no credits, and comes to a stopped session, too.

    It says that nothing waits for the consumer. So it has to wait itself while something might and cannot be handed out just
    now: the turn is not over, or the link is lost or blocked, or too much is unconfirmed. Clients wait for the last marker
    that they asked for, so of each consumer only that one is kept.
    """
    asked, queue.forced = queue.forced, []
    later: dict[Consumer, int] = {}
    for consumer, sequence in asked:
        session = consumer.session
        if queue.dirty or (queue.waits and not session.reachable):
            later[consumer] = sequence
            continue
        marker = forced_delivery_marker(state.store.next_id(), queue.config.name, sequence)
        session.channel.send_frame(hot.receive_frame(session.channel.channel, marker, consumer.id, 0))
        state.wrote(session.link)
    queue.forced = list(later.items())
