"""Consumers, subscriptions, and what they hand out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire.client._consumer import CONSUMER_WINDOW_DEFAULT, Consumer
from corewire.client._queues import delete
from corewire.client._registry import Registry
from corewire.client._selectors import core_selector
from corewire.client._subscriptions import make_queue, subscription_name, subscription_queue, without_own

if TYPE_CHECKING:
    from corewire._operation import Operation
    from corewire.client._calls import Script
    from corewire.client._delivery import Delivery
    from corewire.client._ids import ConsumerId, SessionId
    from corewire.values import QueueConfiguration, Topic


class ReceivingVerbs(Registry):
    """Commands that receive."""

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
        collect_bytes_max: int | None = None,
        create: bool = False,
        transient: bool = False,
    ) -> Operation[ConsumerId]:
        """Open a consumer. ``window_bytes``: how much the broker may send ahead; 0 one message at a time, None no limit.
        ``collect_bytes_max``: larger bodies are handed out unread; None: as configured.

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
            collect_bytes_max=collect_bytes_max,
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
        collect_bytes_max: int | None = None,
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
            collect_bytes_max=collect_bytes_max,
        )
        consumer.deletes_queue = queue.temporary
        script = self._open_subscription(consumer, topic, queue, shared=shared)
        return found.run(now, script, self._drop_consumer)

    def _open_subscription(
        self, consumer: Consumer, topic: Topic, queue: QueueConfiguration, *, shared: bool
    ) -> Script[ConsumerId]:
        consumer.queue = yield from make_queue(consumer.session, topic, queue, shared=shared)
        return (yield from self._open_consumer(consumer, create=False))

    def delete_subscription(self, now: float, session: SessionId, name: str) -> Operation[None]:
        """Delete a durable subscription. Fails with QueueDoesNotExist, IllegalState while it is in use."""
        queue = subscription_name(self._context.config.client_id, name)
        return self._open_session(session).run(now, delete(queue, missing_ok=False))

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
        return (self._context.consumers.get(consumer) or self._consumer(consumer)).receive_nowait()

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
        return delivery.source.acknowledgements.acknowledge(now, delivery, individual)
