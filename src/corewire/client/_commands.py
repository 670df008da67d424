"""
The commands of one session: written in order or kept while there is no link, their answers, and whoever waits for them.

    command ── locked? ──> backlog ──┐
       └──────────────────────────> channel ──> answers ──> whoever waits

What becomes of them when a link is lost and found is decided by the `Epochs`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, TypeVar

from corewire.client._backlog import KNOWN_BYTES, Backlog
from corewire.client._calls import Answers, Call, Command, Fate, Lost, Task
from corewire.client._frames import frame_of
from corewire.client._refusals import refusal
from corewire.errors import (
    BrokerError,
    CallTimeout,
    CorewireError,
    LocalProtocolError,
    NotConnected,
    ObjectClosed,
    TransactionOutcomeUnknown,
    Unblocked,
)
from corewire.wire import packets

if TYPE_CHECKING:
    from collections.abc import Callable

    from corewire._channel import Channel
    from corewire.client._calls import Packet, Script
    from corewire.client._context import Context

T = TypeVar("T")

NULL_RESPONSE = packets.NullResponse()
_UNBLOCKED = Fate.UNBLOCKED  # an enum looks its members up in Python code, and this is asked for every message
_SENDS = (packets.SessionSend, packets.SessionSendContinuation)


class Commands(ABC):
    """See the module. Locked from its making until the broker has it, and while the link is lost."""

    def __init__(self, context: Context, *, transacted: bool) -> None:
        self.context = context
        self.name = context.uuid()  #: at the broker; changes when it is made anew
        self.transacted = transacted
        self.epoch: int = 0  #: counts the sessions that the broker made for it
        self.progress: int = 0  #: counts the answers that came
        self.error: CorewireError | None = None  #: why it is closed
        self.answers = Answers()
        self._backlog = Backlog()
        self._channel: Channel | None = None
        self.locked = True  #: there is no link to write to
        self._unanswered_bytes = 0  # of messages that are kept although the channel keeps nothing

    @property
    def channel(self) -> Channel:
        """The channel of this epoch."""
        assert self._channel is not None
        return self._channel

    @property
    def kept_bytes(self) -> int:
        """Bytes kept for replay, or waiting for a link, with what is known of each until it is answered."""
        kept = self._backlog.size + self._unanswered_bytes + KNOWN_BYTES * len(self.answers)
        return kept if self._channel is None else kept + self._channel.buffered_bytes

    @property
    def sends_unanswered(self) -> bool:
        """Whether a send is under way that will be answered."""
        return any(isinstance(command.packet, _SENDS) for command in self.answers)

    @property
    def _standing_still(self) -> bool:
        """Whether nobody is told now that an answer takes too long: exactly-once waits for the broker as long as it takes."""
        return self.locked and self.context.exactly_once

    def next_timeout(self) -> float | None:
        """When the next command will have waited too long."""
        deadlines = (self._backlog.deadline(), None if self._standing_still else self.answers.deadline())
        return min((at for at in deadlines if at is not None), default=None)

    @abstractmethod
    def end(self, now: float, error: CorewireError) -> None:
        """The session is over, here and for good: ``error`` is what later calls raise."""

    # -- writing --------------------------------------------------------------------------------------------------------

    def run(
        self,
        now: float,
        script: Script[T],
        undo: Callable[[float, T], None] | None = None,
        *,
        leaving: bool = False,
        call: Call[T] | None = None,
    ) -> Call[T]:
        """Begin a script. ``undo`` closes what it opened if its caller has gone meanwhile; ``leaving``: it closes something.
        ``call``: for whoever waits, where it is of a special kind."""
        call = call or Call()
        self._step(now, Task(call, script, undo, leaving=leaving))
        return call

    def background(self, now: float, script: Script[T]) -> Call[T]:
        """Begin a script that nobody waits for. What comes of it can be looked at."""
        call: Call[T] = Call()
        call.abandoned = True
        self._step(now, Task(call, script))
        return call

    def post(self, packet: Packet) -> None:
        """Write what is not answered and means this epoch only."""
        if self.locked:
            self._backlog.append(Command(packet, fate=Fate.FORGOTTEN, bound=True))
        else:
            channel = self.channel
            channel.send_frame(frame_of(packet, channel.channel, channel.allowed))

    def ask(self, command: Command) -> None:
        """Write a patient command that means this epoch only."""
        assert command.patient
        if self.error is None:
            if self.locked:
                self._backlog.append(command)
            else:
                self.put(0.0, command)  # no clock: it has no deadline

    def write(self, now: float, command: Command) -> None:
        """Write a command, or let it wait for a link."""
        if self.error is not None:
            if command.fate is Fate.DONE:
                self._give(now, command)
            else:
                self._lose(now, command, final=True)
        elif self.locked:
            failover_s = self.context.config.call_failover_timeout_s
            waits = command.waiter is not None and not self._let_leave(command)
            if command.deadline is None and waits and failover_s is not None:
                command.deadline = now + failover_s
            self._backlog.append(command)
        else:
            self.put(now, command)

    def _let_leave(self, command: Command) -> bool:
        """
        The link is lost. Whoever only wants to close something does not wait for it; the broker is told later, however late.

        Returns whether it is such a command.
        """
        leaving = command.waiter.leaving if isinstance(command.waiter, Task) else False
        if not leaving and not isinstance(command.packet, packets.SessionClose):
            return False
        call = command.call
        if call is not None and not call.done:
            self.context.succeed(call, None)
        return True

    def withdraw(self, command: Command) -> None:
        """Take back a command that no broker has seen; harmless for others."""
        if not command.written:
            self._backlog.discard(command)

    def put(self, now: float, command: Command) -> None:
        """Write a command to the link that is there. One that the wire cannot hold ends with its caller's call, nothing else."""
        packet, channel = command.packet, self._channel
        assert channel is not None
        allowed = channel.allowed
        kind = packet.__class__
        try:
            if command.answer is None:
                channel.send_frame(frame_of(packet, channel.channel, allowed))
                command.written, command.epoch = True, self.epoch
                return
            if (kind is packets.SessionSend or kind is packets.SessionSendContinuation) and allowed.correlation_ids:
                packet.correlation_id = command.correlation = channel.next_async_correlation()
            elif kind is packets.SessionCommit and allowed.commit_correlation:
                packet.correlation_id = command.correlation = channel.next_blocking_correlation()
            else:
                command.correlation = -1
            frame = frame_of(packet, channel.channel, allowed)
        except LocalProtocolError as error:
            self._refuse(now, command, error)
            return
        command.written, command.epoch = True, self.epoch
        if command.outgoing is not None and channel.window_bytes is None:
            self._unanswered_bytes += command.size
        command.deadline = None if command.patient else now + self.context.config.call_timeout_s
        command.ticket = channel.ask_frame(frame)
        self.answers.expect(command)
        if kind is packets.SessionSend and command.fate is _UNBLOCKED:
            packet.message = b""  # the channel keeps the frame: it is not kept twice, however long the answer takes

    def _refuse(self, now: float, command: Command, error: LocalProtocolError) -> None:
        """It cannot be written."""
        waiter = command.waiter
        if isinstance(waiter, Task):
            self._step(now, waiter, error=error)
        elif waiter is None:
            raise error
        elif not waiter.done:
            self.context.fail(waiter, error)

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

    # -- answers --------------------------------------------------------------------------------------------------------

    def answered(self, now: float, packet: Packet, correlation: int | None) -> None:
        """An answer came; ``correlation`` is the number that it carries, if any. One that nobody asked for is dropped."""
        if (command := self.answers.match(packet.TYPE, correlation)) is not None:
            self.answer(now, command, packet)

    def answer(self, now: float, command: Command, packet: Packet) -> None:
        """The answer to a command, which was taken out of those that wait for theirs."""
        self.progress += 1
        command.deadline = None
        error = None if packet is NULL_RESPONSE else refusal(packet, command.packet, self.context.connection)
        if command.outgoing is not None and self.channel.window_bytes is None:
            self._unanswered_bytes -= command.size
        if command.ticket:
            self.channel.answered(command.ticket, refused=error is not None)
        waiter = command.waiter
        if command.packet.__class__ is packets.SessionClose:
            self._give(now, command)
        elif isinstance(waiter, Task):
            self._step(now, waiter, packet, error)
        elif waiter is not None:
            # A receipt knows its command: the two would be a circle, one a message for the collector.
            command.waiter = None
            if not waiter.done:
                if error is None:
                    self.context.succeed(waiter, None)
                else:
                    self.context.fail(waiter, error)

    def _give(self, now: float, command: Command) -> None:
        if isinstance(command.waiter, Task):
            self._step(now, command.waiter, NULL_RESPONSE)
        elif command.waiter is not None and not command.waiter.done:
            self.context.succeed(command.waiter, None)
        if isinstance(command.packet, packets.SessionClose):
            self.end(now, ObjectClosed("the session is closed", subject=f"session {self.name}"))

    def _lose(self, now: float, command: Command, *, final: bool, cause: CorewireError | None = None) -> None:
        cause = cause or self.error
        if command.written and (not final or command.fate in (Fate.UNBLOCKED, Fate.RESENT)):
            lost: CorewireError = Unblocked(f"{command.packet.NAME} was on its way when the session was lost")
        else:
            closed = self.error if isinstance(self.error, ObjectClosed | BrokerError) else None
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

    def _outlasts(self, command: Command) -> bool:
        """Whether its caller hears nothing of a late answer: the link is given up, and what became of the command found out,
        or it is asked or sent again."""
        again = self.context.exactly_once and command.fate in (Fate.RESENT, Fate.AGAIN, Fate.DONE)
        return command.written and (again or command.settled)

    def _wait_anew(self, now: float) -> None:
        """The session goes on where it was: what outlasted the link waits for its answer as if it had been asked now."""
        for command in self.answers:
            if command.deadline is None and not command.patient and self._outlasts(command):
                self.answers.wait(command, now + self.context.config.call_timeout_s)

    def expire(self, now: float) -> bool:
        """Tell callers that have waited too long. Returns whether the link is to blame: an answer did not come."""
        late = [] if self._standing_still else self.answers.expire(now)
        waiting = self._backlog.expire(now)
        for command in waiting:
            if isinstance(command.waiter, Call) or command.revocable:
                self.withdraw(command)
        for command in (*late, *waiting):
            self._let_leave(command)  # there may be a link, but hardly a broker
            call = command.call
            if call is None or call.done or self._outlasts(command):
                continue
            if command.settled or (command.written and isinstance(command.packet, packets.SessionCommit)):
                self.context.fail(call, TransactionOutcomeUnknown("the commit was not answered in time"))
            else:
                self.context.fail(call, CallTimeout(f"{command.packet.NAME} was not answered in time"))
        for command in waiting:
            if command.revocable and isinstance(command.waiter, Task):
                command.waiter.script.close()
        return bool(late) and not self.locked
