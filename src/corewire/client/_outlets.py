"""
Where the messages of one session go out: an outlet per destination, credits per address.

A message waits in its outlet, in the order of the calls, for three things: that the destination was looked up, that the
broker has granted credits for the address, and that there is room among the bytes kept for replay. Then it is admitted:
it becomes a command of the session; a large one becomes many, each with credits of its own. With exactly-once it comes back
when the session is made anew, to the head of its outlet. One of one piece that has nothing to wait for is written at once.
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from corewire.client._backlog import KNOWN_BYTES, cost_of
from corewire.client._calls import Lost
from corewire.client._credits import ProducerCredits
from corewire.client._destinations import look_up
from corewire.client._large_send import Turns
from corewire.client._options import A_MILLISECOND
from corewire.client._outgoing import Outgoing
from corewire.client._receipts import await_storage
from corewire.errors import AddressFull, BrokerError, CallTimeout, CorewireError, Unblocked
from corewire.events import ProducerBlocked, ProducerUnblocked
from corewire.wire.packets import SessionProducerRequestCredits

if TYPE_CHECKING:
    from corewire.client._calls import Call, Command, Script
    from corewire.client._large_send import Stream
    from corewire.client._outgoing import Piece
    from corewire.client._session import Session
    from corewire.values import Destination


OUTLETS_MAX = 1_000  # of a session, beside those where messages wait
BLOCKED_AFTER_S = 0.25  # credits that are merely on their way are no news
_LATEST: Final = attrgetter("latest")


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
        self.streams: list[Stream] = []  #: they let others pass
        self.ready = False  #: the destination was looked up
        self.looking = False  #: it is being looked up
        self.asking: Call[None] | None = None  #: that, for those who wait here
        self.error: CorewireError | None = None  #: why it was not found
        self.blocked_since: float | None = None
        self._told = False  # the application knows that it is blocked

    @property
    def busy(self) -> bool:
        """Whether a message waits here, or a stream goes out."""
        return bool(self.waiting or self.streams)

    def look_up(self) -> Script[None]:
        """Make sure that the destination is there; if it is not, those who wait are told why."""
        self.looking = True
        try:
            yield from self._session.outlets.await_storage()
            yield from look_up(self._session, self.destination)
        except (CorewireError, Lost) as failure:
            self.looking = False
            self.error = failure.error if isinstance(failure, Lost) else failure
            self._session.outlets.forget(self)
            self.end(self.error)
        else:
            self.looking = False
            self.ready = True
            for outgoing in (*self.streams, *self.waiting):
                outgoing.latest = None

    def limit(self, latest: float | None) -> None:
        """The destination is to be looked up: none waits longer for that than until ``latest``, or as long as it may already."""
        for outgoing in (*self.streams, *self.waiting):
            if outgoing.latest is None:
                outgoing.latest = latest

    @property
    def most_urgent(self) -> Outgoing | None:
        """What must be looked up for first, of all that wait for that and not for ever."""
        if self.ready:
            return None
        limited = [each for each in (*self.streams, *islice(self.waiting, 1)) if each.latest is not None]
        return min(limited, key=_LATEST, default=None)

    def ask_for_credits(self, size: int = 1) -> None:
        """Have credits for a message of ``size`` bytes on their way."""
        if due := self.credits.request_for(size):
            self._session.post(SessionProducerRequestCredits(due, self.destination.name))

    def pump(self, now: float) -> None:
        """Admit what may go."""
        session, context = self._session, self._session.context
        while self.ready and (front := self._front()) is not None:
            outgoing, (command, size) = front
            self.ask_for_credits(size)
            if self.credits.take_failure():
                self._drop(outgoing, AddressFull(f"address {self.destination.name!r} takes no more messages"))
                continue
            if not context.has_room(cost_of(command)):
                break
            if not self.credits.take(size):
                self._block(now)
                break
            self._unblock(now)
            repeated = command.written
            context.counters.bytes_sent += 0 if repeated else size
            last = outgoing.wrote()
            session.write(now, command)
            if last:
                context.counters.messages_sent += not repeated
                self._written(outgoing)
        else:
            self._unblock(now)  # whoever waited was admitted, or has gone
        for stream in tuple(self.streams):
            self._look_after(stream)

    def _front(self) -> tuple[Outgoing, Piece] | None:
        """What goes out next. The piece of a stream is the only one that it has, so others have their turn."""
        for stream in self.streams:
            if (piece := stream.piece()) is not None:
                return stream, piece
        while self.waiting:
            outgoing = self.waiting[0]
            if outgoing.error is not None:
                self._drop(outgoing, outgoing.error)
            elif (piece := outgoing.piece()) is not None:
                return outgoing, piece
            else:
                break
        return None

    def _written(self, outgoing: Outgoing) -> None:
        if outgoing not in self.streams:
            self.waiting.popleft()
            if outgoing.admitted is not None and not outgoing.admitted.done:
                self._session.context.succeed(outgoing.admitted, outgoing.receipt)
        outgoing.left()

    def _drop(self, outgoing: Outgoing, error: Exception) -> None:
        if outgoing in self.streams:
            outgoing.error = error
            return
        self.waiting.remove(outgoing)
        outgoing.left()
        self._refuse(outgoing, error)

    def _look_after(self, stream: Stream) -> None:
        stream.tell(ready=self.ready)
        if stream.ended or stream.error is not None:
            self.streams.remove(stream)
            stream.left()

    def admit(self, now: float, command: Command, size: int) -> bool:
        """Write a message of one piece at once, if it would wait for nothing. Returns whether it was."""
        session = self._session
        if session.locked or self.waiting or not self.ready:
            return False
        context = session.context
        if not context.has_room(command.size + KNOWN_BYTES) or (due := self.credits.pay(size)) is None:
            return False
        if due:
            session.post(SessionProducerRequestCredits(due, self.destination.name))
        if self.blocked_since is not None:
            self._unblock(now)
        counters = context.counters
        counters.messages_sent += 1
        counters.bytes_sent += size
        session.put(now, command)
        return True

    def end(self, error: CorewireError) -> None:
        """Nothing will go out here: tell those who wait."""
        for stream in tuple(self.streams):
            stream.error = stream.error or error
            self._look_after(stream)
        while self.waiting:
            outgoing = self.waiting.popleft()
            doubtful = outgoing.command.written and not isinstance(error, BrokerError)
            self._refuse(outgoing, unknown_outcome(error) if doubtful else error)

    def _refuse(self, outgoing: Outgoing, error: Exception) -> None:
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
        self.turns = Turns()
        self.unstored = False  #: the broker may still be storing what it had of a session before, and be late with it
        self._session = session
        self._outlets: dict[Destination, Outlet] = {}
        self._busy: dict[Outlet, None] = {}  # those where messages wait, in the order in which they began to
        self._last: Outlet | None = None  # that was asked for: found again without a hash of its destination
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
        urgent = (each.most_urgent for each in self._busy)
        times += [each.latest for each in urgent if each is not None and each.latest is not None]
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
        last = self._last
        if last is not None and last.destination is destination:
            return last
        outlet = self._outlets.get(destination)
        if outlet is None:
            if len(self._outlets) >= OUTLETS_MAX:
                self._forget_idle()
            window = self._session.context.config.producer_window_bytes
            account = self._credits.setdefault(destination.name, ProducerCredits(window))
            outlet = self._outlets[destination] = Outlet(self._session, destination, account)
        outlet.destination = destination  # equal, but maybe another object
        self._last = outlet
        return outlet

    def _forget_idle(self) -> None:
        self._last = None
        self._outlets = {each: outlet for each, outlet in self._outlets.items() if outlet.busy or outlet.looking}
        addresses = {destination.name: None for destination in self._outlets}
        self._credits = {name: account for name, account in self._credits.items() if name in addresses}

    def open_stream(self, now: float, stream: Stream, destination: Destination) -> None:
        """Let a large message in pieces have its turn. Until it has ended, ``feed`` gives it more."""
        outlet = self.outlet(destination)
        outlet.streams.append(stream)
        stream.outlet = outlet
        self._begin(now, outlet, stream)

    def feed(self, now: float, stream: Stream, data: bytes, call: Call[None], *, last: bool) -> None:
        """More of a stream; ``call`` is told when it was written."""
        assert stream.outlet is not None
        stream.more(data, call, last=last)
        self._begin(now, stream.outlet, stream)

    def abort(self, now: float, stream: Stream, error: CorewireError) -> None:
        """A stream will not go on. Harmless for one that has ended."""
        outlet = stream.outlet
        if outlet is not None and stream in outlet.streams:
            stream.error = stream.error or error
            self._pump(now, outlet)

    def _begin(self, now: float, outlet: Outlet, outgoing: Outgoing) -> None:
        self._enter(outlet, outgoing)
        if not (outlet.ready or outlet.looking):
            self._look_up(now, outlet)
        elif outlet.asking is not None and outlet.asking.done:
            outlet.asking = None  # in vain, when nobody waited: the answer may still come to this one
        self._pump(now, outlet)
        if not outlet.ready and outgoing.latest is None:
            outgoing.latest = self._look_up_until(now)
        if self._session.locked and (outgoing in outlet.streams or (outlet.waiting and outlet.waiting[-1] is outgoing)):
            self._limit(now, outlet, outgoing)

    def _enter(self, outlet: Outlet, outgoing: Outgoing) -> None:
        self._remember(outlet, outgoing)
        self._busy[outlet] = None
        if (call := outgoing.call) is not None:
            call.withdraw = lambda then: self._withdraw(then, outlet, outgoing)

    def _remember(self, outlet: Outlet, outgoing: Outgoing) -> None:
        outgoing.destination = outlet.destination
        if self._session.sends_again and outgoing.repeatable:
            outgoing.command.outgoing = outgoing

    def offer(self, now: float, destination: Destination, outgoing: Outgoing) -> None:
        """Send a message as soon as there is room; ``outgoing.call`` withdraws it until it was written."""
        outlet = self.outlet(destination)
        if type(outgoing) is Outgoing:
            self._remember(outlet, outgoing)
            if outlet.admit(now, outgoing.command, outgoing.size):
                if outgoing.admitted is not None:
                    outgoing.admitted.succeed(outgoing.receipt)  # before anybody could wait for it
                return
        outlet.waiting.append(outgoing)
        self._begin(now, outlet, outgoing)

    def offer_again(self, commands: list[Command]) -> None:
        """The session is made anew, and these are to go out before all that waits. Their destinations are looked up again."""
        for command in reversed(commands):
            outgoing = command.outgoing
            assert outgoing is not None
            assert outgoing.destination is not None
            command.deadline = None
            outlet = self.outlet(outgoing.destination)
            outlet.waiting.appendleft(outgoing)
            outgoing.begin_again()
            self._enter(outlet, outgoing)

    def take_written(self) -> list[Command]:
        """Take out what was written once and has not found its way again."""
        written: list[Command] = []
        for outlet in self._busy:
            written += [each.command for each in outlet.waiting if each.command.written]
            outlet.waiting = deque(each for each in outlet.waiting if not each.command.written)
        return written

    def await_storage(self) -> Script[None]:
        """Before anything is sent again, or behind it, with exactly-once."""
        if self.unstored and self._session.sends_again:
            yield from await_storage(self._session)
            self.unstored = False

    def _look_up(self, now: float, outlet: Outlet) -> None:
        outlet.asking = self._session.background(now, outlet.look_up())

    def give_up_look_ups(self, now: float) -> None:
        """The broker has not answered a look-up in time: tell those who have waited for as long as that."""
        config = self._session.context.config
        told_by = now + (config.call_failover_timeout_s or 0.0) + A_MILLISECOND  # sums are not exact
        for outlet in list(self._busy):
            if outlet.asking is None or not isinstance(outlet.asking.error, CallTimeout):
                continue
            outlet.asking = None
            for outgoing in (*outlet.streams, *outlet.waiting):
                if outgoing.latest is None or outgoing.latest <= told_by:
                    self._give_up(now, outlet, outgoing, "the destination was not looked up in time")

    def _look_up_until(self, now: float) -> float | None:
        """How long a sender waits for a look-up that begins now, whatever happens to links meanwhile. None: without limit."""
        config = self._session.context.config
        failover_s = None if config.exactly_once else config.call_failover_timeout_s
        return None if failover_s is None else now + config.call_timeout_s + failover_s

    # -- while there is no link

    def limit(self, now: float) -> None:
        """The link is lost: who waits for room does so no longer than callers of commands."""
        for outlet in self._busy:
            for outgoing in (*outlet.streams, *outlet.waiting):
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
            self._give_up(now, outlet, outgoing, "no broker came back in time")
        for outlet in list(self._busy):
            while (urgent := outlet.most_urgent) is not None and urgent.latest is not None and urgent.latest <= now:
                urgent.latest = None
                self._give_up(now, outlet, urgent, "the destination was not looked up in time")

    def _give_up(self, now: float, outlet: Outlet, outgoing: Outgoing, why: str) -> None:
        call = outgoing.call
        if call is not None and not call.done:
            self._session.context.fail(call, CallTimeout(why))
            self._withdraw(now, outlet, outgoing)

    # -- when room is made

    def _withdraw(self, now: float, outlet: Outlet, outgoing: Outgoing) -> None:
        if outgoing.command.written:
            return  # it is on its way, and may have arrived
        if outgoing in outlet.streams:
            outgoing.error = outgoing.error or CallTimeout("its caller has gone")
            self._pump(now, outlet)
        elif outgoing in outlet.waiting:
            outlet.waiting.remove(outgoing)
            outgoing.left()
            self._limits = deque(each for each in self._limits if each[2] is not outgoing)
            self._pump(now, outlet)  # those behind it may be smaller
        else:
            self._session.withdraw(outgoing.command)
            self._session.context.pump(now)

    def pump(self, now: float) -> None:
        """Admit what may go, everywhere."""
        for outlet in list(self._busy):
            self._pump(now, outlet)

    def _pump(self, now: float, outlet: Outlet | None) -> None:
        while outlet is not None:
            before = self.turns.holder
            outlet.pump(now)
            if not outlet.busy:
                self._busy.pop(outlet, None)
            heir = self.turns.holder
            outlet = None if heir is before or heir is None or heir.destination is None else self.find(heir.destination)

    def granted(self, now: float, address: str, size: int, *, failed: bool) -> None:
        """The broker granted credits."""
        if (account := self._credits.get(address)) is not None:
            account.granted(size, failed=failed)
            self.pump(now)

    def reset(self, now: float, error: CorewireError | None) -> None:
        """The session was made anew, lost by ``error``: credits are gone, and destinations may be."""
        self.turns.epoch_lost(error)
        for account in self._credits.values():
            account.reset()
        for outlet in list(self._outlets.values()):
            outlet.ready = False
            outlet.limit(self._look_up_until(now))
            if not outlet.busy:
                self.forget(outlet)
            elif not outlet.looking:  # else that will be asked again
                self._look_up(now, outlet)

    def forget(self, outlet: Outlet) -> None:
        """Look the destination up again when it is used next."""
        if self._outlets.get(outlet.destination) is outlet:
            del self._outlets[outlet.destination]
            self._last = None

    def end(self, error: CorewireError) -> None:
        """The session is over."""
        for outlet in list(self._busy):
            outlet.end(error)
        self._busy.clear()
