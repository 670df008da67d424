"""
The client: everything of it that decides. Drivers perform its effects and feed its inputs; there is no other class they see.

Rooms behind it: `_lifeline` (links, loss, recovery), `_session` (commands and answers), `_outlets` and `_producer`
(sending), `_consumer` and `_acknowledgements` (receiving), `_transaction`, `_destinations`, `_topology`, `_reconnect`.
This file only knows who is who.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from corewire.client._calls import Call, Command, Fate
from corewire.client._consumer import CONSUMER_WINDOW_DEFAULT, Consumer
from corewire.client._destinations import ask_address
from corewire.client._producer import Producer, send, submit
from corewire.client._queues import queue_info, queue_packet, shared_queue_packet
from corewire.client._registry import Registry
from corewire.client._selectors import core_selector
from corewire.client._session import Session
from corewire.client._subscriptions import make_queue, subscription_name, subscription_queue, without_own
from corewire.client.message import encode
from corewire.errors import (
    AddressExists,
    BrokerError,
    LocalProtocolError,
    QueueDoesNotExist,
    QueueExists,
)
from corewire.values import AckMode
from corewire.wire import packets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from corewire._operation import Operation
    from corewire.client._calls import Packet, Script
    from corewire.client._delivery import Delivery
    from corewire.client._ids import ConsumerId, ProducerId, SessionId
    from corewire.client.message import Message
    from corewire.effects import Effect
    from corewire.values import AddressInfo, Destination, QueueConfiguration, QueueInfo, RoutingType, Topic

T = TypeVar("T")


class ClientEngine(Registry):
    """Links, sessions and failover of one client. Call anything, then drain ``poll_effects()`` until it is empty.

    ``now`` is monotonic seconds. Commands return an `Operation` at once; its result is there, or its error raised, when it
    is ``done``. Commands raise `LocalProtocolError` for what the caller did wrong, `ObjectClosed` for what was closed, and
    `NotConnected` once the client has given up.
    """

    # -- inputs --------------------------------------------------------------------------------------------------------

    def start(self, now: float) -> Operation[None]:
        """Connect. Done when the first connection is up and the topology known.

        Fails with NotConnected, CallTimeout, RemoteProtocolError.
        """
        return self._lifeline.start(now)

    def link_up(self, now: float, link: int) -> None:
        """A dialled link is connected."""
        self._lifeline.link_up(now, link)

    def link_down(self, now: float, link: int, error: Exception | None) -> None:
        """A link could not be dialled, or ended. Harmless for links that the engine gave up."""
        self._lifeline.link_down(now, link, error)

    def receive_data(self, now: float, link: int, data: bytes) -> None:
        """Bytes came from a link. Harmless for links that the engine gave up."""
        self._lifeline.receive_data(now, link, data)

    def handle_timeout(self, now: float) -> None:
        """A deadline has passed, or not: may be called early, late or twice."""
        self._lifeline.handle_timeout(now)

    # -- outputs -------------------------------------------------------------------------------------------------------

    def poll_effects(self) -> list[Effect]:
        """What is to be done now, in order; emptied by the call."""
        self._lifeline.flush()
        effects, self._context.effects = self._context.effects, []
        return effects

    def next_timeout(self) -> float | None:
        """When to call ``handle_timeout``, None for not at all."""
        return self._lifeline.next_timeout()

    # -- commands: sessions ----------------------------------------------------------------------------------------------

    def create_session(
        self, now: float, *, ack_mode: AckMode = AckMode.AUTO, transacted: bool = False
    ) -> Operation[SessionId]:
        """Open a session, started. Fails with SessionCreationRejected, SecurityError, CallTimeout, NotConnected."""
        self._check_alive()
        session = Session(self._context, ack_mode, transacted=transacted)
        return self._lifeline.open_session(now, session)

    def close_session(self, now: float, session: SessionId) -> Operation[None]:
        """Close a session, its producers and consumers. Never fails; at once while there is no link."""
        found = self._context.sessions.get(session)
        return self._done() if found is None else found.close(now)

    def start_session(self, now: float, session: SessionId) -> Operation[None]:
        """Resume deliveries (a session begins started)."""
        return self._open_session(session).start(now)

    def stop_session(self, now: float, session: SessionId) -> Operation[None]:
        """Pause deliveries. Done when none is under way any more."""
        return self._open_session(session).stop(now)

    def add_metadata(
        self, now: float, session: SessionId, key: str, value: str, *, unique: bool = False
    ) -> Operation[None]:
        """Name a session at the broker. ``unique`` fails with DuplicateMetadata where another session is named so."""
        return self._open_session(session).add_metadata(now, key, value, unique=unique)

    # -- commands: sending -------------------------------------------------------------------------------------------------

    def create_producer(self, now: float, session: SessionId, destination: Destination) -> Operation[ProducerId]:
        """Open a producer: looks its destination up and makes what is missing, as JMS clients do.

        Fails with AddressDoesNotExist, QueueDoesNotExist, UnexpectedRoutingType, SecurityError.
        """
        return self._open_session(session).run(now, self._open_producer(session, destination), self._drop_producer)

    def _open_producer(self, session: SessionId, destination: Destination) -> Script[ProducerId]:
        producer = yield from Producer(self._session(session), destination).open()
        self._context.producers[producer.id] = producer
        return producer.id

    def _drop_producer(self, now: float, producer: ProducerId) -> None:
        self.close_producer(now, producer)

    def close_producer(self, now: float, producer: ProducerId) -> Operation[None]:
        """Close a producer; what it sent arrives nevertheless."""
        if (found := self._context.producers.pop(producer, None)) is not None:
            found.close()
        return self._done()

    def send(
        self,
        now: float,
        session: SessionId,
        destination: Destination,
        message: Message,
        *,
        wall_ms: int | None = None,
    ) -> Operation[None]:
        """Send. Durable: done when the broker has it; not durable, or in a transaction: when there was room for it here
        (``block_on_durable_send``, ``block_on_non_durable_send``). The first use of a destination looks it up.

        ``wall_ms`` is the wall clock, milliseconds since the epoch, for the message's timestamp; a message with a ``ttl`` or
        a ``delivery_delay`` raises LocalProtocolError without it. Fails with AddressFull, AddressDoesNotExist,
        QueueDoesNotExist, UnexpectedRoutingType, SecurityError, Unblocked (may or may not have arrived), CallTimeout,
        NotConnected.
        """
        found = self._open_session(session)
        raw = self._encode(found, message, destination, wall_ms, found.group)
        return send(now, found, destination, raw, durable=message.durable)

    def submit(
        self, now: float, producer: ProducerId, message: Message, *, wall_ms: int | None = None
    ) -> Operation[Operation[None]]:
        """Send without waiting for the broker. Done when there was room; its result is done when the broker has it.

        ``wall_ms`` and what it fails with: as `send`.
        """
        found = self._producer(producer)
        raw = self._encode(found.session, message, found.destination, wall_ms, found.group)
        return submit(now, found, raw)

    def _encode(
        self, session: Session, message: Message, to: Destination, wall_ms: int | None, group: str | None
    ) -> bytes:
        if wall_ms is None and _needs_clock(message):
            raise LocalProtocolError("a message with ttl or delivery_delay needs the wall clock: give wall_ms")
        user_id = self._context.uuid_bytes()
        name = self._context.client_name
        return encode(message, to, now_ms=wall_ms or 0, user_id=user_id, client_id=name, group_id=group)

    # -- commands: receiving -------------------------------------------------------------------------------------------------

    def create_consumer(
        self,
        now: float,
        session: SessionId,
        queue: str,
        *,
        selector: str | None = None,
        browse_only: bool = False,
        priority: int = 0,
        window_bytes: int | None = CONSUMER_WINDOW_DEFAULT,
        create: bool = False,
        transient: bool = False,
    ) -> Operation[ConsumerId]:
        """Open a consumer. ``window_bytes``: how much the broker may send ahead; 0 one message at a time, None no limit.

        ``create``: a missing anycast queue is made, as JMS clients do. ``transient``: it ends, with Unblocked, when the session
        is made anew. Fails with QueueDoesNotExist,
        MaxConsumerLimitExceeded, InvalidFilterExpression, UnexpectedRoutingType, SecurityError.
        """
        consumer = Consumer(
            self._open_session(session),
            queue,
            selector=core_selector(selector),
            browse_only=browse_only,
            priority=priority,
            window_bytes=window_bytes,
        )
        consumer.transient = transient
        return consumer.session.run(now, self._open_consumer(consumer, create=create), self._drop_consumer)

    def create_subscription(
        self,
        now: float,
        session: SessionId,
        topic: Topic,
        name: str | None = None,
        *,
        durable: bool | None = None,
        shared: bool = False,
        selector: str | None = None,
        no_local: bool = False,
        priority: int = 0,
        window_bytes: int | None = CONSUMER_WINDOW_DEFAULT,
    ) -> Operation[ConsumerId]:
        """Consume a topic. Without a name until it is closed; with one, durable, and for one consumer unless ``shared``.

        ``no_local``: not what this client sent. Raises ConfigError; fails with IllegalState where it is in use, and as
        `create_consumer`.
        """
        found = self._open_session(session)
        selector = core_selector(selector)
        if no_local:
            selector = without_own(self._context, selector)
        queue = subscription_queue(self._context, topic, name, durable=durable, shared=shared, selector=selector)
        consumer = Consumer(
            found,
            queue.name,
            selector=selector if queue.temporary else None,  # else the queue selects
            browse_only=False,
            priority=priority,
            window_bytes=window_bytes,
        )
        consumer.deletes_queue = queue.temporary
        script = self._open_subscription(consumer, topic, queue, shared=shared)
        return found.run(now, script, self._drop_consumer)

    def _open_subscription(
        self, consumer: Consumer, topic: Topic, queue: QueueConfiguration, *, shared: bool
    ) -> Script[ConsumerId]:
        yield from make_queue(consumer.session, topic, queue, shared=shared)
        return (yield from self._open_consumer(consumer, create=False))

    def delete_subscription(self, now: float, session: SessionId, name: str) -> Operation[None]:
        """Delete a durable subscription. Fails with QueueDoesNotExist, IllegalState while it is in use."""
        return self.delete_queue(now, session, subscription_name(self._context.config.client_id, name))

    def _open_consumer(self, consumer: Consumer, *, create: bool) -> Script[ConsumerId]:
        yield from consumer.open(create=create)
        self._context.consumers[consumer.id] = consumer
        return consumer.id

    def _drop_consumer(self, now: float, consumer: ConsumerId) -> None:
        self.close_consumer(now, consumer)

    def close_consumer(
        self, now: float, consumer: ConsumerId, *, consider_last_delivered: bool = False
    ) -> Operation[None]:
        """Close a consumer; what it did not hand out goes to others. Never fails; at once while there is no link.

        ``consider_last_delivered``: what is in hand is given back before, with a higher delivery count; this rolls back the
        session.
        """
        found = self._context.consumers.pop(consumer, None)
        if found is None or found.session.error is not None:
            return self._done()
        return found.session.run(now, found.close(last_delivered=consider_last_delivered), leaving=True)

    def receive_nowait(self, now: float, consumer: ConsumerId) -> Delivery | None:
        """The next message, if it is here. Asks nobody."""
        return self._consumer(consumer).receive_nowait()

    def receive(self, now: float, consumer: ConsumerId) -> Operation[Delivery]:
        """The next message, when it comes. Fails with ObjectClosed, QueueDoesNotExist, SecurityError, NotConnected."""
        return self._consumer(consumer).receive()

    def receive_immediate(self, now: float, consumer: ConsumerId) -> Operation[Delivery | None]:
        """The next message, or None if the broker has none now: it is asked. Fails as `receive`."""
        return self._consumer(consumer).receive_immediate()

    def acknowledge(self, now: float, delivery: Delivery, *, individual: bool = False) -> Operation[None]:
        """The application is done with a message; what that means is the session's mode. A second call does nothing.

        CLIENT and INDIVIDUAL fail with TransactionRolledBack where the broker has taken the message back.
        """
        return delivery.source.acknowledgements.acknowledge(now, delivery, individual=individual)

    # -- commands: transactions ------------------------------------------------------------------------------------------------

    def commit(self, now: float, session: SessionId) -> Operation[None]:
        """Make what was sent and received take effect.

        Fails with TransactionRolledBack (run it again), TransactionOutcomeUnknown (it may have happened),
        DuplicateIdRejected, NotConnected.
        """
        found = self._open_session(session)
        found.only_transacted("commit")
        return found.run(now, found.transaction.commit())

    def rollback(self, now: float, session: SessionId, *, consider_last_delivered: bool = False) -> Operation[None]:
        """Undo what was sent; messages that were received, or only came, are delivered again.

        In a session that is not transacted it gives back what was not acknowledged. ``consider_last_delivered``: the message
        in hand counts as delivered.
        """
        found = self._open_session(session)
        return found.run(now, found.transaction.roll_back(last_delivered=consider_last_delivered))

    # -- commands: addresses and queues -------------------------------------------------------------------------------------------

    def create_queue(
        self,
        now: float,
        session: SessionId,
        queue: QueueConfiguration,
        *,
        shared: bool = False,
        exist_ok: bool = False,
    ) -> Operation[None]:
        """Create a queue. Fails with QueueExists, unless ``exist_ok``, and with InvalidQueueConfiguration.

        ``shared``: it may be there already, with the same address and filter. A temporary queue whose caller walks away is
        deleted again.
        """
        found = self._open_session(session)
        packet = shared_queue_packet(queue) if shared else queue_packet(queue)
        script = _create(packet, QueueExists, exist_ok=exist_ok, repeatable=shared or queue.temporary)
        return found.run(now, script, self._drop_queue(session, queue.name) if queue.temporary else None)

    def _drop_queue(self, session: SessionId, name: str) -> Callable[[float, None], None]:
        def drop(now: float, _: None) -> None:
            found = self._context.sessions.get(session)
            if found is not None and found.error is None and not found.closing:
                found.background(now, _delete(name, missing_ok=True))

        return drop

    def delete_queue(self, now: float, session: SessionId, name: str, *, missing_ok: bool = False) -> Operation[None]:
        """Delete a queue. Fails with QueueDoesNotExist, unless ``missing_ok``, and with IllegalState while it has consumers."""
        return self._open_session(session).run(now, _delete(name, missing_ok=missing_ok))

    def create_address(
        self,
        now: float,
        session: SessionId,
        name: str,
        routing_types: Iterable[RoutingType],
        *,
        exist_ok: bool = False,
    ) -> Operation[None]:
        """Create an address, or give one these types. With ``exist_ok`` it is asked again after a failover."""
        packet = packets.CreateAddress(name, sorted(int(kind) for kind in routing_types))
        return self._open_session(session).run(now, _create(packet, AddressExists, exist_ok=exist_ok, repeatable=False))

    def query_queue(self, now: float, session: SessionId, name: str) -> Operation[QueueInfo]:
        """What the broker knows of a queue."""
        return self._open_session(session).run(now, _query_queue(name))

    def query_address(self, now: float, session: SessionId, name: str) -> Operation[AddressInfo]:
        """What the broker knows of an address."""
        found = self._open_session(session)
        return found.run(now, ask_address(found, name))

    # -- the whole -----------------------------------------------------------------------------------------------------------------

    def abandon(self, now: float, operation: Operation[object]) -> None:
        """Nobody waits for it any more. What was not begun is withdrawn; what was opened will be closed again; what is
        under way goes on, and its answer is dropped. One that is done counts as not taken: what it opened is closed, and a
        message is first in line again."""
        assert isinstance(operation, Call)
        if operation.abandoned:
            return
        operation.abandoned = True
        if operation.done:
            if operation.error is None and operation.untake is not None:
                operation.untake(now)
        elif operation.withdraw is not None:
            operation.withdraw(now)

    def close(self, now: float) -> Operation[None]:
        """Close sessions and connection. Waits for answers only from a broker that is there; never fails."""
        return self._lifeline.close(now)


def _needs_clock(message: Message) -> bool:
    draft = message._draft()
    return bool(draft.ttl or draft.delay)


def _create(packet: Packet, exists: type[BrokerError], *, exist_ok: bool, repeatable: bool) -> Script[None]:
    command = Command(packet, packets.NullResponse, Fate.AGAIN if exist_ok or repeatable else Fate.UNBLOCKED)
    try:
        yield command
    except exists:
        if not (exist_ok or (repeatable and command.repeated)):
            raise


def _delete(name: str, *, missing_ok: bool) -> Script[None]:
    fate = Fate.AGAIN if missing_ok else Fate.UNBLOCKED
    try:
        yield Command(packets.DeleteQueue(name), packets.NullResponse, fate)
    except QueueDoesNotExist:
        if not missing_ok:
            raise


def _query_queue(name: str) -> Script[QueueInfo]:
    answer = yield Command(packets.SessionQueueQuery(name), packets.SessionQueueQueryResponseV3, Fate.AGAIN)
    return queue_info(name, answer)
