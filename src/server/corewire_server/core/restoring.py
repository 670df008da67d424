"""From the plain values of a snapshot back to a state that goes on where the other was (``snapshot.py``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from corewire._channel import Channel, ChannelSnapshot
from corewire._connection import Connection, ConnectionSnapshot
from corewire.errors import ErrorCode
from corewire.values import QueueConfiguration, RoutingType
from corewire_server.core.addresses import Address
from corewire_server.core.consumers import Consumer
from corewire_server.core.filters import Filter
from corewire_server.core.link import Link, connection_config
from corewire_server.core.queues import Cursor, Fan, Queue, Ref
from corewire_server.core.records import read_queue
from corewire_server.core.refusal import Refused
from corewire_server.core.session import Session
from corewire_server.core.state import State
from corewire_server.core.transactions import Sent, Transaction
from corewire_server.records import Record

if TYPE_CHECKING:
    from corewire_server.core.config import CoreConfig

_NOWHERE = QueueConfiguration(name="", address="", routing_type=RoutingType.ANYCAST, durable=False)


def load(config: CoreConfig, values: dict[str, Any]) -> State:
    """The state of a snapshot. Raises KeyError, TypeError or ValueError for what is none."""
    return _Loader(config, values).load()


class _Loader:
    def __init__(self, config: CoreConfig, values: dict[str, Any]) -> None:
        self._values = values
        self._state = State(config)
        self._config = config
        self._fans: list[tuple[Fan, bytes]] = [(Fan(refs, kept), one) for refs, kept, one in values["shared"]]
        self._queues: dict[int, Queue] = {}

    def load(self) -> State:
        values, state = self._values, self._state
        state.now, state.room = values["now"], values["room"]
        state.next_tick, state.next_grace, state.next_reap = values["timers"]
        state.missing = values["missing"]
        state.live, state.backup, state.event_id = values["pair"]
        state.store.records += [Record(*record) for record in values["records"]]
        self._load_addresses()
        self._load_queues()
        for entry in values["links"]:
            self._load_link(entry)
        for entry in values["sessions"]:
            self._load_session(entry)
        self._join()
        for name, entries in values["duplicates"].items():
            for key, kept in entries:
                state.store.put_duplicate(kept, name, key)
        state.dirty = [self._queues[one] for one in values["dirty"]]
        state.starved = {name: state.sessions[name] for name in values["starved"]}
        state.store.last_id, state.store.ids_kept, state.store.bytes = values["ids"]
        return state

    def _load_addresses(self) -> None:
        for entry in self._values["addresses"]:
            types = frozenset(RoutingType(one) for one in entry["types"])
            auto_created, temporary, used, marked = entry["flags"]
            address = Address(entry["id"], entry["name"], types, auto_created=auto_created, temporary=temporary)
            address.used, address.marked = used, marked
            address.turn, address.idle_since = entry["turn"], entry["idle_since"]
            self._state.store.addresses.add(address)

    def _load_queues(self) -> None:
        store = self._state.store
        for entry in self._values["queues"]:
            config = read_queue(entry["config"])
            address = store.addresses.get(config.address or config.name)
            assert address is not None
            queue = store.put_queue(entry["id"], config, address, Filter.parse(config.filter_string))
            for ref in self._refs(entry["waiting"]):
                queue.sequence = ref.sequence - 1
                queue.put(ref)
            queue.stuck = self._refs(entry["stuck"])
            queue.sequence, queue.turn, queue.in_delivery = entry["place"]
            queue.used, queue.marked, queue.transient, queue.dirty = entry["flags"]
            queue.idle_since = entry["idle_since"]
            self._queues[queue.id] = queue
        for entry in self._values["addresses"]:
            address = store.addresses.get(entry["name"])
            assert address is not None
            address.queues = [self._queues[one] for one in entry["queues"]]
        for queue_id, in_delivery in self._values["dropped"]:
            nowhere = Address(0, "", frozenset(), auto_created=False, temporary=True)
            queue = self._queues[queue_id] = Queue(queue_id, _NOWHERE, nowhere, None)
            queue.dropped, queue.in_delivery = True, in_delivery

    def _refs(self, entries: list[Any]) -> list[Ref]:
        return [self._ref(entry) for entry in entries]

    def _ref(self, entry: list[Any]) -> Ref:
        ref_id, message, shared, priority, expiration, kept, deliveries, sequence = entry
        fan: Fan | None = None
        if shared is not None:
            number: int = shared
            fan, message = self._fans[number]
        ref = Ref(ref_id, message, priority, expiration, kept, fan)
        ref.deliveries, ref.sequence = deliveries, sequence
        return ref

    def _load_link(self, entry: dict[str, Any]) -> None:
        values: dict[str, Any] = entry["connection"]
        values["timers"] = tuple((name, deadline) for name, deadline in values["timers"])
        values["out"] = tuple(values["out"])
        snapshot = ConnectionSnapshot(**values)
        link = Link(entry["number"], entry["remote"], Connection.restore(snapshot, connection_config(self._config)))
        link.alive, link.blocked, link.subscribed = entry["flags"]
        link.client_id, link.user, link.waits_until = entry["client_id"], entry["user"], entry["waits_until"]
        self._state.links[link.number] = link
        for one in entry["owned"]:
            queue = self._queues[one]
            link.owned[queue.config.name] = queue
            queue.owner = link

    def _load_session(self, entry: dict[str, Any]) -> None:
        state = self._state
        values: dict[str, Any] = entry["channel"]
        values["frames"] = tuple(values["frames"])
        snapshot = ChannelSnapshot(**values)
        link = state.links[entry["link"]]
        auto_sends, auto_acks, pre_acknowledges = entry["modes"]
        session = Session(
            entry["name"],
            Channel.restore(snapshot, None),
            link,
            user=entry["user"],
            auto_sends=auto_sends,
            auto_acks=auto_acks,
            pre_acknowledges=pre_acknowledges,
        )
        session.started, session.crowded = entry["flags"]
        session.default_address = entry["default_address"]
        session.metadata = entry["metadata"]
        session.last_async, gaps = entry["asynchronous"]
        session.async_gaps = dict.fromkeys(gaps)
        session.last_ack, session.credits = entry["last_ack"], entry["credits"]
        session.refusals = entry["refusals"]
        session.credit_requests = [(amount, address) for amount, address in entry["credit_requests"]]
        session.transaction = self._transaction(entry["transaction"])
        session.update_flow()
        state.sessions[session.name] = session
        for one in entry["consumers"]:
            self._load_consumer(session, one)

    def _load_consumer(self, session: Session, entry: dict[str, Any]) -> None:
        state, queue = self._state, self._queues[entry["queue"]]
        selector = Filter.parse(entry["filter"])
        consumer = Consumer(entry["id"], queue, session, selector, browses=entry["browses"])
        state.store.interest_chars += consumer.interest
        consumer.credits = entry["credits"]
        for ref in self._refs(entry["unacked"]):
            consumer.unacked[ref.id] = ref
        if consumer.cursor is not None:
            queue.close_cursor(consumer.cursor)
            ahead = set(entry["cursor"])
            consumer.cursor = Cursor((ref for ref in queue.waiting if ref.sequence in ahead), browses=consumer.browses)
            consumer.cursor.last = (entry["last"][0], entry["last"][1])
            queue.cursors.append(consumer.cursor)

    def _transaction(self, entry: dict[str, Any]) -> Transaction:
        transaction = Transaction()
        transaction.bytes = entry["bytes"]
        if entry["failure"] is not None:
            code, text = entry["failure"]
            transaction.failure = Refused(ErrorCode(code), text)
        transaction.acked = [(self._queues[one], self._ref(ref)) for one, ref in entry["acked"]]
        for message_id, message, durable, priority, expiration, queues, address, duplicate_id in entry["sent"]:
            targets = tuple(self._queues[one] for one in queues)
            sent = Sent(message_id, message, durable, priority, expiration, targets, address, duplicate_id)
            transaction.sent.append(sent)
        return transaction

    def _join(self) -> None:
        """Put everything that has an order of its own into it: sessions on links, consumers on queues."""
        state = self._state
        attached = {entry["name"] for entry in self._values["sessions"] if entry["attached"]}
        for entry in self._values["links"]:
            link = state.links[entry["number"]]
            for name in entry["sessions"]:
                session = state.sessions[name]
                link.sessions[session.channel.channel] = session
            for number in entry["channels"]:
                session = link.sessions[number]
                assert session.name in attached
                session.channel = Channel.restore(session.channel.export(), link.connection)
        for entry in self._values["queues"]:
            queue = self._queues[entry["id"]]
            queue.consumers[:] = [self._consumer(name) for name in entry["consumers"]]
            queue.forced = [(self._consumer(name), sequence) for name, sequence in entry["forced"]]

    def _consumer(self, name: list[Any]) -> Consumer:
        return self._state.sessions[name[0]].consumers[name[1]]
