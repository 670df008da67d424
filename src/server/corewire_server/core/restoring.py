"""From the slices of a snapshot back to a state that goes on where the other was (``snapshot.py``)."""

from __future__ import annotations

from struct import error as StructError
from typing import TYPE_CHECKING, Any, Final

from corewire._channel import Channel, ChannelSnapshot
from corewire._connection import Connection, ConnectionSnapshot
from corewire.errors import CorewireError, ErrorCode
from corewire.values import QueueConfiguration, RoutingType
from corewire_server.core import plain
from corewire_server.core import snapshot_form as form
from corewire_server.core.addresses import Address
from corewire_server.core.consumers import Consumer
from corewire_server.core.cursors import Order
from corewire_server.core.early import Early
from corewire_server.core.filters import Filter
from corewire_server.core.link import Link, connection_config
from corewire_server.core.machine import MACHINE_VERSION
from corewire_server.core.queues import Queue
from corewire_server.core.records import read_queue
from corewire_server.core.refusal import Refused
from corewire_server.core.session import Session
from corewire_server.core.snapshot import EFFECTS, MAGIC
from corewire_server.core.state import State
from corewire_server.core.transactions import Sent
from corewire_server.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from corewire_server.core.config import CoreConfig
    from corewire_server.core.queues import Fan, Ref

    _Values = dict[str, Any]

_NOWHERE: Final = QueueConfiguration(name="", address="", routing_type=RoutingType.ANYCAST, durable=False)
_WRONG: Final = (
    KeyError,
    TypeError,
    ValueError,
    IndexError,
    AttributeError,
    AssertionError,
    StructError,
    CorewireError,
)
"""What comes of reading something else than a snapshot."""


