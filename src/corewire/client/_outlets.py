"""
Where the messages of one session go out: an outlet per destination, credits per address.

A message waits in its outlet, in the order of the calls, for three things: that the destination was looked up, that the
broker has granted credits for the address, and that there is room among the bytes kept for replay. Then it is admitted:
it becomes a command of the session. With exactly-once it comes back when the session is made anew, to the head of its outlet.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from corewire.client._calls import Lost
from corewire.client._credits import ProducerCredits
from corewire.client._destinations import look_up
from corewire.errors import AddressFull, BrokerError, CallTimeout, CorewireError, Unblocked
from corewire.events import ProducerBlocked, ProducerUnblocked
from corewire.wire.packets import SessionProducerRequestCredits

if TYPE_CHECKING:
    from corewire.client._calls import Call, Command, Script
    from corewire.client._session import Session
    from corewire.values import Destination


OUTLETS_MAX = 1_000  # of a session, beside those where messages wait
BLOCKED_AFTER_S = 0.25  # credits that are merely on their way are no news


@dataclass(slots=True, eq=False)
class Outgoing:
    """A message that waits for room."""

    command: Command
    size: int  #: what it costs in credits
    admitted: Call[Any] | None  #: told when there was room, with `receipt`
    receipt: Call[None] | None = None
    destination: Destination | None = None  #: where it goes; known when it is offered

    @property
    def call(self) -> Call[Any] | None:
        """Who waits for it now."""
        return self.admitted or self.command.call


def unknown_outcome(cause: CorewireError) -> Unblocked:
    """What senders are told whose message was written, and will not be written again."""
    lost = Unblocked("SESS_SEND was on its way when the session was lost")
    lost.__cause__ = cause
    return lost


class Outlet:
    """One destination."""

    def __init__(self, session: Session, destination: Destination, account: ProducerCredits) -> None:
        self._session = session
        self.destination = destination
        self.credits = account
        self.waiting: deque[Outgoing] = deque()
        self.ready = False  #: the destination was looked up
        self.looking = False  #: it is being looked up
        self.error: CorewireError | None = None  #: why it was not found
        self.blocked_since: float | None = None
        self._told = False  # the application knows that it is blocked

    def look_up(self) -> Script[None]:
        """Make sure that the destination is there; if it is not, those who wait are told why."""
        self.looking = True
        try:
            yield from look_up(self._session, self.destination)
        except (CorewireError, Lost) as failure:
            self.looking = False
            self.error = failure.error if isinstance(failure, Lost) else failure
            self._session.outlets.forget(self)
            self.end(self.error)
        else:
            self.looking = False
            self.ready = True

    def ask_for_credits(self, size: int = 1) -> None:
        """Have credits for a message of ``size`` bytes on their way."""
        if due := self.credits.request_for(size):
            self._session.post(SessionProducerRequestCredits(due, self.destination.name))

    def pump(self, now: float) -> None:
        """Admit what may go."""
        session, context = self._session, self._session.context
        while self.waiting and self.ready:
            outgoing = self.waiting[0]
            self.ask_for_credits(outgoing.size)
            if self.credits.take_failure():
                self.waiting.popleft()
                self._refuse(outgoing, AddressFull(f"address {self.destination.name!r} takes no more messages"))
                continue
            if not context.has_room(outgoing.command.size):
                return
            if not self.credits.take(outgoing.size):
                self._block(now)
                return
            self._unblock(now)
            self.waiting.popleft()
            if not outgoing.command.written:
                context.counters.messages_sent += 1
                context.counters.bytes_sent += outgoing.size
            session.write(now, outgoing.command)
            if outgoing.admitted is not None and not outgoing.admitted.done:
                context.succeed(outgoing.admitted, outgoing.receipt)

    def end(self, error: CorewireError) -> None:
        """Nothing will go out here: tell those who wait."""
        while self.waiting:
            outgoing = self.waiting.popleft()
            doubtful = outgoing.command.written and not isinstance(error, BrokerError)
            self._refuse(outgoing, unknown_outcome(error) if doubtful else error)

    def _refuse(self, outgoing: Outgoing, error: CorewireError) -> None:
        for call in (outgoing.admitted, outgoing.command.call):
            if call is not None and not call.done:
                self._session.context.fail(call, error)
                return

    def _block(self, now: float) -> None:
        if self.blocked_since is None:
            self.blocked_since = now
            self._told = False

    def _unblock(self, now: float) -> None:
        if self.blocked_since is not None:
            waited_s = now - self.blocked_since
            self.blocked_since = None
            self._session.context.counters.credit_wait_s += waited_s
            if self._told:
                self._session.context.notify(ProducerUnblocked(self.destination.name, waited_s))

    @property
    def to_be_told_at(self) -> float | None:
        """When the application is told that senders wait; None: not yet, or it knows."""
        return None if self.blocked_since is None or self._told else self.blocked_since + BLOCKED_AFTER_S

    def tell(self, now: float) -> None:
        """Tell the application if senders have waited for long."""
        if (at := self.to_be_told_at) is not None and at <= now:
            self._told = True
            self._session.context.notify(ProducerBlocked(self.destination.name))


class Outlets:
    """All outlets of a session. Idle ones are forgotten when there are too many: replies have a destination each."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._outlets: dict[Destination, Outlet] = {}
        self._busy: dict[Outlet, None] = {}  # those where messages wait, in the order in which they began to
        self._credits: dict[str, ProducerCredits] = {}
        self._limits: deque[tuple[float, Outlet, Outgoing]] = (
            deque()
        )  # while there is no link; deadlines never decrease

    @property
    def waiting(self) -> bool:
        """Whether a message waits for room."""
        return bool(self._busy)

    def next_timeout(self) -> float | None:
        """When the application is to be told that senders wait, or one of them has waited too long."""
        times = [at for each in self._busy if (at := each.to_be_told_at) is not None]
        if self._limits:
            times.append(self._limits[0][0])
        return min(times, default=None)

    def tell(self, now: float) -> None:
        """Tell the application of senders that have waited for long."""
        for outlet in self._busy:
            outlet.tell(now)

    def find(self, destination: Destination) -> Outlet | None:
        """The outlet for a destination, if it is in use."""
        return self._outlets.get(destination)

    def outlet(self, destination: Destination) -> Outlet:
        """The outlet for a destination, made when it is first needed."""
        outlet = self._outlets.get(destination)
        if outlet is None:
            if len(self._outlets) >= OUTLETS_MAX:
                self._forget_idle()
            window = self._session.context.config.producer_window_bytes
            account = self._credits.setdefault(destination.name, ProducerCredits(window))
            outlet = self._outlets[destination] = Outlet(self._session, destination, account)
        return outlet

    def _forget_idle(self) -> None:
        self._outlets = {each: outlet for each, outlet in self._outlets.items() if outlet.waiting or outlet.looking}
        addresses = {destination.name: None for destination in self._outlets}
        self._credits = {name: account for name, account in self._credits.items() if name in addresses}

    def offer(self, now: float, destination: Destination, outgoing: Outgoing) -> None:
        """Send a message as soon as there is room; ``outgoing.call`` withdraws it until it was written."""
        outlet = self.outlet(destination)
        outlet.waiting.append(outgoing)
        self._enter(outlet, destination, outgoing)
        if not (outlet.ready or outlet.looking):
            self._session.background(now, outlet.look_up())
        self._pump(now, outlet)
        if self._session.locked and outlet.waiting and outlet.waiting[-1] is outgoing:
            self._limit(now, outlet, outgoing)

    def _enter(self, outlet: Outlet, destination: Destination, outgoing: Outgoing) -> None:
        outgoing.destination = destination
        if self._session.sends_again:
            outgoing.command.outgoing = outgoing
        self._busy[outlet] = None
        if (call := outgoing.call) is not None:
            call.withdraw = lambda then: self._withdraw(then, outlet, outgoing)

    def offer_again(self, commands: list[Command]) -> None:
        """The session is made anew, and these are to go out before all that waits. Their destinations are looked up again."""
        for command in reversed(commands):
            outgoing = command.outgoing
            assert outgoing is not None
            assert outgoing.destination is not None
            command.deadline = None
            outlet = self.outlet(outgoing.destination)
            outlet.waiting.appendleft(outgoing)
            self._enter(outlet, outgoing.destination, outgoing)

    def take_written(self) -> list[Command]:
        """Take out what was written once and has not found its way again."""
        written: list[Command] = []
        for outlet in self._busy:
            written += [each.command for each in outlet.waiting if each.command.written]
            outlet.waiting = deque(each for each in outlet.waiting if not each.command.written)
        return written

    # -- while there is no link

    def limit(self, now: float) -> None:
        """The link is lost: who waits for room does so no longer than callers of commands."""
        for outlet in self._busy:
            for outgoing in outlet.waiting:
                self._limit(now, outlet, outgoing)

    def _limit(self, now: float, outlet: Outlet, outgoing: Outgoing) -> None:
        failover_s = self._session.context.config.call_failover_timeout_s
        if failover_s is not None and not outgoing.command.written:
            self._limits.append((now + failover_s, outlet, outgoing))

    def lift_limits(self) -> None:
        """A link is there again: it takes what it takes."""
        self._limits.clear()

    def expire(self, now: float) -> None:
        """Tell those who have waited too long; their messages are never sent."""
        while self._limits and self._limits[0][0] <= now:
            _, outlet, outgoing = self._limits.popleft()
            call = outgoing.call
            if call is not None and not call.done:
                self._session.context.fail(call, CallTimeout("no broker came back in time"))
                self._withdraw(now, outlet, outgoing)

    # -- when room is made

    def _withdraw(self, now: float, outlet: Outlet, outgoing: Outgoing) -> None:
        if outgoing.command.written:
            return  # it is on its way, and may have arrived
        if outgoing in outlet.waiting:
            outlet.waiting.remove(outgoing)
            self._limits = deque(each for each in self._limits if each[2] is not outgoing)
            self._pump(now, outlet)  # those behind it may be smaller
        else:
            self._session.withdraw(outgoing.command)
            self._session.context.pump(now)

    def pump(self, now: float) -> None:
        """Admit what may go, everywhere."""
        for outlet in list(self._busy):
            self._pump(now, outlet)

    def _pump(self, now: float, outlet: Outlet) -> None:
        outlet.pump(now)
        if not outlet.waiting:
            self._busy.pop(outlet, None)

    def granted(self, now: float, address: str, size: int, *, failed: bool) -> None:
        """The broker granted credits."""
        if (account := self._credits.get(address)) is not None:
            account.granted(size, failed=failed)
            self.pump(now)

    def reset(self, now: float) -> None:
        """The session was made anew: credits are gone, and destinations may be."""
        for account in self._credits.values():
            account.reset()
        for outlet in list(self._outlets.values()):
            outlet.ready = False
            if not outlet.waiting:
                self.forget(outlet)
            elif not outlet.looking:  # else that will be asked again
                self._session.background(now, outlet.look_up())

    def forget(self, outlet: Outlet) -> None:
        """Look the destination up again when it is used next."""
        if self._outlets.get(outlet.destination) is outlet:
            del self._outlets[outlet.destination]

    def end(self, error: CorewireError) -> None:
        """The session is over."""
        for outlet in list(self._busy):
            outlet.end(error)
        self._busy.clear()
