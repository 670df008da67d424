"""From records back to memory: the same methods of ``Store`` that normal running uses, fed with what the journal kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire.values import RoutingType
from corewire.wire.message import CoreMessage
from corewire_server.core import records
from corewire_server.core.filters import Filter
from corewire_server.core.records import Kind
from corewire_server.records import Op

if TYPE_CHECKING:
    from collections.abc import Iterable

    from corewire_server.core.addresses import Address
    from corewire_server.core.queues import Queue, Ref
    from corewire_server.core.store import Store
    from corewire_server.records import Record


class Recovery:
    """Loads records into an empty store. What lost its queue is deleted with the first step."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._queues: dict[int, Queue] = {}
        self._addresses: dict[int, Address] = {}
        self._refs: dict[int, dict[int, Ref]] = {}  # by message, by queue
        self._duplicates: dict[int, tuple[str, bytes]] = {}

    def load(self, kept: Iterable[Record]) -> None:
        """Take all records, in order. Raises ValueError for one that cannot be read."""
        for record in kept:
            if record.op == Op.DELETE:
                self._delete(record.id)
            elif record.op in (Op.ADD, Op.UPDATE):
                self._apply(record)
            else:
                raise ValueError(f"record {record.id}: operation {record.op} is not known to this version")
        self._finish()

    def _apply(self, record: Record) -> None:
        store, body = self._store, record.body
        match record.kind:
            case Kind.IDS:
                store.put_ids(record.id)
            case Kind.ADDRESS:
                name, types, auto_created = records.read_address(body)
                self._addresses[record.id] = store.put_address(record.id, name, types, auto_created=auto_created)
            case Kind.QUEUE:
                self._add_queue(record.id, body)
            case Kind.MESSAGE:
                self._add_message(record.id, body)
            case Kind.TAKEN:
                self._take(record.id, records.read_taken(body))
            case Kind.DELIVERIES:
                queue_id, count = records.read_deliveries(body)
                ref = self._refs.get(record.id, {}).get(queue_id)
                if ref is not None:
                    ref.deliveries = count
            case Kind.DUPLICATE:
                name, key = records.read_duplicate(body)
                self._duplicates[record.id] = (name, key)
                store.put_duplicate(record.id, name, key)
            case unknown:
                raise ValueError(f"record {record.id}: kind {unknown} is not known to this version")

    def _add_queue(self, queue_id: int, body: bytes) -> None:
        store = self._store
        config = records.queue_from_bytes(body)
        name = config.address or config.name
        address = store.addresses.get(name)
        if address is None:
            types = frozenset((config.routing_type or RoutingType.MULTICAST,))
            address = store.put_address(queue_id, name, types, auto_created=True)
        queue = store.put_queue(queue_id, config, address, Filter.parse(config.filter_string))
        queue.used = True
        self._queues[queue_id] = queue

    def _add_message(self, message_id: int, body: bytes) -> None:
        queue_ids, raw = records.read_message(body)
        queues = [self._queues[one] for one in queue_ids if one in self._queues]
        if not queues:
            self._refs[message_id] = {}
            return
        message = CoreMessage(raw)
        kept = [queue.id for queue in queues]
        refs = self._store.put_message(message_id, raw, message.priority, message.expiration, queues, kept)
        self._refs[message_id] = dict(zip(kept, refs, strict=True))

    def _take(self, message_id: int, queue_id: int) -> None:
        refs = self._refs.get(message_id)
        ref = None if refs is None else refs.pop(queue_id, None)
        if ref is not None:
            self._queues[queue_id].remove(ref)
            self._store.put_finished(ref)

    def _delete(self, record_id: int) -> None:
        store = self._store
        refs = self._refs.pop(record_id, None)
        if refs is not None:
            for queue_id, ref in refs.items():
                self._queues[queue_id].remove(ref)
                store.put_finished(ref)
            return
        queue = self._queues.pop(record_id, None)
        if queue is not None:
            self._delete_queue(queue)
        address = self._addresses.pop(record_id, None)
        if address is not None and not address.queues and store.addresses.get(address.name) is address:
            store.addresses.remove(address)
        known = self._duplicates.pop(record_id, None)
        if known is not None:
            store.duplicates[known[0]].discard(known[1], record_id)

    def _delete_queue(self, queue: Queue) -> None:
        while (ref := queue.pop()) is not None:
            self._refs[ref.id].pop(queue.id, None)
            self._store.put_finished(ref)
        self._store.put_removed(queue)

    def _finish(self) -> None:
        for name in [name for name in self._store.duplicates if self._store.addresses.get(name) is None]:
            self._store.forget_duplicates(name)
        self._store.records += [records.delete(message_id) for message_id, refs in self._refs.items() if not refs]