class Loader:
    """Builds a state, entry by entry. Blocks go where the table before them said."""

    def __init__(self, config: CoreConfig) -> None:
        self.state = State(config)
        self.effects: tuple[int, int] | None = None  # the last entry: number of steps, and their checksum
        self._config = config
        self._reader = form.EntryReader()
        self._begun = False
        self._shared: list[tuple[Fan, bytes]] = []
        self._queues: dict[int, Queue] = {}
        self._session: Session | None = None  # whose consumers come
        self._frames: list[bytes] = []  # of the session that comes next
        self._take_refs: Callable[[list[Ref]], object] = _refuse
        self._take_numbers: Callable[[Sequence[int]], object] = _refuse
        self._tables: dict[str, Callable[[_Values], object]] = {
            "address": self._address,
            "queue": self._queue,
            "stuck": self._stuck,
            "dropped": self._dropped,
            "link": self._link,
            "session": self._load_session,
            "consumer": self._consumer,
            "acked": self._acked,
            "sent": self._sent,
            "sessions of link": self._sessions_of_link,
            "consumers of queue": self._consumers_of_queue,
            "duplicates": self._duplicates,
            "end": self._end,
            EFFECTS: self._take_effects,
        }

    def feed(self, data: bytes) -> None:
        """Take the next bytes. Raises ValueError for what is no snapshot."""
        try:
            for kind, body in self._reader.feed(data):
                self._entry(kind, body)
        except _WRONG as problem:
            raise ValueError(f"no snapshot: {problem!r}") from problem

    @property
    def clean(self) -> bool:
        """Whether what came ends with an entry."""
        return self._reader.clean

    def _entry(self, kind: int, body: bytes) -> None:
        if self.effects is not None:
            raise ValueError("something follows its end")
        if kind == form.REFS:
            self._take_refs(form.read_refs(body, self._shared))
        elif kind == form.FRAMES:
            self._frames += form.read_frames(body)
        elif kind == form.NUMBERS:
            self._take_numbers(form.read_numbers(body))
        elif kind == form.TABLE:
            self._table(plain.decode(body))
        else:
            raise ValueError(f"an entry of kind {kind}")

    def _table(self, values: Any) -> None:
        name = values["table"]
        if self._begun:
            self._tables[name](values)
        elif name == MAGIC and values["version"] == MACHINE_VERSION:
            self._begun = True
            self._head(values)
        else:
            raise ValueError(f"it begins with {name!r}, or is of another version")

    # -- one table each ----------------------------------------------------------------------------------------------

    def _head(self, values: _Values) -> None:
        state = self.state
        state.now, state.room, state.missing = values["now"], values["room"], values["missing"]
        state.next_tick, state.next_grace, state.next_reap = values["timers"]
        state.live, state.backup, state.event_id = values["pair"]
        state.store.records += [Record(*record) for record in values["records"]]

    def _address(self, values: _Values) -> None:
        types = frozenset(RoutingType(one) for one in values["types"])
        auto_created, temporary, used, marked = values["flags"]
        address = Address(values["id"], values["name"], types, auto_created=auto_created, temporary=temporary)
        address.used, address.marked = used, marked
        address.turn, address.idle_since = values["turn"], values["idle_since"]
        self.state.store.addresses.add(address)

    def _queue(self, values: _Values) -> None:
        store = self.state.store
        config = read_queue(values["config"])
        address = store.addresses.get(config.address or config.name)
        assert address is not None
        queue = store.put_queue(values["id"], config, address, Filter.parse(config.filter_string))
        queue.sequence, queue.turn, queue.in_delivery = values["place"]
        queue.used, queue.marked, queue.transient, queue.dirty = values["flags"]
        queue.idle_since = values["idle_since"]
        self._queues[queue.id] = queue
        self._take_refs = queue.load
        if values["order"] is not None:
            self._order(queue, *values["order"])

    def _order(self, queue: Queue, returns: int, *priorities: int) -> None:
        order = queue.order = Order((), queue.sequence)
        order.returns = returns
        for priority in priorities:
            order.level(priority)
        came_back: dict[int, int] = {}
        self._take_numbers = lambda numbers: came_back.update(zip(numbers[::2], numbers[1::2], strict=True))

        def take(refs: list[Ref]) -> None:
            queue.load(refs)
            order.load(refs, came_back)

        self._take_refs = take

    def _stuck(self, values: _Values) -> None:
        self._take_refs = self._queues[values["queue"]].stuck.extend

    def _dropped(self, values: _Values) -> None:
        for queue_id, in_delivery in values["queues"]:
            nowhere = Address(0, "", frozenset(), auto_created=False, temporary=True)
            queue = self._queues[queue_id] = Queue(queue_id, _NOWHERE, nowhere, None)
            queue.dropped, queue.in_delivery = True, in_delivery

    def _link(self, values: _Values) -> None:
        timers = tuple((name, deadline) for name, deadline in values["timers"])
        snapshot = ConnectionSnapshot(**values["connection"], timers=timers, out=tuple(values["out"]))
        link = Link(values["number"], values["remote"], Connection.restore(snapshot, connection_config(self._config)))
        link.alive, link.blocked, link.subscribed = values["flags"]
        link.client_id, link.user, link.waits_until = values["client_id"], values["user"], values["waits_until"]
        self.state.links[link.number] = link
        for one in values["owned"]:
            queue = self._queues[one]
            link.owned[queue.config.name] = queue
            queue.owner = link

    def _load_session(self, values: _Values) -> None:
        frames, self._frames = self._frames, []
        auto_sends, auto_acks, pre_acknowledges = values["modes"]
        channel = Channel.restore(ChannelSnapshot(**values["channel"], frames=tuple(frames)), None)
        session = self._session = Session(
            values["name"],
            channel,
            self.state.links[values["link"]],
            user=values["user"],
            auto_sends=auto_sends,
            auto_acks=auto_acks,
            pre_acknowledges=pre_acknowledges,
            pause_bytes=self.state.limits.pause_bytes(channel.window_bytes),
        )
        session.started, session.crowded, session.doubles = values["flags"]
        session.default_address = values["default_address"]
        session.metadata = values["metadata"]
        session.last_async, gaps = values["asynchronous"]
        session.async_gaps = dict.fromkeys(gaps)
        session.early = None if values["early"] is None else Early(*values["early"])
        session.last_ack, session.credits = values["last_ack"], values["credits"]
        session.refusals = values["refusals"]
        session.credit_requests = [(amount, address) for amount, address in values["credit_requests"]]
        session.transaction.bytes = values["transaction"]
        if values["failure"] is not None:
            code, text = values["failure"]
            session.transaction.failure = Refused(ErrorCode(code), text)
        session.update_flow()
        self.state.sessions[session.name] = session

    def _consumer(self, values: _Values) -> None:
        session, queue = self._session, self._queues[values["queue"]]
        assert session is not None
        consumer = Consumer(values["id"], queue, session, Filter.parse(values["filter"]), browses=values["browses"])
        if consumer.cursor is not None:
            consumer.cursor.load(values["cursor"])
        consumer.credits = values["credits"]
        self.state.store.interest_chars += consumer.interest
        self._take_refs = lambda refs: consumer.unacked.update((ref.id, ref) for ref in refs)

    def _acked(self, values: _Values) -> None:
        queue, session = self._queues[values["queue"]], self._session
        assert session is not None
        acked = session.transaction.acked
        self._take_refs = lambda refs: acked.extend((queue, ref) for ref in refs)

    def _sent(self, values: _Values) -> None:
        assert self._session is not None
        sent = self._session.transaction.sent
        for message_id, message, durable, priority, expiration, queues, address, duplicate_id in values["messages"]:
            targets = tuple(self._queues[one] for one in queues)
            sent.append(Sent(message_id, message, durable, priority, expiration, targets, address, duplicate_id))
            self.state.pledge(self._session.transaction, sent[-1])

    def _sessions_of_link(self, values: _Values) -> None:
        link = self.state.links[values["link"]]
        for name in values["sessions"]:
            session = self.state.sessions[name]
            link.sessions[session.channel.channel] = session
        for number in values["channels"]:
            session = link.sessions[number]
            session.channel = Channel.restore(session.channel.export(), link.connection)

    def _consumers_of_queue(self, values: _Values) -> None:
        queue, sessions = self._queues[values["queue"]], self.state.sessions
        queue.consumers[:] = [sessions[name].consumers[number] for name, number in values["consumers"]]
        queue.forced = [(sessions[name].consumers[number], sequence) for (name, number), sequence in values["forced"]]

    def _duplicates(self, values: _Values) -> None:
        for key, kept in zip(*values["ids"], strict=True):
            self.state.store.put_duplicate(kept, values["address"], key)

    def _end(self, values: _Values) -> None:
        state = self.state
        state.dirty = [self._queues[one] for one in values["dirty"]]
        state.starved = {name: state.sessions[name] for name in values["starved"]}
        state.store.last_id, state.store.ids_kept, state.store.bytes = values["ids"]

    def _take_effects(self, values: _Values) -> None:
        self.effects = (values["steps"], values["checksum"])


def _refuse(items: Sequence[object]) -> None:
    raise ValueError(f"a block of {len(items)} that belongs nowhere")
