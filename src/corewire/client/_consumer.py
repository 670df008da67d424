"""
One consumer: what it holds, who waits for it, what was handed out.

    broker ── credits ──> buffer ──> whoever receives ──> acknowledged

The buffer keeps messages in the order in which they came, which is the broker's order by priority, so that one
cumulative acknowledgement covers what was handed out. Credits are given back when a message leaves the buffer. A new
epoch of the session empties the buffer: the broker delivers all that again.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from corewire.client._acknowledgements import Acknowledgements
from corewire.client._calls import Call, Command, Fate
from corewire.client._credits import ConsumerWindow
from corewire.client._delivery import marker
from corewire.client._destinations import look_up_queue
from corewire.client._ids import ConsumerId
from corewire.client._large_receive import Arrivals
from corewire.client._queues import queue_configuration, queue_packet
from corewire.errors import (
    BrokerError,
    CorewireError,
    LargeMessageInterrupted,
    LocalProtocolError,
    ObjectClosed,
    Unblocked,
)
from corewire.events import ConsumerClosedByBroker
from corewire.values import AckMode
from corewire.wire import packets
from corewire.wire.message import CoreMessage, with_body

if TYPE_CHECKING:
    from corewire.client._calls import Packet, Script
    from corewire.client._delivery import Delivery
    from corewire.client._session import Session
    from corewire.values import RoutingType

CONSUMER_WINDOW_DEFAULT = 1_048_576  # the broker's own default replaces exactly this one, as in Artemis


class Consumer:
    """See the module. ``number`` is its name on the wire, ``id`` its name in this client."""

    def __init__(
        self,
        session: Session,
        queue: str,
        *,
        selector: str | None,
        browse_only: bool,
        priority: int,
        window_bytes: int | None,
        collect_bytes_max: int | None = None,
    ) -> None:
        self.id = ConsumerId(session.context.next_id())
        self.number = session.next_consumer()
        self.session = session
        self.queue = queue
        self.selector = selector
        self.browse_only = browse_only
        self.generation = 0  #: counts how often its deliveries were taken back
        self.error: CorewireError | None = None  #: why it is closed
        self.deletes_queue = False  #: when it is closed: nobody else knows it
        self.transient = False  #: ends when the session is made anew
        self.collect_bytes_max = (
            session.context.config.collect_bytes_max if collect_bytes_max is None else collect_bytes_max
        )  #: larger bodies are handed out unread
        self.spoiled = False  #: chunks came a second time from a broker that may have changed them
        self.acknowledgements = Acknowledgements(self)
        self._suppresses = self.acknowledgements.copies.active
        self._remembers = self.acknowledgements.remembers
        self._counters = session.context.counters
        self._kind = session.context.delivery
        self._arrivals = Arrivals(self)
        self._chunk_since = False  # a chunk came since the broker was asked
        self._ask_again = False  # it answered in the middle of a large message
        self._priority = priority
        self._window_bytes = window_bytes
        self._window = ConsumerWindow(window_bytes)
        self._buffer: deque[Delivery] = deque()
        self._waiting: deque[Call[Delivery]] = deque()
        self._asking: Call[Delivery | None] | None = None  # until the marker of its forced delivery
        self._sequence = 0  # of forced deliveries
        self._shown: set[int] = set()  # browser: ids, so that a new epoch goes on where it was
        self._skipped = False  # one that is not handed out came since the broker was asked
        self._doubtful = False  # the broker's next word that it has nothing is no proof
        self.address = queue
        self.routing_type: RoutingType | None = None  #: of the queue
        self._again: packets.CreateQueueV2 | None = None  # makes a queue that may have gone with the broker

    @property
    def buffered(self) -> int:
        """Messages that wait here."""
        return len(self._buffer)

    @property
    def receiving(self) -> bool:
        """Whether somebody waits for a message."""
        return bool(self._waiting) or self._asking is not None

    # -- opening and closing -----------------------------------------------------------------------------------------------

    def open(self, *, create: bool) -> Script[Consumer]:
        """Make it at the broker; ``create``: the queue too, if it is missing and may be made."""
        if create:
            self.queue = yield from look_up_queue(self.session, self.queue)
        answer = yield self._creation(Fate.UNBLOCKED if self.transient else Fate.AGAIN)
        self._opened(answer)
        self.session.consumers[self.number] = self
        self._grant(self._window.opening())
        return self

    def _creation(self, fate: Fate) -> Command:
        packet = packets.SessionCreateConsumer(
            self.number, self.queue, self.selector, self.browse_only, requires_response=True, priority=self._priority
        )
        return Command(packet, packets.SessionQueueQueryResponseV3, fate)

    def _opened(self, answer: Packet) -> None:
        assert isinstance(answer, packets.SessionQueueQueryResponseV3)
        configuration = queue_configuration(self.queue, answer)
        self.address = configuration.address or self.queue
        self.routing_type = configuration.routing_type
        self.session.context.found_queue(self.queue, auto_delete=answer.auto_delete and answer.durable)
        if not answer.durable or answer.auto_created:
            self._again = queue_packet(configuration, answered=False)
        default = answer.default_consumer_window_size
        if self._window_bytes == CONSUMER_WINDOW_DEFAULT and default is not None:
            self._window_bytes = None if default == -1 else default
            self._window = ConsumerWindow(self._window_bytes)

    def reopen(self, now: float, cause: CorewireError | None) -> None:
        """A new epoch: make it again, and go on waiting for whoever waits."""
        if self.transient:
            self.session.consumers.pop(self.number, None)
            ended = Unblocked("the session was made anew", subject=f"consumer of {self.queue!r}")
            ended.__cause__ = cause
            self.end(ended)
            return
        self.take_back()
        if self._again is not None:
            self.session.post(self._again)
        self._open_again(now)

    def renew(self, now: float) -> None:
        """Close it at the broker and make it again, under another number: what comes for the old one is dropped."""
        self._arrivals.take_back(_interrupted())  # before that counts as handed out
        self.acknowledgements.flush(up_to=0)
        self.take_back()
        del self.session.consumers[self.number]
        self.session.background(now, self._close_at_broker(self.number))
        self.number = self.session.next_consumer()
        self.session.consumers[self.number] = self
        self._open_again(now)

    def _close_at_broker(self, number: int) -> Script[None]:
        yield Command(packets.SessionConsumerClose(number), packets.NullResponse, Fate.DONE, bound=True)

    def _open_again(self, now: float) -> None:
        self.session.background(now, self._reopen())
        self._grant(self._window.opening())
        self.want_more(only_if=self.receiving)
        if self._asking is not None:
            self._force()

    def _reopen(self) -> Script[None]:
        try:
            yield self._creation(Fate.FORGOTTEN)
        except CorewireError as error:  # the queue, or the permission, is gone
            self.end(error)
            self.session.consumers.pop(self.number, None)

    def close(self, *, last_delivered: bool) -> Script[None]:
        """Close it at the broker; ``last_delivered``: what is in hand is given back, and counts as delivered."""
        if self.error is not None:
            self.acknowledgements.copies.close()
            return
        if last_delivered:
            yield from self.session.transaction.roll_back(last_delivered=True)
        self.acknowledgements.close()
        self.session.consumers.pop(self.number, None)
        self.end(ObjectClosed("the consumer is closed", subject=f"consumer of {self.queue!r}"))
        try:
            yield Command(packets.SessionConsumerClose(self.number), packets.NullResponse, Fate.DONE)
            if self.deletes_queue:
                yield Command(packets.DeleteQueue(self.queue), packets.NullResponse, Fate.DONE)
        except BrokerError:  # it is gone, which is what was wanted
            return

    def closed_by_broker(self, now: float) -> None:
        """The queue is gone, or the broker is dissatisfied. What is in the buffer was delivered and may be received."""
        self.session.consumers.pop(self.number, None)
        self.session.context.notify(ConsumerClosedByBroker(self.queue))
        self._end(ObjectClosed("the broker closed the consumer", subject=f"consumer of {self.queue!r}"))
        self.session.background(now, self._close_at_broker(self.number))

    def end(self, error: CorewireError) -> None:
        """It is over; whoever waits is told why."""
        self._buffer.clear()
        self._end(error)

    def _end(self, error: CorewireError) -> None:
        self.error = self.error or error
        self.acknowledgements.copies.forget_copies()
        self._arrivals.interrupt(self.error)
        waiting, self._waiting = self._waiting, deque()
        for call in waiting:
            self.session.context.fail(call, error)
        if self._asking is not None:
            asking, self._asking = self._asking, None
            self.session.context.fail(asking, error)

    # -- what comes ------------------------------------------------------------------------------------------------------------

    def deliver(self, raw: bytes, delivery_count: int, frame_bytes: int) -> None:
        """A message came, or the marker of a forced delivery."""
        message = CoreMessage(raw)
        if not (message.durable or message.priority) and (sequence := marker(message)) is not None:
            self._answered(sequence)
            return
        self._counters.bytes_received += frame_bytes
        if not self._window_bytes:
            self._window.delivered(frame_bytes)
        self.line_up(self._kind(message, delivery_count, frame_bytes, self))

    def _came(self, size: int) -> None:
        self._counters.bytes_received += size
        self._window.delivered(size)

    def _answered(self, sequence: int) -> None:
        if sequence != self._sequence or self._asking is None:
            return
        if self._arrivals.arriving:
            self._ask_again = True
            return
        if self._chunk_since:  # asked in the middle of a large message, it does not look at what is behind that
            self._force()
            return
        if self._doubtful:
            self._doubtful = False
            self._grant(self._window.withdraw())
            self.want_more()
            self._force()
            return
        if self._skipped:  # that used up credits, of which something behind it may have had need
            self._skipped = False
            self.want_more()
            self._force()
            return
        call, self._asking = self._asking, None
        self._grant(self._window.withdraw())
        self.session.context.succeed(call, None)

    def found_again(self) -> None:
        """Its session is on a link again. The first time that a broker then says that it has nothing is no proof: one that is
        not ours said so while it still had to deliver what it had (seen where a browser asks for one message at a time)."""
        self._doubtful = True
        self._window.resumed()

    def line_up(self, delivery: Delivery) -> None:
        """It may be handed out, unless it is a copy that the application must not see."""
        if self._suppresses and self._keeps(delivery):
            self.repay(delivery.frame_bytes)
            delivery.frame_bytes = 0
            self.want_more(only_if=self.receiving)
            return
        self._buffer.append(delivery)
        if self._waiting or self._asking is not None:
            self.serve()

    def _keeps(self, delivery: Delivery) -> bool:
        if not self.acknowledgements.copies.keeps(delivery):
            return False
        self._skipped = True
        if delivery.large is not None:
            self.repay(delivery.large.drop())
        return True

    def take_in(self, delivery: Delivery) -> None:
        """A copy that waited is wanted after all: it is first in line."""
        if delivery.generation != self.generation or self.error is not None:
            return
        if delivery.large is not None:  # its chunks are gone: the broker has to deliver it again
            self.session.context.renewals.append(self)
            return
        self._buffer.appendleft(delivery)
        self.serve()

    def serve(self) -> None:
        """Whoever waits gets what is here."""
        if self.receiving and self._may_hand_out:
            self._serve()

    @property
    def _may_hand_out(self) -> bool:
        return self.session.started and not self.session.transaction.undoing

    def deliver_large(self, packet: packets.SessionReceiveLargeMessage, frame_bytes: int) -> None:
        """The header of a large message came."""
        self._came(frame_bytes)
        delivery = self._kind(CoreMessage(with_body(packet.message)), packet.delivery_count, frame_bytes, self)
        delivery.hold_later(packet.large_message_size)
        self._arrivals.begin(delivery, packet.large_message_size)
        self.want_more(only_if=self.receiving)

    def deliver_chunk(self, packet: packets.SessionReceiveContinuation, frame_bytes: int) -> None:
        """A chunk came. One that a broker not ours writes again may hold the bytes of another one (Q6)."""
        self._came(frame_bytes)
        if self.session.locked and self.session.may_run_twice:
            self.spoiled = True
        if self.spoiled:
            return
        self._chunk_since = self._doubtful = True  # behind its last chunk, too, it may not have looked at what follows
        self._arrivals.add(packet.data, frame_bytes, last=not packet.continues)
        self.want_more(only_if=self.receiving)
        if self._ask_again and not self._arrivals.arriving:
            self._ask_again = False
            if self._asking is not None:
                self._force()

    def read_chunk(self, now: float, delivery: Delivery) -> Call[bytes]:
        """The next piece of a body that is not in memory; b"" at its end."""
        return self._arrivals.read(now, delivery)

    def was_interrupted(self, delivery: Delivery) -> None:
        """The application has its header, and never gets the rest: that counts as nothing."""
        self.acknowledgements.untaken(delivery)
        self._shown.discard(delivery.broker_id)

    def want_more(self, *, only_if: bool = True) -> None:
        """Somebody waits for what the broker has next."""
        if only_if:
            self._grant(self._window.ask(self._arrivals.lacking))

    def repay(self, size: int) -> None:
        """Give credits back to the broker, if it is worth a packet."""
        if size and self.error is None and (token := self._window.consumed(size)) is not None:
            self._grant((token,))

    def _serve(self) -> None:
        while self._buffer and self._waiting:
            if (delivery := self._take()) is not None:
                self._give(self._waiting.popleft(), delivery)
        self.want_more(only_if=bool(self._waiting))
        while self._buffer and self._asking is not None:
            if (delivery := self._take()) is not None:
                call, self._asking = self._asking, None
                self._give(call, delivery)

    def _give(self, call: Call[Any], delivery: Delivery) -> None:
        call.untake = lambda _now: self._untake(delivery)
        self.session.context.succeed(call, delivery)

    def _untake(self, delivery: Delivery) -> None:
        """Whom it was given to was gone: it is first in line again."""
        if delivery.generation != self.generation or self.error is not None:
            self.acknowledgements.copies.untaken(delivery)
            return
        delivery.frame_bytes = 0  # its credits were given back already
        self._arrivals.untaken(delivery)
        self.acknowledgements.untaken(delivery)
        self._shown.discard(delivery.broker_id)
        self.session.context.counters.messages_received -= 1
        self._buffer.appendleft(delivery)
        self._serve()

    # -- receiving -------------------------------------------------------------------------------------------------------------

    def receive_nowait(self) -> Delivery | None:
        """The next message, if one is here."""
        if self._arrivals.in_hand is not None:
            self._arrivals.move_on()
        session = self.session
        while self._buffer and not self._waiting and session.started and not session.transaction.undoing:
            if (delivery := self._take()) is not None:
                return delivery
        return None

    def receive(self) -> Call[Delivery]:
        """The next message, as soon as it comes."""
        call: Call[Delivery] = Call()
        if (delivery := self.receive_nowait()) is not None:
            self._give(call, delivery)
            return call
        self._prepare_to_wait()
        self._waiting.append(call)
        call.withdraw = lambda _now: self._stop_waiting(call)
        return call

    def receive_immediate(self) -> Call[Delivery | None]:
        """The next message, or None if the broker has none now."""
        call: Call[Delivery | None] = Call()
        if (delivery := self.receive_nowait()) is not None:
            self._give(call, delivery)
            return call
        if not self.session.started:
            self.session.context.succeed(call, None)
            return call
        self._prepare_to_wait()
        self._asking = call
        call.withdraw = lambda _now: self._stop_waiting(call)
        self._force()
        return call

    def _prepare_to_wait(self) -> None:
        if self.error is not None:
            raise self.error
        shared = self.session.ack_mode in (AckMode.PRE, AckMode.INDIVIDUAL) and not self.session.transacted
        others = [each for each in self.session.consumers.values() if each.receiving]
        if self._asking is not None or (others and not shared):
            raise LocalProtocolError(
                "somebody else is receiving in this session",
                subject=f"consumer of {self.queue!r}",
                hint="Open a session per worker.",
            )
        self.acknowledgements.idle()
        self.want_more()

    def _stop_waiting(self, call: Call[Delivery] | Call[Delivery | None]) -> None:
        if call is self._asking:
            self._asking = None
        elif call in self._waiting:
            self._waiting.remove(call)  # type: ignore[arg-type]  # it is in there
        if not self.receiving:
            self._grant(self._window.withdraw())

    def _force(self) -> None:
        self._sequence += 1
        self._chunk_since = False
        self.session.post(packets.SessionForceConsumerDelivery(self.number, self._sequence))

    def _grant(self, tokens: tuple[int, ...]) -> None:
        for token in tokens:
            self.session.post(packets.SessionFlowToken(self.number, token))

    def _take(self) -> Delivery | None:
        delivery = self._buffer.popleft()
        if (token := self._window.consumed(delivery.frame_bytes)) is not None:
            self._grant((token,))
        if self._suppresses and self._keeps(delivery):  # since it came, another consumer handed it out
            return None
        if delivery.large is not None:
            self._arrivals.handed_out(delivery)
        if not self._buffer and self._arrivals.arriving:
            self._arrivals.release()
        if self.browse_only:
            if delivery.broker_id in self._shown:
                self._arrivals.move_on()
                self._skipped = True
                return None
            self._shown.add(delivery.broker_id)
        session, again = self.session, delivery.number > 0
        delivery.number = session.hand_outs = session.hand_outs + 1
        if self._remembers:
            self.acknowledgements.handed_out(delivery)
        interceptors = session.context.interceptors
        if interceptors is not None and not again and not interceptors.incoming(delivery):
            self._drop(delivery)
            return None
        self._counters.messages_received += 1
        return delivery

    def _drop(self, delivery: Delivery) -> None:
        """An interceptor does not let it in: nobody gets it."""
        self._arrivals.move_on()
        self._skipped = True
        self.acknowledgements.dropped(delivery)

    # -- giving back -----------------------------------------------------------------------------------------------------------

    def flush_acknowledgements(self) -> None:
        """Tell the broker of everything that counts as consumed."""
        self.acknowledgements.flush()

    def give_back(self) -> None:
        """The session is rolled back: nothing of what came is kept. What was handed out is acknowledged before, since
        the broker counts a delivery only then."""
        self.acknowledgements.flush()
        for delivery in self._buffer:
            self.repay(delivery.frame_bytes + (0 if delivery.large is None else delivery.large.drop()))
        self.repay(self._arrivals.take_back(_interrupted()))
        self.take_back()

    def take_back(self) -> None:
        """Forget what came and what was handed out: the broker will deliver it again."""
        self.generation += 1
        self.spoiled = self._ask_again = False
        self._arrivals.take_back(_interrupted())
        self._buffer.clear()
        self.acknowledgements.forget()


def _interrupted() -> CorewireError:
    return LargeMessageInterrupted("the body did not come to its end; the message comes again")
