"""
What was handed out outside transactions and not given back: so that no copy of it is handed out again (exactlyOnce).

A broker delivers a message again when the link is lost before it knows that the message was consumed. One ledger for all
sessions of a client tells such a copy from news, by broker, queue and message id:

    handed out ──> in hand ── acknowledged ──> acknowledged ── told, answered with success ──> gone
                      │                             │
      a copy comes:   waits in the entry            is acknowledged in its turn
                      │
                      └── given back ──> gone; the copies that waited go to their consumers

An entry begins when the message is handed out: while the application works on it, its copy may come to another consumer of
the same client. It goes when its own last acknowledgement was answered with success, not when a copy came: that copy's
acknowledgement may be lost as well. Nor does the answer to another command prove anything: an acknowledgement that crosses
a rollback is refused. What was unanswered when a link was lost, and never comes again, stays; of such entries the oldest go
beyond a limit. What is in hand is bounded by what the application holds.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final, Generic, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

C = TypeVar("C")

ACKNOWLEDGED_MAX: Final = 100_000

#: Node id of the broker, queue, id of the message. The broker's numbers are its own.
Key: TypeAlias = "tuple[str | None, str, int]"


class Verdict(Enum):
    """What a message that came is."""

    NEWS = "news"  #: to be handed out
    WAITS = "waits"  #: a copy of what is in hand; the entry keeps it
    SPENT = "spent"  #: a copy of what was acknowledged; to be acknowledged, too


class Entry(Generic[C]):
    """One message that was handed out."""

    __slots__ = ("acknowledged", "copies", "gone", "key", "ticket")

    def __init__(self, key: Key) -> None:
        self.key = key
        self.acknowledged = False
        self.gone = False  #: it is in no ledger any more
        self.copies: list[C] = []
        self.ticket = 0  #: of its last acknowledgement


class Ledger(Generic[C]):
    """All entries of one client. ``C`` is what a copy is."""

    def __init__(self, acknowledged_max: int = ACKNOWLEDGED_MAX) -> None:
        self._acknowledged_max = acknowledged_max
        self._in_hand: dict[Key, Entry[C]] = {}
        self._acknowledged: dict[Key, Entry[C]] = {}
        self._waited_for: dict[Key, Entry[C]] = {}  # those in hand with copies
        self._last_ticket = 0

    def __len__(self) -> int:
        return len(self._in_hand) + len(self._acknowledged)

    def came(self, key: Key, copy: C) -> Verdict:
        """A message came. One that waits is kept here."""
        if key in self._acknowledged:
            return Verdict.SPENT
        entry = self._in_hand.get(key)
        if entry is None:
            return Verdict.NEWS
        entry.copies.append(copy)
        self._waited_for[key] = entry
        return Verdict.WAITS

    def hand_out(self, key: Key) -> Entry[C]:
        """The application gets a message that is news."""
        assert key not in self._in_hand, "it is in hand already"
        assert key not in self._acknowledged, "it was acknowledged"
        entry = self._in_hand[key] = Entry[C](key)
        return entry

    def acknowledge(self, entry: Entry[C]) -> Sequence[C]:
        """The application is done with a message. Returns the copies that waited: to be acknowledged, too.

        Nothing happens to one that was acknowledged before or given back.
        """
        if entry.gone or entry.acknowledged:
            return ()
        entry.acknowledged = True
        del self._in_hand[entry.key]
        self._acknowledged[entry.key] = entry
        if len(self._acknowledged) > self._acknowledged_max:
            oldest = self._acknowledged.pop(next(iter(self._acknowledged)))
            oldest.gone = True
        return self._take_copies(entry)

    def spent(self, key: Key) -> Entry[C]:
        """The entry that makes a copy a spent one."""
        return self._acknowledged[key]

    def give_back(self, entry: Entry[C]) -> Sequence[C]:
        """The application does not want it, or never had it. Returns the copies that waited: they go to their consumers.

        Nothing happens to one that was acknowledged.
        """
        if entry.gone or entry.acknowledged:
            return ()
        entry.gone = True
        del self._in_hand[entry.key]
        return self._take_copies(entry)

    def forget_copies(self, gone: Callable[[C], bool]) -> None:
        """Their link is lost, or their session rolled back: such copies come again, or to others."""
        for key, entry in list(self._waited_for.items()):
            entry.copies = [copy for copy in entry.copies if not gone(copy)]
            if not entry.copies:
                del self._waited_for[key]

    def _take_copies(self, entry: Entry[C]) -> Sequence[C]:
        copies, entry.copies = entry.copies, []
        self._waited_for.pop(entry.key, None)
        return copies

    # -- what the broker was told ------------------------------------------------------------------------------------------

    def told(self, *entries: Entry[C]) -> int:
        """An acknowledgement of these is written: of the messages, or of copies. Returns its ticket."""
        self._last_ticket += 1
        for entry in entries:
            entry.ticket = self._last_ticket
        return self._last_ticket

    def answered(self, ticket: int, *entries: Entry[C]) -> None:
        """The acknowledgement with this ticket succeeded. An entry goes if none of it was written since."""
        for entry in entries:
            if entry.ticket == ticket and not entry.gone:
                entry.gone = True
                del self._acknowledged[entry.key]
