# Made from the anyio one by scripts/gen_facades.py. Do not edit.
"""Sessions, for one thread that turns the engine itself."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from threading import get_ident
from typing import TYPE_CHECKING, Self, Unpack
from uuid import uuid4

from corewire import AckMode, QueueConfiguration, RoutingType
from corewire._states import ClientState
from corewire.errors import CallTimeout, CorewireError, LocalProtocolError
from corewire_transports._deadline import move_on_after
from corewire_transports._messages import as_destination, as_message, as_queue_name, as_topic, wall_ms
from corewire_transports.blocking._requests import Inbox
from corewire_transports.blocking.consumer import Browser, Consumer
from corewire_transports.blocking.producer import Producer
from corewire_transports.blocking.temporary import TemporaryQueue, TemporaryTopic

if TYPE_CHECKING:
    from collections.abc import Generator
    from types import TracebackType

    from corewire import AddressInfo, Body, Destination, Headers, Message, Operation, Queue, QueueInfo, SessionId, Topic
    from corewire_transports.blocking.client import Client
    from corewire_transports.blocking.consumer import ConsumerOptions
    from corewire_transports.blocking.received import ReceivedMessage

__all__ = ["Session", "TransactedSession"]


class Session:
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
        self._inbox: Inbox | None = None
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
        self._driver.call(self._engine.send, self._id, to, message, wall_ms=wall_ms())

    def producer(self, destination: str | Destination, /, **defaults: Unpack[Headers]) -> Producer:
        """A destination with defaults, credits of its own, and pipelined sends. Raises as `send` for what cannot be sent to."""
        to = as_destination(destination)
        return Producer(self, self._driver.call(self._engine.create_producer, self._id, to), to, defaults)

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
        if self._inbox is None or self._inbox.lost:
            self._inbox = Inbox.open(self._client)
        patience_s = self._client.config.call_timeout_s if timeout is None else timeout
        return self._inbox.request(self, as_destination(destination), as_message(body, headers), patience_s)

    # -- receiving -----------------------------------------------------------------------------------------------------

    def consumer(self, queue: str | Queue, /, **options: Unpack[ConsumerOptions]) -> Consumer:
        """Consume a queue. Raises QueueDoesNotExist, MaxConsumerLimitExceeded, InvalidFilterExpression, SecurityError."""
        name = as_queue_name(queue)
        found = self._driver.call(
            self._engine.create_consumer,
            self._id,
            name,
            selector=options.get("selector"),
            priority=options.get("priority", 0),
            window_bytes=options.get("window_bytes", self._client.config.consumer_window_bytes),
            create=options.get("create", True),
        )
        return Consumer(self, found, name, options.get("selector"))

    def browser(self, queue: str | Queue, /, **options: Unpack[ConsumerOptions]) -> Browser:
        """Look at what is in a queue without taking it. Raises as `consumer`."""
        name = as_queue_name(queue)
        found = self._driver.call(
            self._engine.create_consumer,
            self._id,
            name,
            selector=options.get("selector"),
            browse_only=True,
            window_bytes=options.get("window_bytes", self._client.config.consumer_window_bytes),
            create=options.get("create", True),
        )
        return Browser(self, found, name)

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
        )
        return Consumer(self, found, self._engine.queue_of(found), options.get("selector"))

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

    # -- addresses and queues ------------------------------------------------------------------------------------------

    def temporary_queue(self) -> TemporaryQueue:
        """Make a queue that goes at the end of the block, or with the connection."""
        name = str(uuid4())
        queue = QueueConfiguration(name=name, routing_type=RoutingType.ANYCAST, durable=False, temporary=True)
        self._driver.call(self._engine.create_queue, self._id, queue)
        return TemporaryQueue(name, self)

    def temporary_topic(self) -> TemporaryTopic:
        """Make a topic that goes at the end of the block, or with the connection."""
        name = str(uuid4())
        mark = QueueConfiguration(  # as JMS clients do: a queue that takes nothing says that the topic exists
            name=name, routing_type=RoutingType.MULTICAST, filter_string="_AMQX=-1", durable=False, temporary=True
        )
        self._driver.call(self._engine.create_queue, self._id, mark)
        return TemporaryTopic(name, self)

    def create_queue(self, queue: str | QueueConfiguration, /, *, shared: bool = False, exist_ok: bool = False) -> None:
        """Create a queue; a name alone is an anycast queue. Raises QueueExists (not with ``exist_ok``), SecurityError.

        ``shared``: it may be there already, with the same address and filter. Raises Unblocked where it may have happened.
        """
        if isinstance(queue, str):
            queue = QueueConfiguration(name=queue, routing_type=RoutingType.ANYCAST)
        self._driver.call(self._engine.create_queue, self._id, queue, shared=shared, exist_ok=exist_ok)

    def delete_queue(self, name: str, /, *, missing_ok: bool = False) -> None:
        """Delete a queue. Raises QueueDoesNotExist (not with ``missing_ok``), IllegalState while it has consumers."""
        self._driver.call(self._engine.delete_queue, self._id, name, missing_ok=missing_ok)

    def query_queue(self, name: str, /) -> QueueInfo:
        """What the broker knows of a queue."""
        return self._driver.call(self._engine.query_queue, self._id, name)

    def create_address(self, name: str, /, *routing_types: RoutingType, exist_ok: bool = False) -> None:
        """
        Create an address, for both routing types if none is given. One that is there gets these types in place of its own.

        Raises BrokerError if a queue there would lose its type. ``exist_ok``: the call is repeated after a failover, where
        it would else raise Unblocked.
        """
        kinds = routing_types or tuple(RoutingType)
        self._driver.call(self._engine.create_address, self._id, name, kinds, exist_ok=exist_ok)

    def query_address(self, name: str, /) -> AddressInfo:
        """What the broker knows of an address."""
        return self._driver.call(self._engine.query_address, self._id, name)

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
        if self._inbox is not None:
            self._inbox.close()
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
            if self._engine.progress(self._id) == before:
                raise CallTimeout("the broker has not answered for a call timeout", subject=repr(self))

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


class TransactedSession(Session):
    """A session in which sends and acknowledgements take effect at commit. One user at a time.

    A transaction belongs to the thread that began it: until it was committed or rolled back, sending, receiving, committing and
    rolling back in another one raise LocalProtocolError.
    """

    def __init__(self, client: Client, handle: SessionId, ack_mode: AckMode) -> None:
        super().__init__(client, handle, ack_mode)
        self._counts_on_return = False
        self._threads: dict[SessionId, int] = {}  # its own, while a transaction is open

    def _use(self) -> None:
        caller = get_ident()
        if self._threads.setdefault(self._id, caller) != caller:  # in one step, whoever else comes
            raise LocalProtocolError(
                "another thread is at work in this transaction", subject=repr(self), hint="Open a session per thread."
            )

    def commit(self) -> None:
        """Make what was sent and received take effect.

        Raises TransactionRolledBack (run it again), TransactionOutcomeUnknown (it may have happened), DuplicateIdRejected, the
        error of a send in it, or LocalProtocolError in another thread than the one that began it.
        """
        self._use()
        try:
            with move_on_after(None, shield=True):
                self._driver.call(self._engine.commit, self._id)
        finally:
            self._threads.clear()

    def rollback(self) -> None:
        """Undo what was sent; messages that were received are delivered again."""
        self._use()
        try:
            with move_on_after(None, shield=True):
                self._driver.call(self._engine.rollback, self._id)
        finally:
            self._threads.clear()

    @contextmanager
    def transaction(self) -> Generator[None]:
        """Commit at the end of the block, roll back if it raises. Raises as `commit`."""
        try:
            yield
        except BaseException:
            with suppress(CorewireError):  # the block's own exception says more
                self.rollback()
            raise
        self.commit()

    def request(
        self,
        destination: str | Destination,
        body: Body | Message = None,
        /,
        *,
        timeout: float | None = None,
        **headers: Unpack[Headers],
    ) -> ReceivedMessage:
        """Not for transacted sessions: raises LocalProtocolError, since the question would wait for the commit."""
        raise LocalProtocolError(
            "the session is transacted: the question would wait for the commit", subject=repr(self)
        )

    def recover(self) -> None:
        """Not for transacted sessions: raises LocalProtocolError."""
        raise LocalProtocolError("a transacted session is rolled back, not recovered", subject=repr(self))

    @property
    def rollback_only(self) -> bool:
        """Whether the open transaction cannot be committed any more: its session was lost."""
        return self._engine.rollback_only(self._id)
