"""
The whole volatile state, taken in one step and written down while the broker goes on: for a node that joins, and for the
digest by which two nodes compare themselves.

Taking it copies what can change: a few words per session, and of each message that waits or is delivered a reference and its
count. Bytes are shared. What was taken is a list of parts in the order in which ``restoring.py`` reads them.

Objects that several others share are named: links by number, queues by id, sessions by name. Order that can reach the wire is
kept everywhere. What only saves work (routes, remembered properties, tombstones) is left out and built anew.
"""

from __future__ import annotations

from dataclasses import fields
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Final, TypeAlias

from corewire._channel import ChannelSnapshot
from corewire._connection import ConnectionSnapshot
from corewire_server.core import snapshot_form as form
from corewire_server.core.machine import MACHINE_VERSION
from corewire_server.core.plain import Plain
from corewire_server.core.records import queue_to_plain
from corewire_server.core.snapshot_form import RefsCopy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from corewire.values import QueueConfiguration
    from corewire_server.core.addresses import Address
    from corewire_server.core.consumers import Consumer
    from corewire_server.core.link import Link
    from corewire_server.core.queues import Fan, Queue
    from corewire_server.core.session import Session
    from corewire_server.core.state import State
    from corewire_server.core.transactions import Sent

MAGIC: Final = "corewire snapshot"  # the name of the first table
EFFECTS: Final = "effects"  # of the last, which only a snapshot has, not a digest

_CHANNEL: Final = tuple(field.name for field in fields(ChannelSnapshot) if field.name != "frames")
_CONNECTION: Final = tuple(field.name for field in fields(ConnectionSnapshot) if field.name not in ("timers", "out"))
_ITEMS: Final = 256  # in one table
_SENT_BYTES: Final = 16_384  # likewise

_Part: TypeAlias = "dict[str, Plain] | RefsCopy | Callable[[], Iterator[bytes]]"
"""A table, refs, or what makes entries later of what cannot change."""


class Snapshot:
    """A state as it was: everything that can influence a later step. It can be read more than once."""

    def __init__(self, state: State) -> None:
        self._parts: list[_Part] = [_head(state)]
        store = state.store
        self._parts += map(_address, store.addresses)
        for queue in store.queues.values():
            self._take_queue(queue)
        self._parts.append(_dropped(state))
        self._parts += map(_link, state.links.values())
        for session in state.sessions.values():
            self._take_session(session)
        self._parts += (_sessions_of(link) for link in state.links.values() if link.sessions)
        self._parts += (_consumers_of(queue) for queue in store.queues.values() if queue.consumers or queue.forced)
        for name, seen in store.duplicates.items():
            self._parts.append(partial(_duplicates, name, seen.keys(), seen.records()))
        self._parts.append(_end(state))

    def entries(self) -> Iterator[bytes]:
        """Written down, entry by entry."""
        shared: dict[Fan, int] = {}
        for part in self._parts:
            if isinstance(part, RefsCopy):
                yield from part.entries(shared)
            elif callable(part):
                yield from part()
            else:
                yield form.table(part)

    def _add(self, *parts: _Part) -> None:
        self._parts += parts

    def _take_queue(self, queue: Queue) -> None:
        order = queue.order
        values: dict[str, Plain] = {
            "table": "queue",
            "id": queue.id,
            "place": [queue.sequence, queue.turn, queue.in_delivery],
            "owner": None if queue.owner is None else queue.owner.number,
            "flags": [queue.used, queue.marked, queue.transient, queue.dirty],
            "idle_since": queue.idle_since,
            "order": None if order is None else [order.returns, *order.levels],
        }
        self._add(partial(_queue, values, queue.config))
        if order is not None:
            self._add(partial(form.numbers, order.came_back()))
        self._add(RefsCopy(queue.waiting.refs()))
        if queue.stuck:
            self._add({"table": "stuck", "queue": queue.id}, RefsCopy(list(queue.stuck)))

    def _take_session(self, session: Session) -> None:
        channel = session.channel.export()
        self._add(partial(form.frames, channel.frames), _session(session, channel))
        for consumer in session.consumers.values():
            self._add(_consumer(consumer), RefsCopy(list(consumer.unacked.values())))
        for queue_id, run in groupby(session.transaction.acked, lambda item: item[0].id):
            self._add({"table": "acked", "queue": queue_id}, RefsCopy([ref for _, ref in run]))
        if session.transaction.sent:
            self._add(partial(_sents, list(session.transaction.sent)))


def _head(state: State) -> dict[str, Plain]:
    return {
        "table": MAGIC,
        "version": MACHINE_VERSION,
        "now": state.now,
        "room": state.room,
        "timers": [state.next_tick, state.next_grace, state.next_reap],
        "missing": dict[str, Plain](state.missing),
        "pair": [state.live, state.backup, state.event_id],
        "records": [list[Plain](record) for record in state.store.records],
    }


