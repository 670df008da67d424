"""
The programs that use the broker.

A process hosts the client engine that is shipped: it performs its effects and feeds its inputs over the invented network. What
an application does is a generator, as a thread would do it: it yields what it waits for, an operation of the engine or a time
in microseconds, and goes on with it when it is there.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from corewire._operation import Operation
from corewire._states import ClientState
from corewire.client._engine import ClientEngine
from corewire.effects import Completed, Dial, Hangup, Notify, Send
from corewire.errors import BrokerError, CallTimeout, ConnectionLost, ConnectionTimedOut, NotConnected
from corewire.events import FailureDetected, ProducerBlocked, ProducerUnblocked, Reattached
from corewire_server.simulator.clock import Clock
from corewire_server.simulator.network import Process
from corewire_server.simulator.strays import Strays
from corewire_server.simulator.world import MS, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from corewire.client.config import ClientConfig
    from corewire.events import ClientEvent
    from corewire_server.simulator.network import End, Network
    from corewire_server.simulator.world import World

T = TypeVar("T")
RETRY_US: Final = 100 * MS  # before an application tries again
GRACE_US: Final = 2 * SECOND
"""So much later than its deadline a call may end: the engine looks at deadlines when it is told the time."""
SENDS: Final = frozenset({"send", "submit", "send in a try"})
"""Calls that may wait for credits."""


@dataclass(slots=True)
class Patience:
    """What a task yields to wait for an operation at most so long; it gets whether that is done."""

    operation: Operation[Any]
    time_us: int


Wish: TypeAlias = "Operation[Any] | Patience | int"
Script: TypeAlias = Generator[Wish, Any, T]
Task: TypeAlias = Script[None]


class GivenUp(Exception):
    """The engine of a client has given up: whatever was opened with it is of no use any more."""


def check_connected(engine: ClientEngine) -> None:
    """Raise GivenUp if it has."""
    if engine.state is ClientState.FAILED:
        raise GivenUp


@dataclass(slots=True)
class _OpenCall:
    """An application waits in it."""

    number: int
    name: str
    deadline: int | None


class Client(Process):
    """One process with one client, and what its threads do with it."""

    def __init__(
        self, world: World, network: Network, name: str, config: ClientConfig, clock: Clock | None = None
    ) -> None:
        super().__init__()
        self.world = world
        self.name = name
        self.rng: Random = world.draw_rng()
        self.engine = ClientEngine(config, rng=world.draw_rng())
        self.tasks = 0  # that are not over
        self.sent: dict[str, int] = {}  # messages by their producer
        self.at_work = False  # all its tasks have begun
        self.leaving = False  # tasks that wait for nothing in particular should end
        self._strays = Strays() if self.rng.random() < 0.3 else None
        self._network = network
        self._clock = clock or Clock()
        self._links: dict[int, End] = {}
        self._waiting: dict[int, tuple[Operation[Any], Task]] = {}
        self._calls: dict[int, _OpenCall] = {}
        self._timer_at: int | None = None
        self._inside = False
        self._connecting = False  # one of its threads does
        self._blocked = 0  # destinations of sessions that have no credits
        self._ready: list[tuple[Task, Any]] = []
        config = self.engine.config
        failover_s = config.call_failover_timeout_s
        self._call_us: int | None = None  # exactly-once waits for a broker as long as it takes
        if failover_s is not None and not config.exactly_once:
            self._call_us = int((config.call_timeout_s + failover_s) * SECOND) + GRACE_US

    # -- for tasks

    def begin(self, task: Task) -> None:
        """Let a thread begin."""
        self.tasks += 1
        self._ready.append((task, None))
        self._turn()

    def connect(self) -> Script[None]:
        """Connect, with a new engine each time until it succeeds."""
        self._connecting = True
        while self._connecting:
            try:
                yield from self.settled("connect", self.ask(self.engine.start), endless=True)
            except (ConnectionLost, CallTimeout, BrokerError):
                yield RETRY_US
                self._begin_anew()
            else:
                self._connecting = False

    def now_s(self) -> float:
        """The monotonic clock of this client."""
        return self._clock.steady_us(self.world.now) / SECOND

    def connect_anew(self) -> Script[None]:
        """The engine has given up: connect again if no other thread does so already, or wait until that is done."""
        while self._connecting or not self.up:
            if not self._connecting and self.engine.state is ClientState.FAILED:
                self._begin_anew()
                yield from self.connect()
            else:
                yield RETRY_US

    def _begin_anew(self) -> None:
        self.engine = ClientEngine(self.engine.config, rng=self.rng)
        self._blocked = 0
        self._strays = None if self._strays is None else Strays()

    def ask(self, command: Callable[..., Operation[T]], *args: Any, **kwargs: Any) -> Operation[T]:
        """Begin a command. Raises GivenUp."""
        engine = getattr(command, "__self__", None)
        if isinstance(engine, ClientEngine):
            check_connected(engine)
        return command(self.now_s(), *args, **kwargs)

    def result(self, operation: Operation[T]) -> T:
        """Of one that is done. Raises GivenUp if its engine has."""
        if isinstance(operation.error, NotConnected):
            raise GivenUp
        return operation.result()

    def call(self, name: str, command: Callable[..., Operation[T]], *args: Any, **kwargs: Any) -> Script[T]:
        """Call the engine as an application does, and wait: it must end in time, whatever happens. Raises GivenUp."""
        return self.settled(name, self.ask(command, *args, **kwargs))

    def settled(self, name: str, operation: Operation[T], *, endless: bool = False) -> Script[T]:
        """Wait for an operation that must end in time; ``endless``: it may take as long as nobody is there."""
        if not operation.done:
            endless = endless or (name in SENDS and self._waits_for_credits)
            open_call = self._call_began(name, None if endless else self._call_us)
            yield operation
            self._call_ended(open_call, operation.error)
        return operation.result()

    def wait(self, operation: Operation[T], time_us: int | None) -> Script[bool]:
        """Wait for what may never come; after ``time_us`` walk away from it. Returns whether it is done."""
        if operation.done:
            return True
        if time_us is None:
            yield operation
            return True
        yield Patience(operation, time_us)
        if not operation.done:
            self.engine.abandon(self.now_s(), operation)
        return operation.done

    def _call_began(self, name: str, time_us: int | None) -> _OpenCall:
        now = self.world.now
        call = _OpenCall(self.world.next_call(), name, None if time_us is None else now + time_us)
        self._calls[call.number] = call
        self.world.observer.call_began(now, self.name, call.number, name, call.deadline)
        return call

    def _call_ended(self, call: _OpenCall, error: Exception | None) -> None:
        del self._calls[call.number]
        self.world.observer.call_ended(self.world.now, self.name, call.number, error)

    def _put_off(self, call: _OpenCall, time_us: int | None) -> None:
        """A call has another deadline, so long from now; None: none."""
        if call.deadline is not None or time_us is not None:
            call.deadline = None if time_us is None else self.world.now + time_us
            self.world.observer.call_began(self.world.now, self.name, call.number, call.name, call.deadline)

    @property
    def _waits_for_credits(self) -> bool:
        """Whether sends may take as long as the broker likes: as long as there is a link."""
        return self._blocked > 0 and self.up

    def _heed(self, event: ClientEvent) -> None:
        """Sends have no limit from when they wait for credits, and a new one from when they do not, or the link is lost."""
        before = self._blocked
        if isinstance(event, ProducerBlocked):
            self._blocked += 1
        elif isinstance(event, ProducerUnblocked):
            self._blocked -= 1
        elif not isinstance(event, FailureDetected | Reattached):
            return
        if (before or self._blocked) and (self.up or isinstance(event, FailureDetected)):
            for call in self._calls.values():
                if call.name in SENDS:
                    self._put_off(call, None if self._waits_for_credits else self._call_us)

    @property
    def open_calls(self) -> list[str]:
        """What its threads wait for."""
        return [call.name for call in self._calls.values()]

    @property
    def checks(self) -> bool:
        """Whether it finds out by itself that nothing comes any more."""
        config = self.engine.config
        return config.client_failure_check_period_s is not None and config.connection_ttl_s is not None

    @property
    def up(self) -> bool:
        """Whether it is connected, with all its sessions."""
        return self.engine.state is ClientState.UP

    # -- what happens to the process

    def kill(self, delay_us: int = MS) -> None:
        """It is killed; whoever waited in it waits no more."""
        self._network.leave(self, delay_us)
        self._waiting.clear()
        self._calls.clear()
        self.tasks = 0

    def go_on(self) -> None:
        for call in self._calls.values():  # a process that stood still cannot be in time
            if call.deadline is not None:
                self._put_off(call, self._call_us)
        super().go_on()

    # -- what comes in

    def connected(self, end: End) -> None:
        if end.number in self._links:
            self.engine.link_up(self.now_s(), end.number)
            self._turn()

    def refused(self, end: End) -> None:
        if self._links.pop(end.number, None) is not None:
            self.engine.link_down(self.now_s(), end.number, NotConnected("connection refused"))
            self._turn()

    def received(self, end: End, data: bytes) -> None:
        self.engine.receive_data(self.now_s(), end.number, data)
        self._turn()

    def lost(self, end: End) -> None:
        if self._links.pop(end.number, None) is not None:
            self.engine.link_down(self.now_s(), end.number, None)
            self._turn()

    def _dial_took_too_long(self, end: End) -> None:
        if end.reading or self._links.get(end.number) is not end:
            return
        del self._links[end.number]
        end.close()
        self.engine.link_down(self.now_s(), end.number, ConnectionTimedOut("no answer"))
        self._turn()

    # -- what goes out

    def _turn(self) -> None:
        """Perform what the engine wants, and let threads go on that have what they waited for, until nothing is left."""
        if self._inside:
            return
        self._inside = True
        while True:
            reattached = False
            for effect in self.engine.poll_effects():
                match effect:
                    case Send(link, chunks):
                        if (end := self._links.get(link)) is not None:
                            data = b"".join(chunks)
                            end.write(data)
                            if self._strays is not None:
                                self._strays.note(link, data)
                    case Completed(operation):
                        waiting = self._waiting.pop(id(operation), None)
                        if waiting is not None:
                            self._ready.append((waiting[1], None))
                    case Dial(link, endpoint, timeout_s):
                        self._dial(link, (endpoint.host, endpoint.port), timeout_s)
                    case Hangup(link):
                        if (end := self._links.pop(link, None)) is not None:
                            end.close()
                    case Notify(event):
                        self.world.observer.event(self.world.now, self.name, type(event).__name__)
                        self._heed(event)
                        reattached = reattached or isinstance(event, Reattached)
                    case _:
                        raise AssertionError(effect)
            if reattached and self._strays is not None:
                self._write_stray(self._strays)  # behind the replay: before it, it would break the order itself
            if not self._ready:
                break
            ready, self._ready = self._ready, []
            for task, value in ready:
                self._resume(task, value)
        self._inside = False
        self._set_timer()

    def _write_stray(self, strays: Strays) -> None:
        end = self._links.get(strays.link)
        if end is not None and strays.frame is not None:
            end.write(strays.frame)

    def _dial(self, link: int, address: tuple[str, int], timeout_s: float | None) -> None:
        end = self._network.dial(self, self.name, address)
        end.number = link
        self._links[link] = end
        if timeout_s is not None:
            self.world.after(int(timeout_s * SECOND), self, self._dial_took_too_long, end)

    def _resume(self, task: Task, value: Any) -> None:
        while True:
            try:
                wish = task.send(value)
            except StopIteration:
                self.tasks -= 1
                return
            match wish:
                case int():
                    self.world.after(wish, self, self._woken, task)
                    return
                case Patience(operation, time_us):
                    if operation.done:
                        value = None
                        continue
                    self._waiting[id(operation)] = (operation, task)
                    self.world.after(time_us, self, self._impatient, operation)
                    return
                case Operation():
                    if wish.done:
                        value = None
                        continue
                    self._waiting[id(wish)] = (wish, task)
                    return

    def _woken(self, task: Task) -> None:
        self._ready.append((task, None))
        self._turn()

    def _impatient(self, operation: Operation[Any]) -> None:
        waiting = self._waiting.pop(id(operation), None)
        if waiting is not None:
            self._woken(waiting[1])

    # -- time

    def _set_timer(self) -> None:
        due = self.engine.next_timeout()
        if due is None:
            return
        at = max(self._clock.when(int(due * SECOND) + 1), self.world.now)
        if self._timer_at is None or at < self._timer_at:
            self._timer_at = at
            self.world.at(at, self, self._rang, at)

    def _rang(self, at: int) -> None:
        if at == self._timer_at:
            self._timer_at = None
            self.engine.handle_timeout(self.now_s())
            self._turn()
