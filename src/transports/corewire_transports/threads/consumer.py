# Made from the anyio one by scripts/gen_facades.py. Do not edit.
"""Consumers and browsers, for plain threads."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Self, TypedDict, overload

from corewire import AckMode, Operation
from corewire._states import ClientState
from corewire.errors import ObjectClosed
from corewire_transports._deadline import move_on_after
from corewire_transports.threads._driver import MESSAGE
from corewire_transports.threads.received import ReceivedMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from corewire import ConsumerId, Delivery
    from corewire_transports.threads._pacing import Pace
    from corewire_transports.threads.session import Session

__all__ = ["Browser", "Consumer", "ConsumerOptions"]

logger = logging.getLogger("corewire")

GRACE_S = 2.0  # so long may a broker take to say that it has nothing, when the time of a receive is over


class ConsumerOptions(TypedDict, total=False):
    """Absent means the client's configuration."""

    selector: str
    priority: int  #: 0
    window_bytes: int | None  #: None: no limit; 0: one message at a time
    rate_max: int | None  #: messages a second; None: no limit
    no_local: bool  #: subscriptions only
    collect_bytes_max: int  #: larger bodies are handed over unread
    create: bool  #: True: create a missing address or queue as JMS clients do


class Consumer:
    """Prefetches up to its window. Iterate, or `receive`. Closing gives back what was not acknowledged.

    In AUTO and DUPS_OK a message counts as consumed when the application comes back for the next one, or closes the consumer
    without an exception. Left by an exception, the message in hand comes again.
    """

    def __init__(self, session: Session, handle: ConsumerId, queue: str, selector: str | None) -> None:
        self._session = session
        self._driver = session._driver
        self._engine = session._engine
        self._id = handle
        self._queue = queue
        self._selector = selector
        self._in_hand: ReceivedMessage | None = None  # AUTO, DUPS_OK: not acknowledged yet
        self._looping: object = None  # who iterates, or listens
        self._loop_left: Operation[None] | None = None  # `close` waits for it
        self._handling = False  # in the handler of `listen`
        self._closing = False
        self._closed = False
        session._consumers[self] = None

    def __repr__(self) -> str:
        return f"<Consumer of {self._queue!r}{', closed' if self.closed else ''}>"

    # -- receiving -----------------------------------------------------------------------------------------------------

    @overload
    def receive(self) -> ReceivedMessage: ...
    @overload
    def receive(self, timeout: float) -> ReceivedMessage | None: ...
    def receive(self, timeout: float | None = None) -> ReceivedMessage | None:
        """The next message; with a ``timeout`` in seconds, None if nothing came: at most two seconds later, if the
        broker does not say that it has none. 0: what the broker has now.

        Raises ObjectClosed, QueueDoesNotExist or SecurityError (found after a failover), NotConnected, LocalProtocolError if
        somebody else is receiving in this session; with 0 CallTimeout if the broker does not say.
        """
        if self._driver.must_give_way(MESSAGE):
            self._driver.give_way()
        found = self._turn_over()
        if isinstance(found, ReceivedMessage):
            return found
        if found is not None:
            self._counted(found)
        if timeout is None:
            return self._hand_out(self._driver.call(self._engine.receive, self._id))
        if timeout > 0:
            with move_on_after(timeout):
                return self._hand_out(self._driver.call(self._engine.receive, self._id))
            if self._engine.state is not ClientState.UP:
                return None
            # Whoever stood still asks once more what there is: it may lie in the socket, or not have been sent yet.
            with move_on_after(min(GRACE_S, self._engine.config.call_timeout_s)):
                return self._found(self._driver.call(self._engine.receive_immediate, self._id))
            return None
        return self._found(self._session._asked_for_one(self._id))

    def drain(self, timeout: float = 0) -> Iterator[ReceivedMessage]:
        """Messages until none has come for ``timeout`` seconds; 0: what is in the queue now."""
        return Draining(self, timeout)

    def __iter__(self) -> Self:
        self._looping = self._driver.caller()
        return self

    def __next__(self) -> ReceivedMessage:
        try:
            if self._driver.must_give_way(MESSAGE):
                self._driver.give_way()
            found = self._turn_over()
            if isinstance(found, ReceivedMessage):
                return found
            if found is not None:
                self._counted(found)
            return self._hand_out(self._driver.call(self._engine.receive, self._id))
        except ObjectClosed:
            if self._closing:
                raise StopIteration from None
            raise

    def listen(self, handler: Callable[[ReceivedMessage], None], /) -> None:
        """Call the handler for each message until closed; acknowledge when it returns, redeliver when it raises.

        For n workers open n sessions: a redelivery rolls back the whole session. ``close`` in the handler takes effect when it
        returns. In a transacted session the handler commits. Raises what receiving raises.
        """
        for message in self:
            self._handling = True
            try:
                handler(message)
            except Exception:
                logger.exception("the handler of %r raised for %r", self, message)
                self._session._give_back()
            else:
                if not self._session._counts_on_return:
                    message.acknowledge()
            finally:
                self._handling = False
            if self._closing:
                self._close(give_back=False)

    def _turn_over(self) -> ReceivedMessage | Operation[None] | None:
        """The application comes back: what it has in hand counts. Returns the next message, if it is here; or the acknowledgement, if
        that is to be waited for."""
        self._session._use()
        found = self._driver.gather(self._next)
        return found if found is None or isinstance(found, Operation) else self._hand_out(found)

    def _counted(self, acknowledgement: Operation[None]) -> None:
        """Until the broker has it. Raises what acknowledging raises."""
        self._driver.wait(acknowledgement)
        acknowledgement.result()

    def _next(self, now: float) -> Delivery | Operation[None] | None:
        """Acknowledge what is in hand, and give the next message; or the acknowledgement, if that is to be waited for."""
        if (message := self._in_hand) is not None:
            self._in_hand = None
            operation = self._engine.acknowledge(now, message)
            if not operation.done or operation.error is not None:
                return operation
        if self._closing and not self._handling:
            self._leave_loop()
            raise ObjectClosed("the consumer is closed", subject=f"consumer of {self._queue!r}")
        return self._engine.receive_nowait(now, self._id)

    def _found(self, message: Delivery | None) -> ReceivedMessage | None:
        return None if message is None else self._hand_out(message)

    def _hand_out(self, message: Delivery) -> ReceivedMessage:
        assert isinstance(message, ReceivedMessage)  # as its engine was told
        message._session = self._session
        if self._session._counts_on_return:
            self._in_hand = message
        return message

    # -- closing -------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """From inside: what is in hand counts, the rest is given back. From elsewhere: let the message in hand of a loop be
        finished first, at most ``on_message_close_timeout_s``; the loop then ends. Never raises ConnectionLost."""
        with move_on_after(None, shield=True):
            elsewhere = self._looping != self._driver.caller()
            self._closing = True
            if self._handling and not elsewhere:
                return
            if self._looping is not None and elsewhere and (self._in_hand is not None or self._handling):
                left = self._loop_left = Operation[None]()
                with move_on_after(self._engine.config.on_message_close_timeout_s):
                    self._driver.wait(left)
            self._close(give_back=False)

    def _leave_loop(self) -> None:
        if self._loop_left is not None:
            left, self._loop_left = self._loop_left, None
            left.succeed(None)
            self._driver.wake(left)

    def _close(self, *, give_back: bool) -> None:
        if self._closed:
            return
        self._closed = self._closing = True
        self._session._consumers.pop(self, None)
        if not give_back:
            self._finish()
        self._driver.finish(self._engine.close_consumer, self._id, consider_last_delivered=give_back)

    def _finish(self) -> None:
        """What is in hand counts."""
        if (message := self._in_hand) is not None:
            self._in_hand = None
            self._driver.finish(self._engine.acknowledge, message)

    @property
    def queue(self) -> str:
        """The queue that it consumes."""
        return self._queue

    @property
    def selector(self) -> str | None:
        """What it selects, None for all."""
        return self._selector

    @property
    def buffered(self) -> int:
        """Messages that came and were not received yet."""
        return 0 if self.closed else self._engine.buffered(self._id)

    @property
    def closed(self) -> bool:
        """Whether it is closed, by the program, the broker, or with its session."""
        return self._closed or self._session.closed or self._engine.consumer_error(self._id) is not None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with move_on_after(None, shield=True):
            self._close(give_back=kind is not None and self._holds_something())

    def _holds_something(self) -> bool:
        """Whether an exception now means that something comes again."""
        return self._in_hand is not None or self._session.ack_mode in (AckMode.CLIENT, AckMode.INDIVIDUAL)


class Draining:
    """What `Consumer.drain` gives."""

    def __init__(self, consumer: Consumer, timeout: float) -> None:
        self._consumer = consumer
        self._timeout = timeout

    def __iter__(self) -> Self:
        self._consumer.__iter__()
        return self

    def __next__(self) -> ReceivedMessage:
        message = self._consumer.receive(self._timeout)
        if message is None:
            raise StopIteration
        return message


class Browser:
    """Looks at what is in a queue without taking it. Ends after the last message."""

    def __init__(self, session: Session, handle: ConsumerId, queue: str, pace: Pace | None) -> None:
        self._session = session
        self._driver = session._driver
        self._engine = session._engine
        self._id = handle
        self._queue = queue
        self._pace = pace

    def __repr__(self) -> str:
        return f"<Browser of {self._queue!r}>"

    def close(self) -> None:
        """Close it. Never raises ConnectionLost."""
        with move_on_after(None, shield=True):
            self._driver.finish(self._engine.close_consumer, self._id)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> ReceivedMessage:
        if self._pace is not None:
            self._pace.keep()
        if self._driver.must_give_way(MESSAGE):
            self._driver.give_way()
        delivery = self._driver.begin(self._engine.receive_nowait, self._id)
        if delivery is None:
            delivery = self._session._asked_for_one(self._id)
        if delivery is None:
            raise StopIteration
        assert isinstance(delivery, ReceivedMessage)
        delivery._session = self._session
        return delivery

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