def _address(address: Address) -> dict[str, Plain]:
    return {
        "table": "address",
        "id": address.id,
        "name": address.name,
        "types": [int(one) for one in sorted(address.routing_types)],
        "flags": [address.auto_created, address.temporary, address.used, address.marked],
        "turn": address.turn,
        "idle_since": address.idle_since,
    }


def _queue(values: dict[str, Plain], config: QueueConfiguration) -> Iterator[bytes]:
    yield form.table({**values, "config": queue_to_plain(config)})


def _dropped(state: State) -> dict[str, Plain]:
    """Deleted queues that transactions still know, and how many of their messages are in delivery."""
    known: dict[int, Queue] = {}
    for session in state.sessions.values():
        known.update((queue.id, queue) for queue, _ in session.transaction.acked if queue.dropped)
        known.update((queue.id, queue) for sent in session.transaction.sent for queue in sent.queues if queue.dropped)
    return {"table": "dropped", "queues": [[queue.id, queue.in_delivery] for queue in known.values()]}


def _link(link: Link) -> dict[str, Plain]:
    connection = link.connection.export()
    return {
        "table": "link",
        "number": link.number,
        "remote": link.remote,
        "flags": [link.alive, link.blocked, link.subscribed],
        "client_id": link.client_id,
        "user": link.user,
        "waits_until": link.waits_until,
        "connection": {name: getattr(connection, name) for name in _CONNECTION},
        "timers": [list[Plain](timer) for timer in connection.timers],
        "out": list[Plain](connection.out),
        "owned": [queue.id for queue in link.owned.values()],
    }


def _session(session: Session, channel: ChannelSnapshot) -> dict[str, Plain]:
    failure = session.transaction.failure
    return {
        "table": "session",
        "name": session.name,
        "link": session.link.number,
        "channel": {name: getattr(channel, name) for name in _CHANNEL},
        "user": session.user,
        "modes": [session.auto_sends, session.auto_acks, session.pre_acknowledges],
        "flags": [session.started, session.crowded, session.doubles],
        "default_address": session.default_address,
        "metadata": dict[str, Plain](session.metadata),
        "asynchronous": [session.last_async, list(session.async_gaps)],
        "early": None if session.early is None else [list[Plain](session.early.held), session.early.ticks],
        "last_ack": session.last_ack,
        "credits": session.credits,
        "refusals": session.refusals,
        "credit_requests": [list[Plain](request) for request in session.credit_requests],
        "transaction": session.transaction.bytes,
        "failure": None if failure is None else [int(failure.code), failure.text],
    }


def _consumer(consumer: Consumer) -> dict[str, Plain]:
    return {
        "table": "consumer",
        "id": consumer.id,
        "queue": consumer.queue.id,
        "filter": None if consumer.filter is None else consumer.filter.text,
        "browses": consumer.browses,
        "credits": consumer.credits,
        "cursor": None if consumer.cursor is None else [list[Plain](place) for place in consumer.cursor.export()],
    }


def _sents(sents: list[Sent]) -> Iterator[bytes]:
    block: list[Plain] = []
    size = 0
    for sent in sents:
        queues: list[Plain] = [queue.id for queue in sent.queues]
        block.append([*sent[:5], queues, sent.address, sent.duplicate_id])
        size += len(sent.message)
        if size > _SENT_BYTES or len(block) == _ITEMS:
            yield form.table({"table": "sent", "messages": block})
            block, size = [], 0
    if block:
        yield form.table({"table": "sent", "messages": block})


def _sessions_of(link: Link) -> dict[str, Plain]:
    """In their order, and those that are attached in theirs."""
    sessions: list[Plain] = [session.name for session in link.sessions.values()]
    return {
        "table": "sessions of link",
        "link": link.number,
        "sessions": sessions,
        "channels": list[Plain](link.connection.channels),
    }


def _consumers_of(queue: Queue) -> dict[str, Plain]:
    return {
        "table": "consumers of queue",
        "queue": queue.id,
        "consumers": [_name(consumer) for consumer in queue.consumers],
        "forced": [[_name(consumer), sequence] for consumer, sequence in queue.forced],
    }


def _name(consumer: Consumer) -> list[Plain]:
    return [consumer.session.name, consumer.id]


def _duplicates(name: str, keys: list[bytes], records: list[int]) -> Iterator[bytes]:
    for at in range(0, len(keys), _ITEMS):
        end = at + _ITEMS
        columns: list[Plain] = [list[Plain](keys[at:end]), list[Plain](records[at:end])]
        yield form.table({"table": "duplicates", "address": name, "ids": columns})


def _end(state: State) -> dict[str, Plain]:
    store = state.store
    return {
        "table": "end",
        "ids": [store.last_id, store.ids_kept, store.bytes],
        "dirty": [queue.id for queue in state.dirty],
        "starved": list(state.starved),
    }
