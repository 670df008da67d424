"""
The whole volatile state as plain values: for a node that joins, and for the digest by which two nodes compare themselves.

Objects that several others share are named: links by number, queues by id, sessions by name. Order that can reach the wire is
kept everywhere. What only saves work (routes, remembered properties, tombstones) is left out; ``restoring.py`` builds it anew.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, cast

from corewire_server.core.plain import Plain
from corewire_server.core.records import queue_to_plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from corewire_server.core.addresses import Address
    from corewire_server.core.consumers import Consumer
    from corewire_server.core.link import Link
    from corewire_server.core.queues import Fan, Queue, Ref
    from corewire_server.core.session import Session
    from corewire_server.core.state import State
    from corewire_server.core.transactions import Transaction


def export(state: State) -> dict[str, Plain]:
    """Everything that can influence a later step."""
    return _Exporter().export(state)


def flat(value: Any) -> Plain:
    """A value of the engine's snapshots (dataclasses, tuples) as a plain one."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: flat(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, (tuple, list)):
        return [flat(item) for item in cast("Sequence[Any]", value)]
    assert value is None or isinstance(value, (bool, int, float, str, bytes)), type(value)
    return value


class _Exporter:
    """Numbers what is shared between refs: messages that went to several queues are written once."""

    def __init__(self) -> None:
        self._fans: dict[int, int] = {}  # identity of a fan to its number, in order of first mention
        self._shared: list[Plain] = []
        self._dropped: dict[int, Queue] = {}  # deleted queues that transactions still know

    def export(self, state: State) -> dict[str, Plain]:
        store = state.store
        sessions: list[Plain] = [self._session(session) for session in state.sessions.values()]
        queues: list[Plain] = [self._queue(queue) for queue in store.queues.values()]
        dropped: list[Plain] = [[queue.id, queue.in_delivery] for queue in self._dropped.values()]
        return {
            "now": state.now,
            "room": state.room,
            "timers": [state.next_tick, state.next_grace, state.next_reap],
            "missing": dict[str, Plain](state.missing),
            "pair": [state.live, state.backup, state.event_id],
            "ids": [store.last_id, store.ids_kept, store.bytes],
            "records": [list[Plain](record) for record in store.records],
            "addresses": [_address(address) for address in store.addresses],
            "duplicates": {
                name: [[key, kept] for key, kept in seen.items()] for name, seen in store.duplicates.items()
            },
            "links": [_link(link) for link in state.links.values()],
            "sessions": sessions,
            "queues": queues,
            "dropped": dropped,
            "shared": self._shared,
            "dirty": [queue.id for queue in state.dirty],
            "starved": list(state.starved),
        }

    def _refs(self, refs: Iterable[Ref]) -> Plain:
        return [self._ref(ref) for ref in refs]

    def _ref(self, ref: Ref) -> Plain:
        shared = None if ref.fan is None else self._fan(ref.fan, ref.message)
        message = ref.message if shared is None else None
        return [ref.id, message, shared, ref.priority, ref.expiration, ref.kept, ref.deliveries, ref.sequence]

    def _fan(self, fan: Fan, message: bytes) -> int:
        number = self._fans.get(id(fan))
        if number is None:
            number = self._fans[id(fan)] = len(self._fans)
            self._shared.append([fan.refs, fan.kept, message])
        return number

    def _queue(self, queue: Queue) -> Plain:
        return {
            "id": queue.id,
            "config": queue_to_plain(queue.config),
            "place": [queue.sequence, queue.turn, queue.in_delivery],
            "owner": None if queue.owner is None else queue.owner.number,
            "flags": [queue.used, queue.marked, queue.transient, queue.dirty],
            "idle_since": queue.idle_since,
            "waiting": self._refs(queue.waiting),
            "stuck": self._refs(queue.stuck),
            "consumers": [_name(consumer) for consumer in queue.consumers],
            "forced": [[_name(consumer), sequence] for consumer, sequence in queue.forced],
        }

    def _session(self, session: Session) -> Plain:
        return {
            "name": session.name,
            "link": session.link.number,
            "attached": session.channel.link is not None,
            "channel": flat(session.channel.export()),
            "user": session.user,
            "modes": [session.auto_sends, session.auto_acks, session.pre_acknowledges],
            "flags": [session.started, session.crowded],
            "default_address": session.default_address,
            "metadata": dict[str, Plain](session.metadata),
            "consumers": [self._consumer(consumer) for consumer in session.consumers.values()],
            "transaction": self._transaction(session.transaction),
            "asynchronous": [session.last_async, list(session.async_gaps)],
            "last_ack": session.last_ack,
            "credits": session.credits,
            "refusals": session.refusals,
            "credit_requests": [list[Plain](request) for request in session.credit_requests],
        }

    def _consumer(self, consumer: Consumer) -> Plain:
        cursor = consumer.cursor
        return {
            "id": consumer.id,
            "queue": consumer.queue.id,
            "filter": None if consumer.filter is None else consumer.filter.text,
            "browses": consumer.browses,
            "credits": consumer.credits,
            "unacked": self._refs(consumer.unacked.values()),
            "cursor": None if cursor is None else [ref.sequence for ref in cursor],
            "last": None if cursor is None else list[Plain](cursor.last),
        }

    def _transaction(self, transaction: Transaction) -> Plain:
        failure = transaction.failure
        return {
            "bytes": transaction.bytes,
            "failure": None if failure is None else [int(failure.code), failure.text],
            "acked": [[self._known(queue), self._ref(ref)] for queue, ref in transaction.acked],
            "sent": [
                [
                    *(sent.id, sent.message, sent.durable, sent.priority, sent.expiration),
                    [self._known(queue) for queue in sent.queues],
                    *(sent.address, sent.duplicate_id),
                ]
                for sent in transaction.sent
            ],
        }

    def _known(self, queue: Queue) -> int:
        if queue.dropped:
            self._dropped[queue.id] = queue
        return queue.id


def _name(consumer: Consumer) -> list[Plain]:
    return [consumer.session.name, consumer.id]


def _address(address: Address) -> Plain:
    return {
        "id": address.id,
        "name": address.name,
        "types": [int(one) for one in sorted(address.routing_types)],
        "flags": [address.auto_created, address.temporary, address.used, address.marked],
        "turn": address.turn,
        "idle_since": address.idle_since,
        "queues": [queue.id for queue in address.queues],
    }


def _link(link: Link) -> Plain:
    return {
        "number": link.number,
        "remote": link.remote,
        "flags": [link.alive, link.blocked, link.subscribed],
        "client_id": link.client_id,
        "user": link.user,
        "waits_until": link.waits_until,
        "connection": flat(link.connection.export()),
        "channels": list[Plain](link.connection.channels),
        "sessions": [session.name for session in link.sessions.values()],
        "owned": [queue.id for queue in link.owned.values()],
    }
