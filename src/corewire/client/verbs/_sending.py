"""Producers and messages on their way to the broker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire.client._producer import Producer, keep_back, keep_back_submitted, send, submit, submit_nowait
from corewire.client._registry import Registry
from corewire.client.message import encode
from corewire.errors import (
    LocalProtocolError,
)

if TYPE_CHECKING:
    from corewire._operation import Operation
    from corewire.client._calls import Script
    from corewire.client._ids import ProducerId, SessionId
    from corewire.client._session import Session
    from corewire.client.message import Message
    from corewire.values import Destination


class SendingVerbs(Registry):
    """Commands that send."""

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
        NotConnected, InterceptorRejectedPacket.
        """
        found = self._open_session(session)
        if (passed := self._intercept(message)) is None:
            return keep_back(found, durable=message.durable)
        message = passed
        raw = self._encode(found, message, destination, wall_ms, found.group)
        return send(now, found, destination, raw, durable=message.durable)

    def submit(
        self, now: float, producer: ProducerId, message: Message, *, wall_ms: int | None = None
    ) -> Operation[Operation[None]]:
        """Send without waiting for the broker. Done when there was room; its result is done when the broker has it.

        ``wall_ms`` and what it fails with: as `send`.
        """
        found = self._context.producers.get(producer) or self._producer(producer)
        if self._context.interceptors is not None:
            if (passed := self._intercept(message)) is None:
                return keep_back_submitted(found)
            message = passed
        raw = self._encode(found.session, message, found.destination, wall_ms, found.group)
        return submit(now, found, raw, durable=message.durable)

    def submit_nowait(
        self, now: float, producer: ProducerId, message: Message, wall_ms: int | None = None
    ) -> Operation[None] | None:
        """`submit` for a message that waits for nothing: done when the broker has it. None: nothing was done, since there is no
        room now, or more to do than to write it; then `submit` does it.

        ``wall_ms`` and what it raises, or fails with: as `submit`.
        """
        found = self._context.producers.get(producer) or self._producer(producer)
        if self._context.interceptors is not None:
            return None  # they are asked once
        raw = self._encode(found.session, message, found.destination, wall_ms, found.group)
        return submit_nowait(now, found, raw, durable=message.durable)

    def _intercept(self, message: Message) -> Message | None:
        interceptors = self._context.interceptors
        return message if interceptors is None else interceptors.outgoing(message)

    def _encode(
        self, session: Session, message: Message, to: Destination, wall_ms: int | None, group: str | None
    ) -> bytes:
        if wall_ms is None and _needs_clock(message):
            raise LocalProtocolError("a message with ttl or delivery_delay needs the wall clock: give wall_ms")
        context = self._context
        return encode(
            message,
            to,
            now_ms=wall_ms or 0,
            user_id=context.message_id(),
            client_id=context.client_name,
            group_id=group,
            duplicate_id=context.duplicate_id() if session.sends_again and message.durable else None,
        )


def _needs_clock(message: Message) -> bool:
    draft = message._draft()
    return bool(draft.ttl or draft.delay)
