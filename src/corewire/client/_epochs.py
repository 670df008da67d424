"""
What is left of a session when its link is lost, and how it goes on.

While the link is lost a session is *locked*: nothing is written, new commands wait in the backlog. After a re-attachment
the channel has written again what was lost, so nothing else changes: waiting answers simply come. After a recreation
a new *epoch* begins on a new channel: producers, consumers and the started state are announced first, then what may be
asked again, then the backlog; everything else is settled by its `Fate`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire._foreign_channel import ForeignChannel
from corewire.client._calls import Fate, Task
from corewire.client._ids import SessionId
from corewire.client._incoming import Incoming
from corewire.wire import packets
from corewire.wire.registry import encode

if TYPE_CHECKING:
    from corewire._channel import Channel
    from corewire.client._calls import Command
    from corewire.client._context import Context
    from corewire.client._ids import ProducerId
    from corewire.client._producer import Producer
    from corewire.client._transaction import Transaction
    from corewire.errors import CorewireError

#: What separates one transaction from the next.
_BOUNDARIES = (
    packets.SessionCommit,
    *(packets.SessionXaStart, packets.SessionXaJoin, packets.SessionXaResume),
    *(packets.SessionXaEnd, packets.SessionXaSuspend),
)


class Epochs(Incoming):
    """A session through all that the broker made for it, one after the other."""

    transaction: Transaction

    def __init__(self, context: Context, *, transacted: bool) -> None:
        super().__init__(context, transacted=transacted)
        self.id = SessionId(context.next_id())
        self.started = True
        self.distrusted = False  #: the broker's number cannot be true: not to be re-attached
        self.tainted = False  #: it replayed commands to a broker not ours: not to be re-attached a second time
        self.metadata: dict[str, str] = {}
        self.producers: dict[ProducerId, Producer] = {}
        self._unsettled: list[Command] = []

    @property
    def may_run_twice(self) -> bool:
        """Whether the broker may run a command twice after a re-attachment: one that is not ours, with a window."""
        return isinstance(self.channel, ForeignChannel) and self.channel.window_bytes is not None

    @property
    def may_continue(self) -> bool:
        """Whether it may be re-attached: without a window it kept nothing. A broker that is not ours may have run what it
        did not answer, and would run it twice: not to be borne where the sends would then be in another transaction, or in none,
        nor after it happened once."""
        if self.tainted or self.distrusted or self.channel.window_bytes is None:
            return False
        committing = any(isinstance(command.packet, _BOUNDARIES) for command in self.answers)
        return not (self.may_run_twice and self.transacted and committing and self.sends_unanswered)

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
        self.transaction.announce(now)
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
