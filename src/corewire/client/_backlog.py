"""Commands that wait for a link, in order: taken back, and found to have waited too long, without a walk over all."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from corewire.client._calls import Command

KNOWN_BYTES: Final = (
    900  # what is known of a message until it is answered, beside its bytes: its command, its call, its receipt
)
_LEFT_MAX = 64  # in the clock, of commands that are here no more


def cost_of(command: Command) -> int:
    """Bytes that a command costs until it is answered, counted against the limit of what is kept for replay."""
    return command.size + KNOWN_BYTES if command.size else 0


class Backlog:
    """The commands of one session that no broker has seen, or that are to be asked again."""

    def __init__(self) -> None:
        self._commands: dict[Command, None] = {}
        self._clock: list[tuple[float, int, Command]] = []  # a heap; those that left, or wait for ever, stay a while
        self._added = 0
        self.size = 0  #: bytes, counted against the limit of what is kept for replay

    def __iter__(self) -> Iterator[Command]:
        return iter(self._commands)

    def __len__(self) -> int:
        return len(self._commands)

    def append(self, command: Command) -> None:
        """One more, behind the others; its deadline is heeded."""
        self._commands[command] = None
        self.size += cost_of(command)
        if command.deadline is not None:
            self._added += 1
            heappush(self._clock, (command.deadline, self._added, command))

    def discard(self, command: Command) -> None:
        """Take one back; harmless where it does not wait here."""
        if command in self._commands:
            del self._commands[command]
            self.size -= cost_of(command)
            if len(self._clock) > 2 * len(self._commands) + _LEFT_MAX:
                self._clock = [each for each in self._clock if each[2] in self._commands]
                heapify(self._clock)

    def take_all(self) -> list[Command]:
        """All of them, oldest first. None is left."""
        commands = list(self._commands)
        self._commands.clear()
        self._clock.clear()
        self.size = 0
        return commands

    def deadline(self) -> float | None:
        """When the next one will have waited too long."""
        clock = self._clock
        while clock:
            at, _, command = clock[0]
            if command.deadline == at and command in self._commands:
                return at
            heappop(clock)
        return None

    def expire(self, now: float) -> list[Command]:
        """Those that have waited too long, the most patient last. They stay, without a deadline."""
        late: list[Command] = []
        while (deadline := self.deadline()) is not None and deadline <= now:
            _, _, command = heappop(self._clock)
            command.deadline = None
            late.append(command)
        return late
