"""What all rooms of one client share: its configuration, its effects, its share of memory, and what it counts."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from corewire.client._delivery import Delivery
from corewire.client._interceptors import Interceptors
from corewire.client._ledger import Ledger
from corewire.effects import Completed, Notify
from corewire.events import QueueMayForget

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from corewire.client._calls import Call
    from corewire.client._consumer import Consumer
    from corewire.client._epochs import Epochs
    from corewire.client._ids import ConsumerId, ProducerId, SessionId
    from corewire.client._interceptors import Interceptor
    from corewire.client._large_send import Stream
    from corewire.client._producer import Producer
    from corewire.client._session import Session
    from corewire.client.config import ClientConfig
    from corewire.effects import Effect
    from corewire.events import ClientEvent, ClientWarning

T = TypeVar("T")

_TIME = (1 << 48) - 1

WARNINGS_MAX = 100  # that nobody took: of more the oldest go
NAMED_MAX = 10_000  # queues of which was warned once; of further ones each time


@dataclass(slots=True)
class Counters:
    """Counts since the client was made."""

    messages_sent: int = 0
    messages_received: int = 0
    messages_acknowledged: int = 0
    messages_dropped: int = 0  #: that an interceptor kept back, on the way out or in
    messages_maybe_lost: int = 0  #: non-durable ones that were on their way when a session was made anew
    duplicates_suppressed: int = 0  #: copies that were not handed out
    bytes_sent: int = 0
    bytes_received: int = 0
    reconnects: int = 0
    reattached_sessions: int = 0
    recreated_sessions: int = 0
    replayed_packets: int = 0
    credit_wait_s: float = 0.0


class Context:
    """Handed to every room of one client."""

    def __init__(
        self,
        config: ClientConfig,
        rng: Random,
        interceptors: Sequence[Interceptor] = (),
        delivery: type[Delivery] = Delivery,
    ) -> None:
        self.config = config
        self.delivery = delivery  #: what messages that come are made
        self.rng = rng
        self.effects: list[Effect] = []
        self.warnings: deque[ClientWarning] = deque(maxlen=WARNINGS_MAX)
        self._last_id = 0
        self.counters = Counters()
        self.interceptors = Interceptors(self, interceptors) if interceptors else None
        self.sessions: dict[SessionId, Session] = {}
        self.by_channel: dict[int, Epochs] = {}
        self.producers: dict[ProducerId, Producer] = {}
        self.consumers: dict[ConsumerId, Consumer] = {}
        self.ledger: Ledger[Delivery] = Ledger()  #: what was handed out outside transactions, for exactly-once
        self.renewals: list[Consumer] = []  #: to be made again: the broker must deliver once more
        self.streams: dict[int, Stream] = {}
        self.client_name = (
            config.client_id or self.uuid()
        )  #: on every message, for consumers that want none of their own
        self.exactly_once = config.exactly_once  #: design.md: what is sent takes effect once, over failures
        self.connection: str | None = None  #: where the last link went, for errors
        self.node_id: str | None = None  #: of the broker at hand; None while it is not known
        self._client_uuid = self.uuid() if self.exactly_once else ""
        self._last_unique = 0
        self._named_auto_delete: set[str] = set()
        first = self.uuid_bytes()
        self._message_ids, self._message_id_tail = int.from_bytes(first[:6], "big"), first[6:]
        self._short_of_room = False  # a sender waits until less is kept for replay
        self._room_bytes = 0  # so much more may be kept at least, as far as messages are concerned

    def group(self) -> str | None:
        """The group that messages of one session or producer belong to, unless they name their own."""
        return self.uuid() if self.config.auto_group else self.config.group_id

    def next_id(self) -> int:
        """A number that no other object of this client has: for sessions, producers, consumers."""
        self._last_id += 1
        return self._last_id

    def uuid_bytes(self) -> bytes:
        """16 bytes of the kind that Java reads back unchanged: shaped as UUID version 1."""
        raw = bytearray(self.rng.getrandbits(128).to_bytes(16, "big"))
        raw[6] = raw[6] & 0x0F | 0x10
        raw[8] = raw[8] & 0x3F | 0x80
        return bytes(raw)

    def message_id(self) -> bytes:
        """The same for messages, of which there are many: they differ in the time of the UUID only."""
        number = self._message_ids = self._message_ids + 1 & _TIME
        return number.to_bytes(6, "big") + self._message_id_tail

    def uuid(self) -> str:
        """A name that nobody else has."""
        digits = self.uuid_bytes().hex()
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))

    def duplicate_id(self) -> str:
        """An id of which brokers take only one message, and that nobody else uses."""
        self._last_unique += 1
        return f"{self._client_uuid}-{self._last_unique}"

    def fence_name(self, session: Epochs) -> str:
        """What all that brokers make for a session is named, so that no two of them live at once."""
        return f"{self._client_uuid}/{session.id}"

    def found_queue(self, queue: str, *, auto_delete: bool | None) -> None:
        """A queue was there. Exactly-once warns of one that the broker deletes when it is empty."""
        if auto_delete and self.exactly_once and queue not in self._named_auto_delete:
            if len(self._named_auto_delete) < NAMED_MAX:
                self._named_auto_delete.add(queue)
            self.warnings.append(QueueMayForget(queue))

    def forget(self, session: Epochs) -> None:
        """A session is over: its producers, consumers and streams are no longer found."""
        self.producers = {name: each for name, each in self.producers.items() if each.session is not session}
        self.consumers = {name: each for name, each in self.consumers.items() if each.session is not session}
        self.streams = {name: each for name, each in self.streams.items() if each.session is not session}

    @property
    def kept_bytes(self) -> int:
        """Bytes kept for replay, or waiting for a link."""
        return sum(session.kept_bytes for session in self.sessions.values())

    def has_room(self, size: int) -> bool:
        """Whether a message of ``size`` bytes may be kept, too. One that is larger than the limit may, if it is alone."""
        if size > self._room_bytes:  # only then it is counted: that is a walk over all sessions
            kept = self.kept_bytes
            self._room_bytes = self.config.resend_bytes_max - kept
            if kept and size > self._room_bytes:
                self._short_of_room = True
                return False
        self._room_bytes -= size
        return True

    def pump(self, now: float) -> None:
        """Less may be kept than before: admit what may go, of all sessions."""
        renewals, self.renewals = self.renewals, []
        for consumer in renewals:
            if consumer.session.locked:
                self.renewals.append(consumer)
            elif consumer.error is None:
                consumer.renew(now)
        if self._short_of_room:
            self._short_of_room = False
            for session in list(self.sessions.values()):
                session.outlets.pump(now)

    def notify(self, event: ClientEvent) -> None:
        """Tell the application."""
        self.effects.append(Notify(event))

    def succeed(self, call: Call[T], value: T) -> None:
        """End a call and wake its caller."""
        call.succeed(value)
        if not call.abandoned:
            self.effects.append(Completed(call))

    def fail(self, call: Call[T], error: Exception) -> None:
        """End a call with an error and wake its caller."""
        call.fail(error)
        if not call.abandoned:
            self.effects.append(Completed(call))
