"""
What happens by the clock, and when links open or everything stops.

One tick does it all: silence is judged, confirmations are flushed, messages expire, what was made by itself and is not used
goes. Between ticks only a link's grace asks to be heard (``corewire._connection``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire._farewell import Farewell
from corewire._states import LinkState
from corewire.events import DisconnectReason
from corewire_server.core import closing, dispatch, early, naming, returns
from corewire_server.core.link import Link

if TYPE_CHECKING:
    from collections.abc import Iterator

    from corewire_server.core.addresses import Address
    from corewire_server.core.queues import Queue
    from corewire_server.core.state import State
    from corewire_server.core.transactions import Sent


def open_link(state: State, number: int, remote: str) -> None:
    """A client connected."""
    if len(state.links) >= state.limits.links_max:
        state.log("warning", f"{remote}: link closed: this broker has {state.limits.links_max} links, its limit")
        state.closing.append(number)
        return
    state.links[number] = Link.opened(number, remote, state.now, state.config)


def block_link(state: State, number: int, *, blocked: bool) -> None:
    """A client stopped taking what is written, or takes it again: its consumers are passed over, or served."""
    link = state.links.get(number)
    if link is None:
        return
    link.blocked = blocked
    for session in link.sessions.values():
        session.update_flow()
        for consumer in session.consumers.values():
            state.prompt(consumer.queue)


def take_over(state: State, epoch: int) -> None:
    """This node serves now, and the links of the other one are lost."""
    living = sum(link.alive for link in state.links.values())
    state.log(
        "info", f"serving in epoch {epoch}: {living} links of the other node are lost, their clients may come back"
    )
    closing.lose_all_links(state)


def next_timeout(state: State) -> int | None:
    """When to come back: at once while work is left, for a link's grace, for the next tick; None while there is nothing.

    Nothing changes here: how often a driver asks must not make two nodes differ.
    """
    if state.dirty:
        return state.now
    if not _anything(state):
        return None
    if state.next_tick is None:  # recovered, and not stepped since
        return state.now
    return state.next_tick if state.next_grace is None else min(state.next_tick, state.next_grace)


def schedule(state: State) -> None:
    """After a step: the clock ticks while there is anything."""
    if not _anything(state):
        state.next_tick = None
    elif state.next_tick is None:
        state.next_tick = state.now + state.config.tick_ms


def _anything(state: State) -> bool:
    return bool(state.links or state.store.queues or state.store.addresses)


def run(state: State) -> None:
    """The time that was wanted has come, or not."""
    due = next_timeout(state)
    if due is None or state.now < due or state.next_tick is None:
        return
    stood_still = state.now >= state.next_tick + state.config.tick_ms
    state.next_grace = None
    for link in list(state.links.values()):
        _check_link(state, link, stood_still=stood_still)
    if state.now < state.next_tick:
        return
    state.next_tick = state.now + state.config.tick_ms
    for session in list(state.sessions.values()):
        if session.channel.buffered_bytes > state.limits.resend_bytes_max:
            state.log(
                "warning", f"{session.link.remote}: session {session.name} is closed: too much of it is unconfirmed"
            )
            closing.close_session(state, session, failed=True)
        elif early.tick(session):
            dispatch.on_overdue(state, session)
    _expire_overdue(state)
    if state.now >= state.next_reap:
        state.next_reap = state.now + state.config.reap_ms
        _reap(state)


def _expire_overdue(state: State) -> None:
    """A turn's worth of what is past its time; if there is more, it wants to be woken at once."""
    budget = state.limits.expired_per_turn_max
    for queue in list(state.store.queues.values()):
        for ref in queue.expired(state.now, budget):
            returns.expire(state, queue, ref)
            budget -= 1
        if budget <= 0:
            state.next_tick = state.now
            return


def _check_link(state: State, link: Link, *, stood_still: bool) -> None:
    if not link.alive:
        if link.waits_until is None:
            return
        if stood_still:  # its client may be waiting at the door
            link.waits_until = max(link.waits_until, state.now + 2 * state.config.tick_ms)
        if state.now >= link.waits_until:
            closing.fail_link(state, link)
        return
    if link.connection.handle_timeout(state.now / 1000):
        state.log("warning", f"{link.remote}: link closed: nothing came for its time to live")
        closing.hang_up_silent(state, link)
        return
    state.wrote(link)
    deadline = link.connection.next_timeout()
    if deadline is not None:
        due = max(round(deadline * 1000), state.now + 1)
        state.next_grace = due if state.next_grace is None else min(due, state.next_grace)


# -- automatic deletion ----------------------------------------------------------------------------------------------


def _reap(state: State) -> None:
    """Marked in one scan, deleted in the next if nothing changed and no open transaction sends there."""
    store = state.store
    queues = [queue for queue in store.queues.values() if _is_due(queue, unused=_queue_unused(state, queue))]
    if queues:
        awaiting = {queue.id for sent in _uncommitted(state) for queue in sent.queues}
        for queue in queues:
            if queue.id in awaiting:
                queue.marked = False
            else:
                naming.drop_queue(state, queue)
    addresses = [address for address in store.addresses if _is_due(address, unused=_address_unused(state, address))]
    if addresses:
        names = {sent.address for sent in _uncommitted(state)}
        for address in addresses:
            if address.name in names:
                address.marked = False
            else:
                store.remove_address(address)


def _is_due(one: Queue | Address, *, unused: bool) -> bool:
    """Whether it was unused in the last scan, too; mark it for the next."""
    due = unused and one.marked
    one.marked = unused
    return due


def _uncommitted(state: State) -> Iterator[Sent]:
    """All that open transactions sent."""
    return (sent for session in state.sessions.values() for sent in session.transaction.sent)


def _queue_unused(state: State, queue: Queue) -> bool:
    config = queue.config
    most = config.auto_delete_message_count or 0
    delay = config.auto_delete_delay_ms or 0
    idle = queue.idle_since is None or state.now - queue.idle_since >= delay
    few = most == -1 or queue.message_count <= most
    return bool(config.auto_delete) and queue.used and not queue.consumers and idle and few


def _address_unused(state: State, address: Address) -> bool:
    settings = state.config.addresses
    idle = address.idle_since is None or state.now - address.idle_since >= settings.auto_delete_addresses_delay_ms
    return settings.auto_delete_addresses and address.auto_created and address.used and not address.queues and idle


# -- the end ---------------------------------------------------------------------------------------------------------


def say_goodbye(state: State) -> None:
    """An orderly stop: every client is told, its sessions end as if their connection had failed."""
    farewell = Farewell(state.node_id, DisconnectReason.SCALE_DOWN)  # an ordinary stop, as Artemis calls it
    for link in list(state.links.values()):
        if link.alive and link.connection.state is LinkState.OPEN:
            link.connection.disconnect(state.now / 1000, farewell)
        closing.fail_link(state, link)
