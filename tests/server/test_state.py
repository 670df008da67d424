"""Whatever clients do in whatever order: the books of the broker are right, and what it keeps comes back after a restart."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from tests.server.crowd import Crowd

from corewire_server.core.queues import REF_BYTES, Queue, Ref

if TYPE_CHECKING:
    from corewire_server.core.queues import Fan
    from corewire_server.core.state import State


def audit(state: State) -> None:
    """Count everything anew and compare."""
    store = state.store
    held: list[tuple[Queue, Ref]] = []
    for session in state.sessions.values():
        held += [(consumer.queue, ref) for consumer in session.consumers.values() for ref in consumer.unacked.values()]
        held += session.transaction.acked
        assert state.links[session.link.number] is session.link
        assert session.link.sessions[session.channel.channel] is session
    in_delivery = Counter(queue.id for queue, _ in held)
    waiting = [(queue, ref) for queue in store.queues.values() for ref in queue.waiting]
    for queue in store.queues.values():
        assert queue.waits == sum(ref.waits for ref in queue.waiting), queue.config.name
        assert queue.in_delivery == in_delivery[queue.id], queue.config.name
        assert all(consumer.session.consumers[consumer.id] is consumer for consumer in queue.consumers)
        places = [(-ref.priority, ref.sequence) for ref in queue.waiting]
        assert places == sorted(set(places))
    fans: dict[int, tuple[Fan, list[Ref]]] = {}
    total = sum(session.transaction.bytes for session in state.sessions.values())
    for _, ref in [*waiting, *held]:
        total += REF_BYTES
        if ref.fan is None:
            total += len(ref.message)
        else:
            fans.setdefault(id(ref.fan), (ref.fan, []))[1].append(ref)
    for fan, refs in fans.values():
        total += len(refs[0].message)
        assert (fan.refs, fan.kept) == (len(refs), sum(ref.kept for ref in refs))
    assert store.bytes == total
    consumers = [consumer for session in state.sessions.values() for consumer in session.consumers.values()]
    filters = sum(len(queue.config.filter_string or "") for queue in store.queues.values())
    assert store.interest_chars == sum(consumer.interest for consumer in consumers) + filters
    for link in state.links.values():
        assert all(queue.owner is link and not queue.dropped for queue in link.owned.values())


def kept(state: State) -> dict[str, list[int]]:
    """Ids of what the journal has, per queue."""
    found: dict[str, list[int]] = {
        name: [ref.id for ref in queue.waiting if ref.kept] for name, queue in state.store.queues.items() if queue.keeps
    }
    for session in state.sessions.values():
        for queue, ref in session.transaction.acked:
            if ref.kept and not queue.dropped:
                found[queue.config.name].append(ref.id)
        for consumer in session.consumers.values():
            found.get(consumer.queue.config.name, []).extend(r.id for r in consumer.unacked.values() if r.kept)
    return {name: sorted(ids) for name, ids in found.items()}


@pytest.mark.parametrize("seed", range(12))
def test_the_books_are_right_after_every_act(seed: int) -> None:
    crowd = Crowd(seed)
    for _ in range(150):
        crowd.act()
        audit(crowd.world.broker.state)
    assert not [log.text for log in crowd.world.logs if log.level == "error"]
    crowd.world.settle()
    assert kept(crowd.world.restarted().broker.state) == kept(crowd.world.broker.state)
