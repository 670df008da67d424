"""How consumers, sessions and links end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire.wire import packets, registry
from corewire_server.core import naming, returns
from corewire_server.core.transactions import Transaction

if TYPE_CHECKING:
    from corewire_server.core.consumers import Consumer
    from corewire_server.core.link import Link
    from corewire_server.core.queues import Queue, Ref
    from corewire_server.core.session import Session
    from corewire_server.core.state import State


def close_consumer(state: State, consumer: Consumer, *, failed: bool) -> None:
    """A consumer goes; what it had not acknowledged returns, seen if its connection failed."""
    refs = consumer.leave()
    state.store.interest_chars -= consumer.interest
    queue = consumer.queue
    returns.give_back(state, queue, refs, seen=failed)
    if consumer.browses:
        if queue.transient and not queue.consumers:
            naming.drop_queue(state, queue)
        return
    queue.used = True
    if not queue.consumer_count:
        _last_consumer_left(state, queue)
    else:
        state.prompt(queue)


def _last_consumer_left(state: State, queue: Queue) -> None:
    queue.idle_since = state.now
    if queue.transient and not queue.consumers:
        naming.drop_queue(state, queue)
    elif queue.config.purge_on_no_consumers:
        state.store.purge(queue)


def roll_back(state: State, transaction: Transaction) -> None:
    """What was sent is forgotten, what was acknowledged returns; its deliveries count."""
    state.store.bytes -= transaction.bytes
    state.pledged_bytes -= transaction.pledged
    by_queue: dict[int, tuple[Queue, list[Ref]]] = {}
    for queue, ref in transaction.acked:
        by_queue.setdefault(queue.id, (queue, []))[1].append(ref)
    for queue, refs in by_queue.values():
        returns.give_back(state, queue, refs, seen=True)


def close_session(state: State, session: Session, *, failed: bool) -> None:
    """A session ends, orderly or because its connection failed. Its channel leaves the link."""
    if session.closed:
        return
    session.closed = True
    session.started = session.flows = session.reachable = False
    transaction, session.transaction = session.transaction, Transaction()
    roll_back(state, transaction)
    for consumer in list(session.consumers.values()):
        close_consumer(state, consumer, failed=failed)
    state.starved.pop(session.name, None)
    if state.sessions.get(session.name) is session:
        del state.sessions[session.name]
    if session.link.sessions.get(session.channel.channel) is session:
        del session.link.sessions[session.channel.channel]
    session.channel.close()


def lose_link(state: State, link: Link, *, wait_ms_min: int = 0) -> None:
    """The socket is gone. Sessions with a confirmation window wait for their client, for as long as the TTL says."""
    if not link.alive:
        return
    link.alive = False
    link.connection.receive_eof(state.now / 1000)
    _wait(state, link, wait_ms_min)
    for session in list(link.sessions.values()):
        if session.channel.window_bytes:
            session.update_flow()
        else:
            close_session(state, session, failed=True)
    if not link.sessions:
        forget_link(state, link)


def _wait(state: State, link: Link, wait_ms_min: int) -> None:
    ttl_s = link.connection.ttl_s
    wait_ms = state.limits.detached_without_ttl_ms if ttl_s is None else round(ttl_s * 1000)
    until = state.now + min(max(wait_ms, wait_ms_min), state.limits.detached_ms_max)
    link.waits_until = max(until, link.waits_until or 0)


def lose_all_links(state: State) -> None:
    """
    The links were another node's, which is gone. Clients can come back from now on only, so all of them have their TTL from
    now, those that were lost before as well.
    """
    for link in list(state.links.values()):
        if link.alive:
            lose_link(state, link)
        else:
            _wait(state, link, 0)


def hang_up_silent(state: State, link: Link) -> None:
    """
    Nothing came for the TTL. The socket is closed, but silence is no proof of death: a client that stood still, as a laptop
    that slept, finds its sessions with a window for another TTL.
    """
    state.closing.append(link.number)
    lose_link(state, link, wait_ms_min=state.limits.detached_after_silence_ms_min)


def fail_link(state: State, link: Link) -> None:
    """A link is beyond use: its sessions end with it."""
    for session in list(link.sessions.values()):
        close_session(state, session, failed=True)
    forget_link(state, link)


def forget_link(state: State, link: Link) -> None:
    """A link without sessions ends, and what belonged to the connection; its socket is closed, if it is there."""
    drop_temporary_queues(state, link)
    link.connection.close(state.now / 1000)
    if link.alive:
        link.alive = False
        state.wrote(link)
        state.closing.append(link.number)
    state.links.pop(link.number, None)


def inherit(state: State, old: Link, new: Link) -> None:
    """A session moved: what belongs to the connection goes with the first of them; an empty old link is closed."""
    new.client_id = new.client_id or old.client_id
    new.user = new.user or old.user
    for queue in old.owned.values():
        queue.owner = new
    new.owned.update(old.owned)
    old.owned.clear()
    if not old.sessions:
        forget_link(state, old)


def drop_temporary_queues(state: State, link: Link) -> None:
    """The temporary queues of a connection end with it, their consumers notwithstanding."""
    for queue in list(link.owned.values()):
        for consumer in list(queue.consumers):
            _disconnect(state, consumer)
        naming.drop_queue(state, queue)


def _disconnect(state: State, consumer: Consumer) -> None:
    """Tell a client that its consumer is no more."""
    session = consumer.session
    refs = consumer.leave()
    state.store.interest_chars -= consumer.interest
    returns.give_back(state, consumer.queue, refs, seen=True)
    session.channel.send_frame(
        registry.encode(packets.DisconnectConsumer(consumer.id), session.channel.channel, session.version)
    )
    state.wrote(session.link)
