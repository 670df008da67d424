"""
Where a client begins: at the endpoints of its configuration, or at those that announce themselves in a group.

    start ──> Discover ──── first announcement ──> connect
                 ^             │ nothing came in time
                 └─ once more ─┴─ initial_connect_attempts used up ──> ConnectionTimedOut

The group is listened to as long as the client lives: what is known last is where it looks when it knows no cluster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire.client._announcements import Announcements
from corewire.effects import Discover
from corewire.errors import ConnectionTimedOut, NotConnected

if TYPE_CHECKING:
    from corewire.client._context import Context
    from corewire.client.config import Endpoint
    from corewire.errors import CorewireError


class Search:
    """``deadline``: until when to wait for a broker, or before the group is joined again."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._group = context.config.discovery
        self._announcements = None if self._group is None else Announcements(self._group)
        self._left = context.config.initial_connect_attempts
        self.deadline: float | None = None
        self.error: CorewireError | None = None  #: why nothing was found

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Where a broker may be, as far as is known now."""
        return self._context.config.endpoints if self._announcements is None else self._announcements.endpoints

    def begin(self, now: float) -> bool:
        """Look. Returns whether there is something at once."""
        if self._group is None:
            return True
        self._context.effects.append(Discover(self._group))
        self.deadline = now + self._group.initial_wait_timeout_s
        return False

    def receive(self, now: float, data: bytes) -> bool:
        """A datagram came. Returns whether it is the one that was waited for."""
        if self._announcements is None:
            return False
        self._announcements.receive(now, data)
        waited = self.deadline is not None
        if self.endpoints:
            self.deadline = self.error = None
        return waited and self.deadline is None

    def fail(self, now: float, error: Exception) -> None:
        """The group could not be joined, or cannot be listened to any more: soon it is tried again."""
        if self._group is not None:
            self.error = NotConnected(f"cannot listen to {self._name}: {error}")
            self.deadline = now + self._context.config.retry_interval_s

    def expire(self, now: float, *, connected: bool) -> bool:
        """Look again if it is time for that. Returns whether it was tried often enough."""
        if self.deadline is None or self.deadline > now:
            return False
        self.deadline = None
        if not connected and self._left is not None:
            self._left -= 1
            if self._left < 0:
                self.error = self.error or ConnectionTimedOut(f"no broker announced itself in {self._name}")
                return True
        self.begin(now)
        if connected:
            self.deadline = None
        return False

    @property
    def _name(self) -> str:
        return "" if self._group is None else f"udp://{self._group.group_address}:{self._group.group_port}"
