"""
Questions about the link itself: opening, re-attaching and closing sessions, checking for failover, the topology.

They go out on channels that belong to the link, or on that of a session whose making is not finished, and die with the link.
Their scripts only ask; what follows from the answers is
done by whoever takes the `outcomes`, once a script is through.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from corewire.client._calls import Answers, Command
from corewire.client._refusals import refusal
from corewire.errors import CallTimeout, CorewireError
from corewire.wire import packets

if TYPE_CHECKING:
    from corewire._connection import Connection
    from corewire.client._calls import Packet

T = TypeVar("T")

CONTROL_CHANNEL = 1
PROBE_CHANNEL = 0


@dataclass(frozen=True, slots=True)
class Wait:
    """A script goes on after so many seconds."""

    delay_s: float


@dataclass(frozen=True, slots=True)
class Ask:
    """A script goes on with the answer."""

    command: Command
    channel: int = CONTROL_CHANNEL
    #: How long it is waited for, of a broker that meanwhile answers something else; else, and if None: ``callTimeout``.
    patience_s: float | None = None


@dataclass(slots=True)
class Impatience:
    """Half of the patience goes by before the broker is asked something else, the other half behind the answer to that."""

    half_s: float
    probe_at: float | None  #: None: it was asked


ControlScript: TypeAlias = Generator[Ask | Wait, Any, T]


@dataclass(slots=True, eq=False)
class Inquiry(Generic[T]):
    """A script under way, and what came of it."""

    script: ControlScript[T]
    value: T | None = None
    error: CorewireError | None = None


class Control:
    """The scripts of one link."""

    def __init__(self, connection: Connection, call_timeout_s: float, where: str) -> None:
        self.outcomes: list[Inquiry[Any]] = []  #: scripts that are through; to be taken by the owner
        self._connection = connection
        self._call_timeout_s = call_timeout_s
        self._where = where
        self._answers: dict[int, Answers] = {}
        self._inquiries: dict[Command, Inquiry[Any]] = {}
        self._impatient: dict[Command, Impatience] = {}  # until the broker has shown that it works
        self._sleeping: list[tuple[float, Inquiry[Any]]] = []

    def run(self, now: float, script: ControlScript[T]) -> Inquiry[T]:
        """Begin a script."""
        inquiry = Inquiry(script)
        self._step(now, inquiry)
        return inquiry

    def expects(self, channel: int) -> bool:
        """Whether an answer on this channel is for a script."""
        return channel in self._answers

    def answer(self, now: float, channel: int, packet: Packet) -> None:
        """An answer came. One that nobody asked for is dropped."""
        answers = self._answers.get(channel)
        command = None if answers is None else answers.match(packet.TYPE, None)
        if command is not None:
            self._impatient.pop(command, None)
            if answers is not None and not answers and channel != CONTROL_CHANNEL:
                del self._answers[channel]
            self._step(now, self._inquiries.pop(command), packet, refusal(packet, command.packet, self._where))

    def heard(self, now: float) -> None:
        """The topology came, which takes a thread of the broker's pool as all but pings do: it works, and what it was asked
        before is soon answered, or never. One that stands still, or whose threads are all taken, does not get here."""
        for command in [each for each, impatience in self._impatient.items() if impatience.probe_at is None]:
            half_s = self._impatient.pop(command).half_s
            if command.deadline is not None:
                command.deadline = min(command.deadline, now + half_s)
        for answers in self._answers.values():
            answers.sort()  # others may wait longer

    def next_timeout(self) -> float | None:
        """When a script goes on, or its question has waited too long."""
        deadlines = [wake_at for wake_at, _ in self._sleeping]
        deadlines += [each.probe_at for each in self._impatient.values() if each.probe_at is not None]
        deadlines += [at for each in self._answers.values() if (at := each.deadline()) is not None]
        return min(deadlines, default=None)

    def handle_timeout(self, now: float) -> None:
        """Go on with what slept; fail what waited too long."""
        for impatience in self._impatient.values():
            if impatience.probe_at is not None and impatience.probe_at <= now:
                impatience.probe_at = None
                self._connection.send(now, PROBE_CHANNEL, packets.SubscribeTopologyV2())
        due = [inquiry for wake_at, inquiry in self._sleeping if wake_at <= now]
        self._sleeping = [each for each in self._sleeping if each[0] > now]
        for inquiry in due:
            self._step(now, inquiry)
        for answers in list(self._answers.values()):
            for command in answers.expire(now):
                error = CallTimeout(f"{command.packet.NAME} was not answered in time")
                self._step(now, self._inquiries.pop(command), error=error)

    def close(self) -> None:
        """The link is gone."""
        for inquiry in (*self._inquiries.values(), *(each for _, each in self._sleeping)):
            inquiry.script.close()
        self._inquiries.clear()
        self._impatient.clear()
        self._sleeping.clear()

    def _step(
        self, now: float, inquiry: Inquiry[T], packet: Packet | None = None, error: CorewireError | None = None
    ) -> None:
        try:
            step = inquiry.script.send(packet) if error is None else inquiry.script.throw(error)
        except StopIteration as stop:
            inquiry.value = stop.value
            self.outcomes.append(inquiry)
        except CorewireError as failure:
            inquiry.error = failure
            self.outcomes.append(inquiry)
        else:
            if isinstance(step, Wait):
                self._sleeping.append((now + step.delay_s, inquiry))
                return
            command = step.command
            command.deadline = now + self._call_timeout_s
            if (channel := self._connection.channels.get(step.channel)) is not None:
                channel.send(command.packet)  # a session's: it counts
            else:
                self._connection.send(now, step.channel, command.packet)
            self._answers.setdefault(step.channel, Answers()).expect(command)
            if step.patience_s is not None:
                half_s = step.patience_s / 2
                self._impatient[command] = Impatience(half_s, now + half_s)
            self._inquiries[command] = inquiry
