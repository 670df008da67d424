"""
What is left of a session when its link is lost, and how it goes on.

While the link is lost a session is *locked*: nothing is written, new commands wait in the backlog. After a re-attachment
the channel has written again what was lost, so nothing else changes: waiting answers simply come. After a recreation
a new *epoch* begins on a new channel: producers, consumers and the started state are announced first, then what may be
asked again, then the backlog; everything else is settled by its `Fate`.

With exactly-once durable messages go back to their outlets instead, those first that were written and not answered: each
finds its way again, with the id that it had. That holds at the same broker and its successors. At another one nobody
knows what became of them, and their senders are told so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from corewire._foreign_channel import ForeignChannel
from corewire.client._calls import Fate, Task
from corewire.client._ids import SessionId
from corewire.client._incoming import Incoming
from corewire.wire import packets
from corewire.wire.registry import encode

if TYPE_CHECKING:
    from corewire._channel import Channel
    from corewire.client._calls import Command, Packet
    from corewire.client._context import Context
    from corewire.client._ids import ProducerId
    from corewire.client._producer import Producer
    from corewire.client._transaction import Transaction
    from corewire.client._tries import Tries
    from corewire.errors import CorewireError


def _separates(packet: Packet) -> bool:
    """One transaction from the next."""
    match packet:
        case packets.SessionCommit() | packets.SessionXaStart() | packets.SessionXaJoin() | packets.SessionXaResume():
            return True
        case packets.SessionXaEnd() | packets.SessionXaSuspend():
            return True
        case _:
            return False


@dataclass(frozen=True, slots=True)
class Attempt:
    """A session that was asked for, under this name and on this channel, which counts what came of it."""

    name: str
    channel: Channel


class Epochs(Incoming):
    """A session through all that the broker made for it, one after the other."""

    transaction: Transaction
    tries: Tries

    def __init__(self, context: Context, *, transacted: bool) -> None:
        super().__init__(context, transacted=transacted)
        self.id = SessionId(context.next_id())
        self.started = True
        self.distrusted = False  #: the broker's number cannot be true: not to be re-attached
        self.tainted = False  #: it replayed commands to a broker not ours: not to be re-attached a second time
        self.metadata: dict[str, str] = {}
        self.producers: dict[ProducerId, Producer] = {}
        self.node_id: str | None = None  #: of the broker that made it
        self.attempts: list[Attempt] = []  #: what brokers may have made for it on links that were lost meanwhile
        #: Whether the broker may run a command twice after a re-attachment: one that is not ours, with a window.
        self.may_run_twice = False
        self._unsettled: list[Command] = []
        self._locked_at = 0.0

    @property
    def may_continue(self) -> bool:
        """Whether it may be re-attached: without a window it kept nothing. A broker that is not ours may have run what it
        did not answer, and would run it twice: not to be borne where the sends would then be in another transaction, or in none,
        nor after it happened once."""
        if self.tainted or self.distrusted or self.channel.window_bytes is None:
            return False
        committing = any(_separates(command.packet) for command in (*self.answers, *self._backlog))
        return not (self.may_run_twice and self.transacted and committing and self.sends_unanswered)

    def lock(self, now: float) -> None:
        """The link is lost."""
        if not self.locked:
            self.locked, self._locked_at = True, now
        self.outlets.limit(now)
        for command in self.answers:
            self._let_leave(command)
        self.tries.link_lost()

    def begin_epoch(self, now: float, channel: Channel, error: CorewireError | None) -> None:
        """The broker made the session (anew), on this channel. ``error`` says what became of the one before."""
        self.outlets.unstored = self.outlets.unstored or self.sends_unanswered
        self._sort_out()
        if self._channel is not None:
            del self.context.by_channel[self._channel.channel]
        self._channel = channel
        self.context.by_channel[channel.channel] = self
        self.may_run_twice = isinstance(channel, ForeignChannel) and channel.window_bytes is not None
        self.epoch += 1
        self.node_id = self.context.node_id
        self.attempts = []
        self.tainted = self.distrusted = False
        self._locked_at = now
        if error is not None:
            self.transaction.session_lost(error)
        self.locked = False  # what follows goes first, before the backlog
        for producer in self.producers.values():
            producer.announce()
        for consumer in list(self.consumers.values()):
            consumer.reopen(now, error)
        self.transaction.announce(now)
        if self.started:
            self.post(packets.SessionStart())
        self.outlets.reset(now, error)
        self.locked = True

    def _sort_out(self) -> None:
        """Find what may be asked or sent again; the rest is settled when the link is there."""
        asked, waiting = self.answers.take_all(), self._backlog.take_all()
        self._unanswered_bytes = 0
        known = self.node_id is not None and self.node_id == self.context.node_id
        again = [c for c in asked if c.fate is Fate.AGAIN]
        for command in again:
            command.ask_again()
        resent = [c for c in asked if known and c.fate is Fate.RESENT]
        self._unsettled += [c for c in asked if c.fate is not Fate.AGAIN and not (known and c.fate is Fate.RESENT)]
        if not known:
            self._unsettled += self.outlets.take_written()
        self._unsettled += [c for c in waiting if c.bound]
        resent += [c for c in waiting if c.outgoing is not None and not c.bound]
        for command in (*again, *(c for c in waiting if not c.bound and c.outgoing is None)):
            self._backlog.append(command)
        self.outlets.offer_again(resent)

    def unlock(self, now: float, error: CorewireError | None) -> None:
        """The session is on a link again: write what waited, tell callers whose commands were lost by ``error``."""
        self.locked = False
        self.progress += 1
        if self.context.exactly_once:
            self.answers.postpone(now - self._locked_at)
        self._wait_anew(now)
        self.outlets.lift_limits()
        for key, value in self.metadata.items():
            packet = packets.SessionAddMetadata2(key, value, requires_confirmation=False)
            self.channel.send_uncounted(encode(packet, self.channel.channel, self.channel.version))
        if isinstance(self.channel, ForeignChannel):
            for consumer in self.consumers.values():
                consumer.found_again()
        for command in self._backlog.take_all():
            self._put_at_last(now, command)
        self.answers.sort()
        unsettled, self._unsettled = self._unsettled, []
        for command in unsettled:
            self._settle(now, command, error)
        self.go_on_delivering(now)
        self.outlets.pump(now)

    def _put_at_last(self, now: float, command: Command) -> None:
        """Write what waited for a link. However often links are lost over it, its caller waits for no more than both time-outs
        together; with exactly-once as long as it takes."""
        config, call = self.context.config, command.call
        waited_for = call is not None and not (call.done or call.abandoned)
        other_s = config.call_failover_timeout_s if command.written else config.call_timeout_s
        if waited_for and command.latest is None and command.deadline is not None and other_s is not None:
            command.latest = None if config.exactly_once else command.deadline + other_s
        self.put(now, command)
        if waited_for and command.latest is not None and command.deadline is not None:
            command.deadline = min(command.deadline, command.latest)

    def _settle(self, now: float, command: Command, error: CorewireError | None) -> None:
        match command.fate:
            case Fate.DONE:
                self._give(now, command)
            case Fate.FORGOTTEN:
                if isinstance(command.waiter, Task):
                    command.waiter.script.close()
            case Fate.AGAIN | Fate.UNBLOCKED | Fate.RESENT:
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
        for consumer in self.context.consumers.values():  # those too that the broker had closed
            if consumer.session is self:
                consumer.acknowledgements.copies.close()
        self.context.forget(self)
        if self._channel is not None:
            del self.context.by_channel[self._channel.channel]
            self._channel.close()
