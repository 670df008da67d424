"""All of a broker's memory in one object: the rooms of the core work on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from corewire_server.core.effects import Log
from corewire_server.core.intake import Reserved
from corewire_server.core.store import Store

if TYPE_CHECKING:
    from corewire_server.core.config import CoreConfig
    from corewire_server.core.link import Link
    from corewire_server.core.queues import Queue
    from corewire_server.core.refusal import Refused
    from corewire_server.core.session import Session
    from corewire_server.core.transactions import Sent, Transaction

_LINE_CHARS_MAX: Final = 2_000


class State:
    """Links, sessions, and what this step has to do before it ends."""

    def __init__(self, config: CoreConfig) -> None:
        self.config = config
        self.limits = config.limits
        self.node_id = config.node_id
        self.message_bytes_max = config.limits.message_bytes_max
        self.store = Store(config)
        self.full_from = config.limits.memory_bytes_max  # bytes of messages with which no more are taken; -1: no room
        self.pledged_bytes = 0  # of the journal, for what open transactions have sent
        self.reserved = Reserved(config.limits.strings_max)
        self.now = 0  # milliseconds since the epoch
        self.links: dict[int, Link] = {}  # also lost ones whose sessions wait for their client
        self.sessions: dict[str, Session] = {}
        self.starved: dict[str, Session] = {}  # sessions whose requests for credits wait for memory
        self.live = ""  # where clients reach this pair, "host:port"; empty: not known
        self.backup: str | None = None  # the same of the other node, when it is in step
        self.event_id = 0  # of the topology that was told last
        self.missing: dict[str, int] = {}  # features that were asked for and are not built, how often
        self.next_tick: int | None = None
        self.next_grace: int | None = None  # of a link that fell silent
        self.next_reap = 0
        # of this step:
        self.answers_bytes = 0  # to what was asked by packets
        self.examinations = 0  # how often a filter may still be asked for the queue that is served
        self.dirty: list[Queue] = []  # queues to deliver from
        self.written: list[Link] = []  # links with bytes to send
        self.closing: list[int] = []  # links to close
        self.logs: list[Log] = []

    def prompt(self, queue: Queue) -> None:
        """Deliver from this queue before the step ends."""
        if not queue.dirty and ((queue.waits and queue.consumers) or queue.forced):
            queue.dirty = True
            self.dirty.append(queue)

    def pledge(self, transaction: Transaction, sent: Sent) -> None:
        """A transaction has sent this: its commit cannot be refused for want of room any more."""
        size = sent.pledge(self.limits.record_bytes_max // 8)
        transaction.pledged += size
        self.pledged_bytes += size

    def wrote(self, link: Link) -> None:
        """Bytes for this link leave when the step ends."""
        if not link.has_output:
            link.has_output = True
            self.written.append(link)

    def count_missing(self, refusal: Refused) -> None:
        """Something was asked for that is not built."""
        if refusal.feature is not None:
            self.missing[refusal.feature] = self.missing.get(refusal.feature, 0) + 1

    def log(self, level: str, text: str) -> None:
        """Tell people. What peers put into it cannot begin a line of its own."""
        if not text.isprintable():
            text = "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)
        self.logs.append(Log(level, text if len(text) <= _LINE_CHARS_MAX else text[:_LINE_CHARS_MAX] + "..."))

    def log_refusal(self, session: Session, refusal: Refused) -> None:
        """Tell people what a client is not told. A session that goes on like this is named ever more seldom."""
        session.refusals = count = session.refusals + 1
        if count > 8 and count & (count - 1):
            return
        level = "info" if refusal.feature is None else "warning"
        so_often = "" if count < 8 else f" ({count} refusals so far)"
        self.log(level, f"{session.link.remote}: session {session.name}: refused: {refusal}{so_often}")

    @property
    def full(self) -> bool:
        """Whether there is no memory or no disk for more messages."""
        return self.store.bytes >= self.full_from

    @property
    def room(self) -> bool:
        """Whether the journal has room for another segment."""
        return self.full_from >= 0

    @room.setter
    def room(self, there_is: bool) -> None:
        self.full_from = self.limits.memory_bytes_max if there_is else -1
