"""
One session: its commands in order, its answers, and what is left of both when a link is lost.

    command ── locked? ──> backlog ──┐
       └──────────────────────────> channel ──> answers ──> whoever waits

While the link is lost a session is *locked*: nothing is written, new commands wait in the backlog. After a re-attachment
the channel has written again what was lost, so nothing else changes: waiting answers simply come. After a recreation
a new *epoch* begins on a new channel: producers, consumers and the started state are announced first, then what may be
asked again, then the backlog; everything else is settled by its `Fate`.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, TypeVar

from corewire._foreign_channel import ForeignChannel
from corewire.client._backlog import Backlog
from corewire.client._calls import Answers, Call, Command, Fate, Lost, Task, refusal
from corewire.client._ids import ProducerId, SessionId
from corewire.client._outlets import Outlets
from corewire.client._transaction import Transaction
from corewire.errors import (
    CallTimeout,
    CorewireError,
    LocalProtocolError,
    NotConnected,
    ObjectClosed,
    TransactionOutcomeUnknown,
    Unblocked,
)
from corewire.values import AckMode
from corewire.wire import packets
from corewire.wire.registry import decode, encode
from corewire.wire.versions import capabilities

if TYPE_CHECKING:
    from collections.abc import Callable

    from corewire._channel import Channel
    from corewire.client._calls import Packet, Script
    from corewire.client._consumer import Consumer
    from corewire.client._context import Context
    from corewire.client._producer import Producer

T = TypeVar("T")

_CONSUMER_ID = Struct(">q")
_CORRELATION = Struct(">q")
_COMMAND_ID = Struct(">i")
_RECEIVE = packets.SessionReceiveMessage.TYPE
_NULL = packets.NullResponse.TYPE
_CONFIRMED = packets.PacketsConfirmed.TYPE
_CONFIRMED_BYTES = 17  # of a whole one; the decoder says what is wrong with others
_NULL_RESPONSE = packets.NullResponse()


class Session:
    """See the module. Locked from its making until the broker has it, and while the link is lost."""

    def __init__(self, context: Context, ack_mode: AckMode, *, transacted: bool) -> None:
        self.id = SessionId(context.next_id())
        self.group = context.group()
        self.name = context.uuid()
        self.ack_mode = ack_mode
        self.transacted = transacted
        self.epoch = 0  #: counts the sessions that the broker made for it
        self.started = True
        self.closing = False
        self.distrusted = False  #: the broker's number cannot be true: not to be re-attached
        self.tainted = False  #: it replayed commands to a broker not ours: not to be re-attached a second time
        self.progress = 0  #: counts the answers that came
        self.error: CorewireError | None = None  #: why it is closed
        self.metadata: dict[str, str] = {}
        self.consumers: dict[int, Consumer] = {}
        self.producers: dict[ProducerId, Producer] = {}
        self.transaction = Transaction(self)
        self.outlets = Outlets(self)
        self.context = context
        self.answers = Answers()
        self._channel: Channel | None = None
        self._locked = True
        self._backlog = Backlog()
        self._unsettled: list[Command] = []
        self._last_consumer = -1
        self._last_producer = 0
        self._hand_outs = 0

    # -- getters -------------------------------------------------------------------------------------------------------

    @property
    def channel(self) -> Channel:
        """The channel of this epoch."""
        assert self._channel is not None
        return self._channel

    @property
    def locked(self) -> bool:
        """Whether there is no link to write to."""
        return self._locked

    @property
    def pre_acknowledged(self) -> bool:
        """Whether the broker forgets messages before it delivers them."""
        if self.ack_mode is AckMode.PRE:
            return True
        return self.context.config.pre_acknowledge and self.ack_mode is not AckMode.INDIVIDUAL

    @property
    def acknowledges_in_transaction(self) -> bool:
        """Whether acknowledgements take effect with a commit only."""
        return self.transacted or self.ack_mode in (AckMode.CLIENT, AckMode.INDIVIDUAL)

    @property
    def kept_bytes(self) -> int:
        """Bytes kept for replay, or waiting for a link."""
        return self._backlog.size if self._channel is None else self._backlog.size + self._channel.buffered_bytes

    @property
    def sends_unanswered(self) -> bool:
        """Whether a send is under way that will be answered."""
        return any(isinstance(command.packet, packets.SessionSend) for command in self.answers)

    @property
    def may_run_twice(self) -> bool:
        """Whether the broker may run a command twice after a re-attachment: one that is not ours, with a window."""
        return isinstance(self.channel, ForeignChannel) and self.channel.window_bytes is not None

    @property
    def may_continue(self) -> bool:
        """Whether it may be re-attached: without a window it kept nothing. A broker that is not ours may have run what it did not answer, and would run it
        twice: not to be borne with a commit behind the sends, nor after it happened once."""
        if self.tainted or self.distrusted or self.channel.window_bytes is None:
            return False
        committing = any(isinstance(command.packet, packets.SessionCommit) for command in self.answers)
        return not (self.may_run_twice and self.transacted and committing and self.sends_unanswered)

    def next_timeout(self) -> float | None:
        """When the next command will have waited too long."""
        deadlines = (self._backlog.deadline(), self.answers.deadline(), self.outlets.next_timeout())
        return min((at for at in deadlines if at is not None), default=None)

    def next_consumer(self) -> int:
        """The wire's number for the next consumer."""
        self._last_consumer += 1
        return self._last_consumer

    def next_producer(self) -> int:
        """The wire's number for the next producer."""
        self._last_producer += 1
        return self._last_producer

    def next_hand_out(self) -> int:
        """Number of the next message that is handed out."""
        self._hand_outs += 1
        return self._hand_outs

    def check_open(self) -> None:
        """Raise what a command on a closed session raises: ObjectClosed, or NotConnected if the client gave up."""
        if self.error is not None:
            raise self.error
        if self.closing:
            raise ObjectClosed("the session is closed", subject=f"session {self.name}")

    # -- commands --------------------------------------------------------------------------------------------------------

    def run(
        self,
        now: float,
        script: Script[T],
        undo: Callable[[float, T], None] | None = None,
        *,
        leaving: bool = False,
    ) -> Call[T]:
        """Begin a script. ``undo`` closes what it opened if its caller has gone meanwhile; ``leaving``: it closes something."""
        call: Call[T] = Call()
        self._step(now, Task(call, script, undo, leaving=leaving))
        return call

    def background(self, now: float, script: Script[T]) -> None:
        """Begin a script that nobody waits for."""
        call: Call[T] = Call()
        call.abandoned = True
        self._step(now, Task(call, script))

    def post(self, packet: Packet) -> None:
        """Write what is not answered and means this epoch only."""
        if self._locked:
            self._backlog.append(Command(packet, fate=Fate.FORGOTTEN, bound=True))
        else:
            channel = self.channel
            channel.send_frame(encode(packet, channel.channel, channel.version))

    def write(self, now: float, command: Command) -> None:
        """Write a command, or let it wait for a link."""
        if self.error is not None:
            if command.fate is Fate.DONE:
                self._give(now, command)
            else:
                self._lose(now, command, final=True)
        elif self._locked:
            failover_s = self.context.config.call_failover_timeout_s
            if command.deadline is None and command.waiter is not None and failover_s is not None:
                command.deadline = now + failover_s
            self._backlog.append(command)
            self._let_leave(command)
        else:
            self._put(now, command)

    def _let_leave(self, command: Command) -> None:
        """The link is lost. Whoever only wants to close something does not wait for it; the broker is told later."""
        leaving = command.waiter.leaving if isinstance(command.waiter, Task) else False
        call = command.call
        if call is not None and not call.done and (leaving or isinstance(command.packet, packets.SessionClose)):
            self.context.succeed(call, None)

    def withdraw(self, command: Command) -> None:
        """Take back a command that no broker has seen; harmless for others."""
        if not command.written:
            self._backlog.discard(command)

    def _put(self, now: float, command: Command) -> None:
        packet, channel = command.packet, self.channel
        command.written, command.epoch = True, self.epoch
        if command.answer is None:
            channel.send_frame(encode(packet, channel.channel, channel.version))
            return
        correlation = -1
        match packet:
            case packets.SessionSend() if capabilities(channel.version).correlation_ids:
                packet.correlation_id = correlation = channel.next_async_correlation()
            case packets.SessionCommit() if capabilities(channel.version).commit_correlation:
                packet.correlation_id = correlation = channel.next_blocking_correlation()
            case _:
                pass
        command.deadline = None if command.patient else now + self.context.config.call_timeout_s
        command.ticket = channel.ask_frame(encode(packet, channel.channel, channel.version))
        self.answers.expect(command, correlation)

    def _step(self, now: float, task: Task[T], answer: Packet | None = None, error: Exception | None = None) -> None:
        call = task.call
        try:
            command = task.script.send(answer) if error is None else task.script.throw(error)
        except StopIteration as stop:
            if not call.done:
                self.context.succeed(call, stop.value)
            if task.undo is not None:
                value, undo = stop.value, task.undo
                call.untake = lambda then: undo(then, value)
                if call.abandoned or call.error is not None:  # its caller was told that it took too long
                    call.untake(now)
        except (Lost, CorewireError) as failure:
            if not call.done:
                self.context.fail(call, failure.error if isinstance(failure, Lost) else failure)
        else:
            command.waiter = task
            self.write(now, command)

    # -- what comes from the broker -----------------------------------------------------------------------------------------

    def receive_frame(self, now: float, frame: bytes) -> None:
        """A whole frame of this session's channel. Raises RemoteProtocolError."""
        kind = frame[4]
        if kind == _RECEIVE:
            (number,) = _CONSUMER_ID.unpack_from(frame, len(frame) - 12)
            self.channel.processed(len(frame))
            if (consumer := self.consumers.get(number)) is not None:
                consumer.deliver(frame)
        elif kind == _NULL:
            self.channel.processed(len(frame))
            correlation = _CORRELATION.unpack_from(frame, 13)[0] if len(frame) >= 21 else None
            self._answered(now, _NULL_RESPONSE, correlation)
        elif kind == _CONFIRMED and len(frame) >= _CONFIRMED_BYTES:
            self.channel.confirmed(_COMMAND_ID.unpack_from(frame, 13)[0])
        else:
            packet = decode(frame, self.channel.version)
            self.channel.processed(len(frame))
            self._receive(now, packet)
        if self.outlets.waiting:
            self.outlets.pump(now)

    def _receive(self, now: float, packet: Packet) -> None:
        match packet:
            case packets.SessionProducerCredits(credits=credits, address=address):
                self.outlets.granted(now, address, credits, failed=False)
            case packets.SessionProducerFailCredits(credits=credits, address=address):
                self.outlets.granted(now, address, credits, failed=True)
            case packets.DisconnectConsumer(consumer_id=number):
                if (consumer := self.consumers.get(number)) is not None:
                    consumer.closed_by_broker(now)
            case packets.SessionReceiveLargeMessage(consumer_id=number):
                if (consumer := self.consumers.get(number)) is not None:
                    consumer.refuse_large()
            case packets.SessionReceiveContinuation():
                pass  # of a large message that was refused
            case _:
                self._answered(now, packet, getattr(packet, "correlation_id", None))

    def _answered(self, now: float, packet: Packet, correlation: int | None) -> None:
        command = self.answers.match(packet.TYPE, correlation)
        if command is None:
            return
        self.progress += 1
        error = refusal(packet)
        self.channel.answered(command.ticket, refused=error is not None)
        if isinstance(command.packet, packets.SessionClose):
            self._give(now, command)
            return
        waiter = command.waiter
        if isinstance(waiter, Task):
            self._step(now, waiter, packet, error)
        elif waiter is not None and not waiter.done:
            if error is None:
                self.context.succeed(waiter, None)
            else:
                self.context.fail(waiter, error)

    def expire(self, now: float) -> bool:
        """Tell callers that have waited too long. Returns whether the link is to blame: an answer did not come."""
        self.outlets.tell(now)
        self.outlets.expire(now)
        late = self.answers.expire(now)
        waiting = self._backlog.expire(now)
        for command in waiting:
            if isinstance(command.waiter, Call):
                self.withdraw(command)
        for command in (*late, *waiting):
            self._let_leave(command)  # there may be a link, but hardly a broker
            call = command.call
            if call is None or call.done:
                continue
            if command.written and isinstance(command.packet, packets.SessionCommit):
                self.context.fail(call, TransactionOutcomeUnknown("the commit was not answered in time"))
            else:
                self.context.fail(call, CallTimeout(f"{command.packet.NAME} was not answered in time"))
        return bool(late) and not self._locked

    # -- losing and finding the link ----------------------------------------------------------------------------------------

    def lock(self, now: float) -> None:
        """The link is lost."""
        self._locked = True
        self.outlets.limit(now)
        for command in self.answers:
            self._let_leave(command)

    def begin_epoch(self, now: float, channel: Channel, error: CorewireError | None) -> None:
        """The broker made the session (anew), on this channel. ``error`` says what became of the one before."""
        again = [c for c in self.answers if c.fate is Fate.AGAIN]
        for command in again:
            command.repeated = True
        waiting = self._backlog.take_all()
        self._unsettled += [c for c in self.answers.take_all() if c.fate is not Fate.AGAIN]
        self._unsettled += [c for c in waiting if c.bound]
        for command in (*again, *(c for c in waiting if not c.bound)):
            self._backlog.append(command)
        if self._channel is not None:
            del self.context.by_channel[self._channel.channel]
        self._channel = channel
        self.context.by_channel[channel.channel] = self
        self.epoch += 1
        self.tainted = self.distrusted = False
        if error is not None:
            self.transaction.session_lost(error)
        self._locked = False  # what follows goes first, before the backlog
        for producer in self.producers.values():
            producer.announce()
        for consumer in list(self.consumers.values()):
            consumer.reopen(now)
        if self.started:
            self.post(packets.SessionStart())
        self.outlets.reset(now)
        self._locked = True

    def unlock(self, now: float, error: CorewireError | None) -> None:
        """The session is on a link again: write what waited, tell callers whose commands were lost by ``error``."""
        self._locked = False
        self.outlets.lift_limits()
        for key, value in self.metadata.items():
            packet = packets.SessionAddMetadata2(key, value, requires_confirmation=False)
            self.channel.send_uncounted(encode(packet, self.channel.channel, self.channel.version))
        for command in self._backlog.take_all():
            self._put(now, command)
        unsettled, self._unsettled = self._unsettled, []
        for command in unsettled:
            self._settle(now, command, error)
        self.outlets.pump(now)

    def _settle(self, now: float, command: Command, error: CorewireError | None) -> None:
        match command.fate:
            case Fate.DONE:
                self._give(now, command)
            case Fate.FORGOTTEN:
                if isinstance(command.waiter, Task):
                    command.waiter.script.close()
            case Fate.AGAIN | Fate.UNBLOCKED:
                self._lose(now, command, final=False, cause=error)

    def _give(self, now: float, command: Command) -> None:
        if isinstance(command.waiter, Task):
            self._step(now, command.waiter, _NULL_RESPONSE)
        elif command.waiter is not None and not command.waiter.done:
            self.context.succeed(command.waiter, None)
        if isinstance(command.packet, packets.SessionClose):
            self.end(now, ObjectClosed("the session is closed", subject=f"session {self.name}"))

    def _lose(self, now: float, command: Command, *, final: bool, cause: CorewireError | None = None) -> None:
        cause = cause or self.error
        if command.written and (not final or command.fate is Fate.UNBLOCKED):
            lost: CorewireError = Unblocked(f"{command.packet.NAME} was on its way when the session was lost")
        else:
            closed = self.error if isinstance(self.error, ObjectClosed) else None
            lost = closed or NotConnected("the connection was given up" if final else "the session was lost")
        lost.__cause__ = None if lost is cause else cause
        waiter = command.waiter
        if isinstance(waiter, Task):
            self._step(now, waiter, error=Lost(lost, written=command.written, final=final))
        elif waiter is None:
            if not self.transacted:  # of those, the commit tells
                self.context.counters.messages_maybe_lost += isinstance(command.packet, packets.SessionSend)
        elif not waiter.done:
            self.context.fail(waiter, lost)

    def end(self, now: float, error: CorewireError) -> None:
        """The session is over, here and for good: ``error`` is what later calls raise."""
        if self.error is not None:
            return
        self.error = error
        pending = [*self._unsettled, *self.answers.take_all(), *self._backlog.take_all()]
        self._unsettled = []
        for command in pending:
            if command.fate is Fate.DONE:
                self._give(now, command)
            elif command.fate is Fate.FORGOTTEN:
                self._settle(now, command, error)
            else:
                self._lose(now, command, final=True)
        self.outlets.end(error)
        for consumer in list(self.consumers.values()):
            consumer.end(error)
        self.context.forget(self)
        if self._channel is not None:
            del self.context.by_channel[self._channel.channel]
            self._channel.close()

    # -- the session's own commands --------------------------------------------------------------------------------------------

    def start(self, now: float) -> Call[None]:
        """Let messages be delivered."""
        self.started = True
        self.post(packets.SessionStart())
        return self.done()

    def stop(self, now: float) -> Call[None]:
        """Deliver no more; done when nothing is under way any more."""
        self.started = False
        return self.run(now, self._stop())

    def _stop(self) -> Script[None]:
        yield Command(packets.SessionStop(), packets.NullResponse, Fate.DONE)

    def add_metadata(self, now: float, key: str, value: str, *, unique: bool) -> Call[None]:
        """Name the session; ``unique``: no other session of the broker may be named so."""
        return self.run(now, self.name_it(key, value, unique=unique))

    def name_it(self, key: str, value: str, *, unique: bool) -> Script[None]:
        """The script of ``add_metadata``. What is not unique is told again to every broker that takes the session over."""
        kind = packets.SessionUniqueAddMetadata if unique else packets.SessionAddMetadata2
        yield Command(kind(key, value), packets.NullResponse)
        if not unique:
            self.metadata[key] = value

    def close(self, now: float) -> Call[None]:
        """Close the session at the broker. While there is no link the call is done at once, and the broker told later."""
        if self.error is not None or self.closing:
            return self.done()
        for consumer in self.consumers.values():
            consumer.flush_acknowledgements()
        self.closing = True
        call: Call[None] = Call()
        self.write(now, Command(packets.SessionClose(), packets.NullResponse, Fate.DONE, waiter=call))
        return call

    def done(self) -> Call[None]:
        """A call that needs no answer. It is done before anybody could wait for it, so nobody is woken."""
        call: Call[None] = Call()
        call.succeed(None)
        return call

    def only_transacted(self, verb: str) -> None:
        """Raise LocalProtocolError if the session has no transactions of its own."""
        if not self.transacted:
            raise LocalProtocolError(f"cannot {verb}: the session is not transacted", subject=f"session {self.name}")
