"""A consumer: its credits in bytes, and what it was given and has not acknowledged."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from corewire_server.core.filters import interest_of

if TYPE_CHECKING:
    from corewire_server.core.cursors import Cursor
    from corewire_server.core.filters import Filter
    from corewire_server.core.queues import Queue, Ref
    from corewire_server.core.session import Session

UNLIMITED: Final = 1 << 62
"""Credits of a consumer without flow control: no traffic ever uses them up."""

_INTEREST: Final = 64


class Consumer:
    """Takes messages of one queue for one session."""

    __slots__ = ("browses", "credits", "cursor", "filter", "id", "queue", "session", "unacked")

    def __init__(
        self,
        consumer_id: int,
        queue: Queue,
        session: Session,
        selector: Filter | None,
        *,
        browses: bool,
    ) -> None:
        self.id = consumer_id
        self.queue = queue
        self.session = session
        self.filter = selector
        self.browses = browses
        self.credits = 0  # nothing is delivered before the first SESS_FLOWTOKEN
        self.unacked: OrderedDict[int, Ref] = OrderedDict()  # by message id, oldest first; its first is found at once
        self.cursor: Cursor | None = None
        if browses or selector is not None:
            self.cursor = queue.open_cursor(browses=browses)
        queue.consumers.append(self)
        queue.browsers += browses
        session.consumers[consumer_id] = self

    def add_credits(self, tokens: int) -> None:
        """SESS_FLOWTOKEN: so many bytes more; -1 no flow control from now on; 0 nothing until the next token."""
        if self.credits > UNLIMITED >> 1:
            return
        if tokens == -1:
            self.credits = UNLIMITED
        elif tokens == 0:
            self.credits = 0
        else:
            self.credits += tokens

    @property
    def interest(self) -> int:
        """What it weighs where all consumers and filters are limited together, in characters."""
        return _INTEREST + interest_of(self.filter)

    def take_up_to(self, message_id: int) -> list[Ref]:
        """Take out what was delivered up to this message, oldest first. It must be among them."""
        taken: list[Ref] = []
        while True:
            delivered_id, ref = self.unacked.popitem(last=False)
            taken.append(ref)
            if delivered_id == message_id:
                return taken

    def leave(self) -> list[Ref]:
        """It is over. Returns what it had not acknowledged, oldest first."""
        del self.session.consumers[self.id]
        queue = self.queue
        queue.consumers.remove(self)
        queue.browsers -= self.browses
        if self.cursor is not None:
            queue.close_cursor(self.cursor)
        if queue.forced:
            queue.forced = [asked for asked in queue.forced if asked[0] is not self]
        refs = list(self.unacked.values())
        self.unacked.clear()
        return refs
