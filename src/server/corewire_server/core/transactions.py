"""A local transaction: what a session sent and acknowledged and has not committed."""

from __future__ import annotations

from typing import Final, NamedTuple

from corewire_server.core.queues import Queue, Ref  # noqa: TC001 - a named tuple looks it up where it is compiled
from corewire_server.core.records import record_bytes
from corewire_server.core.refusal import Refused

_RECORD_BYTES: Final = 64  # of a record beside its body, at most


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

    def pledge(self, large: int) -> int:
        """Bytes of the journal that its records may take: of one above ``large`` twice its size (``Writer.pledge``)."""
        key = self.duplicate_id
        size = 0 if key is None else _RECORD_BYTES + len(key) + 4 * len(self.address)
        if self.durable and any(queue.keeps for queue in self.queues):
            size += _RECORD_BYTES + record_bytes(self.message, len(self.queues))
        return size if size <= large else 2 * size


class Transaction:
    """Collects; what is done with it at the end is in ``commands/transactions.py``."""

    __slots__ = ("acked", "bytes", "failure", "pledged", "sent")

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.acked: list[tuple[Queue, Ref]] = []
        self.bytes = 0  # of what was sent
        self.pledged = 0  # bytes of the journal that it will take
        self.failure: Refused | None = None  # why it can only be rolled back

    def fail(self, cause: Refused) -> None:
        """It can only be rolled back from now on; the first cause is told at commit, which asks for no feature that is missing."""
        if self.failure is None:
            self.failure = Refused(cause.code, cause.text)
