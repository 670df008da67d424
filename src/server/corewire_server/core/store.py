"""
The durable part of the state: addresses, queues, messages in them, duplicate ids, the id generator.

Every change goes through a method here, which writes the record and changes memory; recovery (``recovery.py``) calls the
methods that change memory with what it reads from records. So both know one meaning of each record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from corewire_server.core import records
from corewire_server.core.addresses import Address, Addresses
from corewire_server.core.duplicates import Duplicates
from corewire_server.core.filters import interest_of
from corewire_server.core.queues import REF_BYTES, Fan, Queue, Ref, is_kept
from corewire_server.records import Op

if TYPE_CHECKING:
    from collections.abc import Sequence

    from corewire.values import QueueConfiguration, RoutingType
    from corewire_server.core.config import CoreConfig
    from corewire_server.core.filters import Filter
    from corewire_server.records import Record

_IDS_AHEAD: Final = 1 << 20
_DELIVERIES_EXACT: Final = 128  # each is one more record for as long as the message lives; from here on powers of two


def noted_deliveries(count: int) -> int:
    """What the journal knows of a message that came back with this count."""
    return count if count <= _DELIVERIES_EXACT else 1 << (count.bit_length() - 1)


class Store:
    """What is in the broker, and the records that bring it back after a restart."""

    def __init__(self, config: CoreConfig) -> None:
        self.config = config
        self.addresses = Addresses(
            wildcards=config.wildcards,
            routes_max=config.limits.strings_max,
            name_chars_max=config.limits.name_chars_max,
        )
        self.queues: dict[str, Queue] = {}
        self.duplicates: dict[str, Duplicates] = {}
        self.records: list[Record] = []  # of this step
        self.bytes = 0  # of all messages
        self.interest_chars = 0  # of all filters, and so much per consumer
        self.last_id = 0
        self.ids_kept = 0  # the limit in the journal

    # -- ids ---------------------------------------------------------------------------------------------------------

    def next_id(self) -> int:
        """An id that was never given out before, nor before a restart."""
        last = self.last_id = self.last_id + 1
        if last < self.ids_kept:
            return last
        self._keep_ids()
        return self.last_id

    def _keep_ids(self) -> None:
        if self.ids_kept:
            self.records.append(records.delete(self.ids_kept))
            self.last_id = max(self.last_id, self.ids_kept + 1)  # the limit itself is the id of its record
        self.ids_kept = self.last_id + _IDS_AHEAD
        self.records.append(records.ids(self.ids_kept))

    def put_ids(self, limit: int) -> None:
        """Nothing above the limit was given out."""
        self.last_id = self.ids_kept = max(limit, self.last_id)

    # -- addresses ---------------------------------------------------------------------------------------------------

    def add_address(
        self, name: str, routing_types: frozenset[RoutingType], *, auto_created: bool, temporary: bool = False
    ) -> Address:
        """Make an address."""
        address_id = self.next_id()
        if not temporary:
            self.records.append(records.address(Op.ADD, address_id, name, routing_types, auto_created=auto_created))
        return self.put_address(address_id, name, routing_types, auto_created=auto_created, temporary=temporary)

    def put_address(
        self,
        address_id: int,
        name: str,
        routing_types: frozenset[RoutingType],
        *,
        auto_created: bool,
        temporary: bool = False,
    ) -> Address:
        """There is this address now, or it has these routing types now."""
        address = self.addresses.get(name)
        if address is None:
            address = Address(address_id, name, routing_types, auto_created=auto_created, temporary=temporary)
            self.addresses.add(address)
        else:
            address.routing_types = routing_types
        return address

    def keep_address(self, address: Address, *, auto_created: bool) -> None:
        """A temporary address becomes one that survives: something is to be there that does."""
        address.temporary, address.auto_created = False, auto_created
        self.addresses.renew(address)
        record = records.address(Op.ADD, address.id, address.name, address.routing_types, auto_created=auto_created)
        self.records.append(record)

    def change_address(self, address: Address, routing_types: frozenset[RoutingType]) -> None:
        """Give an address other routing types."""
        if not address.temporary:
            record = records.address(
                Op.UPDATE, address.id, address.name, routing_types, auto_created=address.auto_created
            )
            self.records.append(record)
        address.routing_types = routing_types

    def remove_address(self, address: Address) -> None:
        """Forget an address that has no queues, and the duplicate ids seen there."""
        if not address.temporary:
            self.records.append(records.delete(address.id))
        self.forget_duplicates(address.name)
        self.addresses.remove(address)

    # -- queues ------------------------------------------------------------------------------------------------------

    def add_queue(self, config: QueueConfiguration, address: Address, queue_filter: Filter | None) -> Queue:
        """Make a queue on an address."""
        queue_id = self.next_id()
        if is_kept(config):
            self.records.append(records.queue(queue_id, config))
        return self.put_queue(queue_id, config, address, queue_filter)

    def put_queue(
        self, queue_id: int, config: QueueConfiguration, address: Address, queue_filter: Filter | None
    ) -> Queue:
        """There is this queue now."""
        queue = Queue(queue_id, config, address, queue_filter)
        self.interest_chars += interest_of(queue_filter)
        self.queues[config.name] = queue
        self.addresses.bind(queue)
        return queue

    def remove_queue(self, queue: Queue) -> None:
        """Forget a queue that has no consumers, with all that waits in it."""
        self.purge(queue)
        if queue.keeps:
            self.records.append(records.delete(queue.id))
        self.put_removed(queue)
        if not queue.address.queues:
            self.forget_duplicates(queue.address.name)

    def put_removed(self, queue: Queue) -> None:
        """There is no such queue any more."""
        del self.queues[queue.config.name]
        self.interest_chars -= interest_of(queue.filter)
        self.addresses.unbind(queue)

    def purge(self, queue: Queue) -> None:
        """End all that waits in a queue."""
        while (ref := queue.pop()) is not None:
            self.finish(queue, ref)
        stuck, queue.stuck = queue.stuck, []
        for ref in stuck:
            self.finish(queue, ref)

    # -- messages ----------------------------------------------------------------------------------------------------

    def add_message(
        self, message_id: int, message: bytes, durable: bool, priority: int, expiration: int, queues: Sequence[Queue]
    ) -> None:
        """Put a message into queues, at least one."""
        if len(queues) == 1:
            self.add_to_one(message_id, message, durable, priority, expiration, queues[0])
            return
        kept = [queue.id for queue in queues if queue.keeps] if durable else []
        if kept:
            self.records.append(records.message(message_id, message, kept))
        self.put_message(message_id, message, priority, expiration, queues, kept)

    def add_to_one(
        self, message_id: int, message: bytes, durable: bool, priority: int, expiration: int, queue: Queue
    ) -> None:
        """Put a message into one queue."""
        keep = durable and queue.keeps
        if keep:
            self.records.append(records.message_in_one(message_id, message, queue.raw_id))
        self.bytes += len(message) + REF_BYTES
        queue.put(Ref(message_id, message, priority, expiration, keep, None))

    def put_message(
        self,
        message_id: int,
        message: bytes,
        priority: int,
        expiration: int,
        queues: Sequence[Queue],
        kept: Sequence[int],
    ) -> list[Ref]:
        """The message is in these queues now, in those of ``kept`` durably."""
        self.bytes += len(message) + REF_BYTES * len(queues)
        fan = Fan(len(queues), len(kept)) if len(queues) > 1 else None
        refs: list[Ref] = []
        for queue in queues:
            ref = Ref(message_id, message, priority, expiration, queue.id in kept, fan)
            queue.put(ref)
            refs.append(ref)
        return refs

    def finish(self, queue: Queue, ref: Ref) -> None:
        """A queue is done with a message that it gave out: acknowledged, expired, dropped."""
        fan = ref.fan
        if fan is None:
            if ref.kept:
                self.records.append(records.delete(ref.id))
            self.bytes -= REF_BYTES + len(ref.message)
            return
        if ref.kept:
            self.records.append(records.delete(ref.id) if fan.kept == 1 else records.taken(ref.id, queue.id))
        self.put_finished(ref)

    def put_finished(self, ref: Ref) -> None:
        """The message is not in this queue any more."""
        fan = ref.fan
        self.bytes -= REF_BYTES
        if fan is None:
            self.bytes -= len(ref.message)
            return
        fan.kept -= ref.kept
        fan.refs -= 1
        if not fan.refs:
            self.bytes -= len(ref.message)

    def note_deliveries(self, queue: Queue, ref: Ref) -> None:
        """Keep how often a message was delivered that comes back; of one that comes back for ever, now and then."""
        count = ref.deliveries
        if ref.kept and count == noted_deliveries(count):
            self.records.append(records.deliveries(ref.id, queue.id, count))

    # -- duplicate ids -----------------------------------------------------------------------------------------------

    def is_duplicate(self, address: str, key: bytes) -> bool:
        """Whether this duplicate id was used at this address."""
        seen = self.duplicates.get(address)
        return seen is not None and key in seen

    def add_duplicate(self, address: str, key: bytes) -> None:
        """Remember a duplicate id of an address that exists; the oldest goes when there is no room."""
        if not self.config.id_cache_size or self.addresses.get(address) is None:
            return
        record_id = self.next_id()
        self.records.append(records.duplicate(record_id, address, key))
        gone = self.put_duplicate(record_id, address, key)
        if gone is not None:
            self.records.append(records.delete(gone))

    def put_duplicate(self, record_id: int, address: str, key: bytes) -> int | None:
        """The id is known now. Returns the record of the one that is forgotten for it."""
        seen = self.duplicates.get(address)
        if seen is None:
            seen = self.duplicates[address] = Duplicates(self.config.id_cache_size)
        return seen.add(key, record_id)

    def forget_duplicates(self, address: str) -> None:
        """The address is gone, or its last queue."""
        seen = self.duplicates.pop(address, None)
        if seen is not None:
            self.records.extend(records.delete(record_id) for record_id in seen.records())
