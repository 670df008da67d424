"""A local transaction: what a session sent and acknowledged and has not committed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from corewire_server.core.refusal import Refused

if TYPE_CHECKING:
    from corewire_server.core.queues import Queue, Ref


class Sent(NamedTuple):
    """A message that waits for its commit. Where it goes was decided when it was sent."""

    id: int
    message: bytes
    durable: bool
    priority: int
    expiration: int
    queues: tuple[Queue, ...]
    address: str
    duplicate_id: bytes | None


class Transaction:
    """Collects; what is done with it at the end is in ``commands/transactions.py``."""

    __slots__ = ("acked", "bytes", "failure", "sent")

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.acked: list[tuple[Queue, Ref]] = []
        self.bytes = 0  # of what was sent
        self.failure: Refused | None = None  # why it can only be rolled back

    def fail(self, cause: Refused) -> None:
        """It can only be rolled back from now on; the first cause is told at commit, which asks for no feature that is missing."""
        if self.failure is None:
            self.failure = Refused(cause.code, cause.text)
