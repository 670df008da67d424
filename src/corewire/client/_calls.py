"""
Calls that are under way: who waits, what was asked, and in which order the answers come.

An exchange that takes several questions is a *script*: a generator that yields commands and gets their answers, written
as one reads it, without knowledge of links. A script outlives a lost link; what becomes of the command it waits for is
the command's `Fate`. Whoever waits for a script holds a `Call`; when he walks away the script goes on, and what it
opened is closed again.

Every command that will be answered stays in `Answers` until its own answer came, whether anybody waits for it or not:
otherwise the next caller would get it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from enum import Enum
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, Generic, TypeAlias, TypeVar

from corewire._operation import Operation
from corewire._replies import Replies

if TYPE_CHECKING:
    from collections.abc import Iterator

    from corewire.client._outgoing import Outgoing
    from corewire.errors import CorewireError

T = TypeVar("T")

GRACE_S = 1.0
#: One of the classes of `corewire.wire.packets`.
Packet: TypeAlias = Any


class Call(Operation[T]):
    """A pending answer whose caller may walk away."""

    __slots__ = ("abandoned", "untake", "withdraw")

    def __init__(self) -> None:
        self.done = False  # all in one place: it is made for every message
        self.error = None
        self.abandoned = False
        self.withdraw: Callable[[float], None] | None = None  #: takes back what was not done yet
        self.untake: Callable[[float], None] | None = None  #: undoes what the result stands for: nobody took it


class Fate(Enum):
    """What becomes of a command that was written to a session which then had to be made anew."""

    AGAIN = "again"  #: it only asks, or repeating it does no harm: asked again on the new session
    UNBLOCKED = "unblocked"  #: it may or may not have happened: its caller is told so
    DONE = "done"  #: the new session knows nothing of it, and that is what was wanted
    FORGOTTEN = "forgotten"  #: it meant the old session only, and nobody waits
    RESENT = "resent"  #: a message with an id that the broker takes only once: sent again, before newer ones


class Lost(Exception):  # a message to scripts, never seen outside
    """Thrown into a script: its command will not be answered."""

    def __init__(self, error: CorewireError, *, written: bool, final: bool) -> None:
        super().__init__(error)
        self.error = error  #: for the caller, where the script knows nothing better
        self.written = written  #: the broker may have executed it
        self.final = final  #: the connection was given up: no further command will be answered


@dataclass(slots=True, eq=False)
class Command:
    """One packet for a session, and what is expected to come back."""

    packet: Packet
    answer: type[Packet] | None = None  #: class of a good answer; None: it is not answered
    fate: Fate = Fate.UNBLOCKED
    bound: bool = False  #: it makes sense on the session it was meant for only, even if it was not written yet
    size: int = 0  #: bytes counted against the limit of what is kept for replay
    waiter: Task[Any] | Call[None] | None = None
    written: bool = False
    deadline: float | None = None
    latest: float | None = None  #: its caller is told by then, however often it is asked again
    revocable: bool = False  #: not to be written any more once its caller was told that it took too long
    patient: bool = False  #: nobody waits for its answer, or someone who judges by himself how long
    settled: bool = False  #: where its answer is late the link is given up, and its script finds out what became of it
    ticket: int = 0  #: of `Channel.ask_frame`
    correlation: int = -1  #: the number on the wire that its answer will carry; -1: none
    repeated: bool = False  #: asked again, on a new session or of a broker not ours: the first time may have done it
    renew: Callable[[], Packet] | None = None  #: what a new session is asked for instead
    epoch: int = 0  #: of the session that it was written to
    outgoing: Outgoing | None = None  #: the message that it carries, where that may have to find its way again
    asked: int = 0  #: its place among all that were asked

    def ask_again(self) -> None:
        """The session is made anew, and is asked the same."""
        self.repeated = True
        if self.renew is not None:
            self.packet = self.renew()

    @property
    def expected(self) -> tuple[int, ...]:
        """Type of its answer."""
        return () if self.answer is None else (self.answer.TYPE,)

    @property
    def call(self) -> Call[Any] | None:
        """Who waits for it."""
        return self.waiter.call if isinstance(self.waiter, Task) else self.waiter


_WHEN_ASKED: Final = attrgetter("asked")
_DEADLINE: Final = attrgetter("deadline")

Script: TypeAlias = Generator[Command, Packet, T]


class Task(Generic[T]):
    """A script and the call that waits for it."""

    __slots__ = ("call", "leaving", "script", "undo")

    def __init__(
        self,
        call: Call[T],
        script: Script[T],
        undo: Callable[[float, T], None] | None = None,
        *,
        leaving: bool = False,
    ) -> None:
        self.call = call
        self.script = script
        self.leaving = leaving  #: it closes something: its caller waits for a broker that is there, for no other
        self.undo = undo  #: closes what was opened for a caller who walked away


@dataclass(slots=True)
class Answers:
    """Written commands whose answer is to come, oldest first."""

    _replies: Replies[Command] = field(default_factory=lambda: Replies[Command]())
    _last_asked: int = 0
    _clock: deque[Command] = field(default_factory=lambda: deque[Command]())  # deadlines never decrease in it
    _grace_until: float = 0.0

    def __len__(self) -> int:
        return len(self._replies)

    def __iter__(self) -> Iterator[Command]:
        return iter(sorted(self._replies, key=_WHEN_ASKED))

    @property
    def sends(self) -> dict[int, Command]:
        """Those that are answered by the number that they carry. Whoever takes one out has matched it."""
        return self._replies.by_id

    def expect(self, command: Command) -> None:
        """A command was written that will be answered."""
        command.asked = self._last_asked = self._last_asked + 1
        if command.correlation > 0:
            self._replies.by_id[command.correlation] = command
        else:
            self._replies.ask(command)
        if command.deadline is not None:
            self._clock.append(command)

    def wait(self, command: Command, deadline: float) -> None:
        """One that had waited too long may wait again."""
        command.deadline = deadline
        self._clock.append(command)

    def sort(self) -> None:
        """Deadlines were brought forward."""
        self._clock = deque(sorted((each for each in self._clock if each.deadline is not None), key=_DEADLINE))

    def match(self, packet_type: int, correlation: int | None) -> Command | None:
        """Take out the command that an answer belongs to; None: nobody asked, drop it."""
        command = self._replies.match(packet_type, correlation)
        if command is not None:
            command.deadline = None
        return command

    def deadline(self) -> float | None:
        """When the next command will have waited too long."""
        clock = self._clock
        while clock:
            if (deadline := clock[0].deadline) is not None:
                return max(deadline, self._grace_until)
            clock.popleft()
        return None

    def expire(self, now: float) -> list[Command]:
        """Commands that have waited too long, oldest first. They keep their place: their answers may still come.

        Whoever comes much too late stood still, and the answers may lie in the socket's buffer: they get a moment more.
        """
        late: list[Command] = []
        if (deadline := self.deadline()) is not None and now - deadline > GRACE_S:
            self._grace_until = now + GRACE_S
        while (deadline := self.deadline()) is not None and deadline <= now:
            command = self._clock.popleft()
            command.deadline = None
            late.append(command)
        return late

    def postpone(self, seconds: float) -> None:
        """So much time is not to count: nobody could have answered in it."""
        for command in self._clock:
            if command.deadline is not None:
                command.deadline += seconds

    def take_all(self) -> list[Command]:
        """No more answers will come: all that waits, oldest first."""
        commands = list(self)
        self._replies.clear()
        self._clock.clear()
        return commands
