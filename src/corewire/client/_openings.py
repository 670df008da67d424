"""
Sessions that are being made at the broker: asked for on a link, asked for again on the next one, or given up.

However often links are lost over one, its caller waits for no more than ``callTimeout`` and ``callFailoverTimeout`` together;
with exactly-once as long as it takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire.client._calls import Call
from corewire.errors import CallTimeout

if TYPE_CHECKING:
    from corewire.client._context import Context
    from corewire.client._control import Inquiry
    from corewire.client._ids import SessionId
    from corewire.client._link import Link
    from corewire.client._recovery import Anew, Sessions
    from corewire.client._session import Session
    from corewire.errors import CorewireError


class Opening:
    """A session that is being made, and who waits for it."""

    def __init__(self, session: Session, *, persistent: bool) -> None:
        self.session = session
        self.persistent = persistent  #: a broker that does not answer is asked again, on another link
        self.call: Call[SessionId] = Call()
        self.latest: float | None = None  #: its caller is told by then, however often it is asked for again
        #: The same, or earlier while there is no link. None: he was told, or waits for ever.
        self.deadline: float | None = None
        self.inquiry: Inquiry[Anew] | None = None  #: while there is one


class Openings:
    """All of them, in the order in which they were asked for."""

    def __init__(self, context: Context, makes: Sessions) -> None:
        self._context = context
        self._makes = makes
        self._waiting: list[Opening] = []

    def add(self, now: float, session: Session, *, persistent: bool = False) -> Opening:
        """Somebody wants a session. ``persistent``: a broker that does not answer is asked again, on another link."""
        opening = Opening(session, persistent=persistent)
        self._waiting.append(opening)
        config = self._context.config
        if config.call_failover_timeout_s is not None and not config.exactly_once:
            opening.latest = now + config.call_failover_timeout_s + config.call_timeout_s
        self._limit(now, opening)
        return opening

    def _limit(self, now: float, opening: Opening) -> None:
        """There is no link."""
        if (failover_s := self._context.config.call_failover_timeout_s) is not None:
            opening.deadline = now + failover_s if opening.latest is None else min(now + failover_s, opening.latest)

    def next_timeout(self) -> float | None:
        """When the next one has waited too long for a broker."""
        return min((each.deadline for each in self._waiting if each.deadline is not None), default=None)

    def ask(self, now: float, link: Link, *, ours: bool) -> None:
        """A link is there: ask for all that were not asked for on it."""
        for opening in self._waiting:
            if opening.inquiry is None:
                opening.deadline = opening.latest
                script = self._makes.make(link.connection, opening.session, opening.session.name, ours=ours)
                opening.inquiry = link.control.run(now, script)

    def link_lost(self, now: float) -> None:
        """Each waits for the next link, and is asked for again under the same name."""
        self._waiting = [each for each in self._waiting if not each.call.done]
        for opening in self._waiting:
            if opening.inquiry is not None:
                opening.inquiry = None
                self._limit(now, opening)

    def expire(self, now: float) -> None:
        """Give up those that have waited too long for a broker. What was asked for is made nevertheless, and closed."""
        for opening in [each for each in self._waiting if each.deadline is not None and each.deadline <= now]:
            opening.deadline = None
            if opening.inquiry is None:
                self._waiting.remove(opening)
            self._fail(opening, CallTimeout("no broker came back in time"))

    def answered(self, now: float, inquiry: Inquiry[Anew]) -> CorewireError | None:
        """The broker answered. Returns what is to be blamed on the link, if anything."""
        opening = next((each for each in self._waiting if each.inquiry is inquiry), None)
        if opening is None:
            return None
        if isinstance(inquiry.error, CallTimeout) and opening.persistent:
            return inquiry.error
        self._waiting.remove(opening)
        if inquiry.error is not None:
            self._fail(opening, inquiry.error)
            return inquiry.error if isinstance(inquiry.error, CallTimeout) else None
        session, made = opening.session, inquiry.value
        assert made is not None
        self._context.sessions[session.id] = session
        session.name = made.name
        session.begin_epoch(now, made.channel, None)
        session.unlock(now, None)
        late = opening.call.done
        if not late:
            self._context.succeed(opening.call, session.id)
        opening.call.untake = lambda then: _close(session, then)
        if late or opening.call.abandoned:
            session.close(now)
        return None

    def end(self, error: CorewireError) -> None:
        """No more sessions will be made."""
        for opening in self._waiting:
            self._fail(opening, error)
        self._waiting.clear()

    def _fail(self, opening: Opening, error: CorewireError) -> None:
        if not opening.call.done:
            self._context.fail(opening.call, error)


def _close(session: Session, now: float) -> None:
    session.close(now)
