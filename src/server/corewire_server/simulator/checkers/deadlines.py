"""No call of a client waits past its deadline."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING

from corewire_server.simulator.checkers.checker import Checker

if TYPE_CHECKING:
    from collections.abc import Sequence


class NoCallPastItsDeadline(Checker):
    """
    A call ends, in one way or another, before the time that it was given is over, if it has a limit. Clients that have ended wait
    no more.
    """

    rule = "deadline"

    def __init__(self) -> None:
        super().__init__()
        self._waiting: dict[int, tuple[str, str, int]] = {}  # call -> client, name, deadline: the last that was told
        self._deadlines: list[tuple[int, int]] = []

    def call_began(self, now: int, client: str, call: int, name: str, deadline: int | None) -> None:
        if deadline is None:
            self._look(now)
            self._waiting.pop(call, None)
        else:
            self._waiting[call] = client, name, deadline
            heappush(self._deadlines, (deadline, call))

    def call_ended(self, now: int, client: str, call: int, error: Exception | None) -> None:
        self._look(now)
        self._waiting.pop(call, None)

    def client_killed(self, now: int, client: str) -> None:
        self._look(now)
        self._waiting = {call: waits for call, waits in self._waiting.items() if waits[0] != client}

    def finished(self, now: int, unfinished: Sequence[str]) -> None:
        self._look(now)

    def _look(self, now: int) -> None:
        while self._deadlines and self._deadlines[0][0] < now:
            due, call = heappop(self._deadlines)
            client, name, deadline = self._waiting.get(call, ("", "", due + 1))
            if deadline <= due:
                del self._waiting[call]
                self.broken(now, f"{client} still waits for {name}, which had to be over at {deadline / 1e6:.6f} s")
