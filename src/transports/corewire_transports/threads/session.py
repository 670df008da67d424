# Made from the anyio one by scripts/gen_facades.py. Do not edit.
"""Sessions, for plain threads."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Self, Unpack

from corewire import AckMode, MessageType
from corewire._states import ClientState
from corewire.errors import CallTimeout
from corewire_transports._consumer_options import check_browser, check_consumer, check_rate, check_subscription
from corewire_transports._deadline import move_on_after
from corewire_transports._messages import (
    as_destination,
    as_message,
    as_queue_name,
    as_topic,
    as_typed_message,
    wall_ms,
)
from corewire_transports.threads._objects import Objects
from corewire_transports.threads._pacing import PacedConsumer, pace_of
from corewire_transports.threads._requests import Inbox
from corewire_transports.threads._streams import send
from corewire_transports.threads.consumer import Browser, Consumer
from corewire_transports.threads.producer import Producer

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from types import TracebackType

    from corewire import Body, ConsumerId, Delivery, Destination, Headers, Message, Operation, Queue, SessionId, Topic
    from corewire_transports.threads._pacing import Pace
    from corewire_transports.threads.client import Client
    from corewire_transports.threads.consumer import ConsumerOptions
    from corewire_transports.threads.received import ReceivedMessage

__all__ = ["Session"]


class Session(Objects):
    """A channel to the broker: order, acknowledgement, one transaction at a time. Sends may be shared by tasks."""

    def __init__(self, client: Client, handle: SessionId, ack_mode: AckMode) -> None:
        self._client = client
        self._driver = client._driver
        self._engine = client._engine
        self._id = handle
        self._ack_mode = ack_mode
        self._name = self._engine.session_name(handle)
        self._counts_on_return = ack_mode in (AckMode.AUTO, AckMode.DUPS_OK)
        self._consumers: dict[Consumer, None] = {}
        self._inboxes: dict[SessionId, Inbox] = {}  # its own, once it has asked
        self._pace = pace_of(self._driver, client.config.producer_rate_max)  # of what is sent without a producer
        client._sessions[self] = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._ack_mode.name} {self._name}{', closed' if self.closed else ''}>"

    # -- sending -------------------------------------------------------------------------------------------------------

    def send(self, destination: str | Destination, body: Body | Message = None, /, **headers: Unpack[Headers]) -> None:
        """Send. Durable: returns when the broker has it; else when it is queued here. Waits for credits.

        Raises AddressFull, AddressDoesNotExist, QueueDoesNotExist, UnexpectedRoutingType, SecurityError, Unblocked (may or may
        not have arrived), CallTimeout, NotConnected; TypeError or ValueError for a message that cannot be.
        """
        to, message = as_destination(destination), as_message(body, headers)
        self._use()
        if self._pace is not None:
            self._pace.keep()
        self._driver.call(self._engine.send, self._id, to, message, wall_ms=wall_ms())

    def send_stream(
        self,
        destination: str | Destination,
        source: Iterable[bytes] | IO[bytes] | Path,
        /,
        *,
        type: MessageType = MessageType.BYTES,  # noqa: A002  # the word of the API
        compress: bool | None = None,
        **headers: Unpack[Headers],
    ) -> int:
        """Send a body of any size in chunks, in bounded memory. Returns its size. An error or cancellation discards it.

        ``type`` other than BYTES: the source gives the body as it travels, which `ReceivedMessage.chunks` does. ``compress``
        None: as the client's configuration says. One stream at a time in a session; others wait, while messages of one piece pass.
        Raises as `send`, and what the source raises; Unblocked also where the session was lost in between.
        """
        to, message = as_destination(destination), as_typed_message(type, headers)
        self._use()
        if self._pace is not None:
            self._pace.keep()
        return send(self, to, source, message, compress=compress)

    def producer(
        self, destination: str | Destination, /, *, rate_max: int | None = None, **defaults: Unpack[Headers]
    ) -> Producer:
        """A destination with defaults, credits of its own, and pipelined sends. ``rate_max``: messages a second; None: as the
        client's configuration says. Raises as `send` for what cannot be sent to, and for wrong headers."""
        check_rate(rate_max)
        as_message(None, defaults)  # what is wrong with them is told here, not by the first send
        to = as_destination(destination)
        pace = pace_of(self._driver, self._client.config.producer_rate_max if rate_max is None else rate_max)
        return Producer(self, self._driver.call(self._engine.create_producer, self._id, to), to, defaults, pace)

    def request(
        self,
        destination: str | Destination,
        body: Body | Message = None,
        /,
        *,
        timeout: float | None = None,
        **headers: Unpack[Headers],
    ) -> ReceivedMessage:
        """Send and wait for the reply on this session's temporary queue. ``timeout`` defaults to the call timeout.

        Raises CallTimeout without a reply in time, Unblocked where a failure lost the question or the queue, and as `send`.
        """
        to, question = as_destination(destination), as_message(body, headers)
        inbox = self._inboxes.get(self._id)
        if inbox is None:
            opened = Inbox.open(self._client)
            inbox = self._inboxes.setdefault(self._id, opened)  # in one step, whoever else asks
            if inbox is not opened:
                opened.close()
        patience_s = self._client.config.call_timeout_s if timeout is None else timeout
        return inbox.request(to, question, patience_s, asking=self)

    # -- receiving -----------------------------------------------------------------------------------------------------

    def consumer(self, queue: str | Queue, /, **options: Unpack[ConsumerOptions]) -> Consumer:
        """Consume a queue. Raises QueueDoesNotExist, MaxConsumerLimitExceeded, InvalidFilterExpression, SecurityError;
        TypeError or ValueError, before anything is sent, for an option that is none or cannot be."""
        check_consumer(options)
        name, pace = as_queue_name(queue), self._pace_of(options)
        found = self._driver.call(
            self._engine.create_consumer,
            self._id,
            name,
            selector=options.get("selector"),
            priority=options.get("priority", 0),
            window_bytes=options.get("window_bytes", self._client.config.consumer_window_bytes),
            collect_bytes_max=options.get("collect_bytes_max"),
            create=options.get("create", True),
        )
        return self._consumer_at(found, name, options, pace)

    def _pace_of(self, options: ConsumerOptions) -> Pace | None:
        return pace_of(self._driver, options.get("rate_max", self._client.config.consumer_rate_max))

    def _consumer_at(self, handle: ConsumerId, queue: str, options: ConsumerOptions, pace: Pace | None) -> Consumer:
        selector = options.get("selector")
        if pace is None:
            return Consumer(self, handle, queue, selector)
        return PacedConsumer(self, handle, queue, selector, pace)

    def browser(self, queue: str | Queue, /, **options: Unpack[ConsumerOptions]) -> Browser:
        """Look at what is in a queue without taking it. Raises as `consumer`."""
        check_browser(options)
        name, pace = as_queue_name(queue), self._pace_of(options)
        found = self._driver.call(
            self._engine.create_consumer,
            self._id,
            name,
            selector=options.get("selector"),
            browse_only=True,
            priority=options.get("priority", 0),
            window_bytes=options.get("window_bytes", self._client.config.consumer_window_bytes),
            collect_bytes_max=options.get("collect_bytes_max"),
            create=options.get("create", True),
        )
        return Browser(self, found, name, pace)

    def subscribe(
        self,
        topic: str | Topic,
        name: str | None = None,
        /,
        *,
        durable: bool | None = None,
        shared: bool = False,
        **options: Unpack[ConsumerOptions],
    ) -> Consumer:
        """Consume a topic. Unnamed: until closed. Named: durable; durable=False needs shared=True; a lasting one is deleted by
        `unsubscribe`. Raises ConfigError, IllegalState where it is in use, and as `consumer`."""
        check_subscription(options)
        pace = self._pace_of(options)
        found = self._driver.call(
            self._engine.create_subscription,
            self._id,
            as_topic(topic),
            name,
            durable=durable,
            shared=shared,
            selector=options.get("selector"),
            no_local=options.get("no_local", False),
            priority=options.get("priority", 0),
            window_bytes=options.get("window_bytes", self._client.config.consumer_window_bytes),
            collect_bytes_max=options.get("collect_bytes_max"),
        )
        return self._consumer_at(found, self._engine.queue_of(found), options, pace)

    def unsubscribe(self, name: str, /) -> None:
        """Delete a durable subscription. Raises QueueDoesNotExist, IllegalState if in use."""
        self._driver.call(self._engine.delete_subscription, self._id, name)

    def _transient_consumer(self, queue: str, selector: str) -> Consumer:
        """Consume a queue that only this session knows."""
        found = self._driver.call(self._engine.create_consumer, self._id, queue, selector=selector, transient=True)
        return Consumer(self, found, queue, selector)

    def recover(self) -> None:
        """Give back everything not acknowledged; it comes again with a higher delivery count. Not for transacted sessions."""
        self._give_back()

    def start(self) -> None:
        """Resume deliveries (a session begins started)."""
        self._driver.call(self._engine.start_session, self._id)

    def stop(self) -> None:
        """Pause deliveries. Nothing is under way any more when it returns."""
        self._driver.call(self._engine.stop_session, self._id)

    def _give_back(self) -> None:
        in_hand = False
        for consumer in list(self._consumers):
            in_hand = in_hand or consumer._in_hand is not None
            consumer._in_hand = None
        self._driver.call(self._engine.rollback, self._id, consider_last_delivered=in_hand)

    # -- the session itself --------------------------------------------------------------------------------------------

    def add_metadata(self, key: str, value: str, /, *, unique: bool = False) -> None:
        """Name the session at the broker. ``unique`` raises DuplicateMetadata where another session is named so."""
        self._driver.call(self._engine.add_metadata, self._id, key, value, unique=unique)

    def close(self) -> None:
        """Close it with its producers and consumers; messages in hand count as consumed. Never raises ConnectionLost."""
        with move_on_after(None, shield=True):
            for consumer in list(self._consumers):
                consumer._close(give_back=False)
            self._close()

    def _close(self) -> None:
        for inbox in self._inboxes.values():
            inbox.close()
        self._client._sessions.pop(self, None)
        self._consumers.clear()
        self._driver.finish(self._engine.close_session, self._id)

    def _settled(self, operation: Operation[None]) -> None:
        """Until it is done, as long as answers come. Raises CallTimeout."""
        while True:
            before = self._engine.progress(self._id)
            with move_on_after(self._engine.config.call_timeout_s):
                self._driver.wait(operation)
                return
            if self._engine.progress(self._id) == before and not self._engine.timeouts_stand_still:
                raise CallTimeout("the broker has not answered for a call timeout", subject=f"session {self.name}")

    def _asked_for_one(self, consumer: ConsumerId) -> Delivery | None:
        """The next message, None if the broker says that it has none. Raises CallTimeout if it says nothing."""
        config = self._engine.config
        while True:
            there = self._client.state is ClientState.UP
            with move_on_after(config.call_timeout_s if there else config.call_failover_timeout_s):
                return self._driver.call(self._engine.receive_immediate, consumer)
            if (
                not config.exactly_once or self._client.state is ClientState.UP
            ):  # with it time stands still in an outage
                raise CallTimeout("the broker did not say whether there is a message", subject=f"session {self.name}")

    def _use(self) -> None:
        """Something is sent or received. Anybody may, where nothing holds it together."""

    @property
    def _reachable(self) -> bool:
        """Whether an answer may be waited for, when something is cleaned up."""
        return self._client.state is ClientState.UP and not self.closed

    @property
    def name(self) -> str:
        """Its name at the broker."""
        if not self.closed:
            self._name = self._engine.session_name(self._id)
        return self._name

    @property
    def ack_mode(self) -> AckMode:
        """When messages count as consumed."""
        return self._ack_mode

    @property
    def client(self) -> Client:
        """The client that it belongs to."""
        return self._client

    @property
    def closed(self) -> bool:
        """Whether it is closed, or its client is, or gave up."""
        return not self._engine.is_open(self._id)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
            return
        with move_on_after(None, shield=True):
            for consumer in list(self._consumers):
                if consumer._in_hand is not None:
                    consumer._close(give_back=True)
                    break  # this took back everything of the session
            self._close()
