"""
What a client does at the broker when it connects for the first time, before anybody may use it, each in a session that
nobody sees.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire.client._naming import name_client
from corewire.client._receipts import make_receipts
from corewire.client._session import Session
from corewire.errors import CorewireError
from corewire.values import AckMode

if TYPE_CHECKING:
    from collections.abc import Callable

    from corewire.client._calls import Call, Script
    from corewire.client._context import Context
    from corewire.client._ids import SessionId
    from corewire.client._openings import Openings


class Preparation:
    """One of them: from the opening of its session until its script is through."""

    def __init__(
        self,
        now: float,
        context: Context,
        openings: Openings,
        script: Callable[[Session], Script[None]],
        *,
        lasting: bool,
    ) -> None:
        """``lasting``: the session stays for as long as the client is connected."""
        self._session = Session(context, AckMode.AUTO, transacted=lasting)
        self._session.started = False
        self._lasting = lasting
        self._script = script
        self._opening: Call[SessionId] = openings.add(now, self._session).call
        self._run: Call[None] | None = None

    def step(self, now: float) -> bool:
        """Go on as far as possible. Returns whether it is through; ``error`` tells whether it failed."""
        if self._opening.done and self._opening.error is None and self._run is None:
            self._run = self._session.run(now, self._script(self._session))
        if self._run is None:
            return self._opening.done
        if self._run.done and not self._lasting:
            self._session.close(now)
        return self._run.done

    @property
    def error(self) -> Exception | None:
        """Why the client cannot be used."""
        return self._opening.error if self._run is None else self._run.error


class Preparations:
    """
    Those that a configuration asks for, one after the other.

    Whoever connects waits for them. Each question has ``callTimeout``; once a link is lost over them, all that is left has
    ``callFailoverTimeout`` together. Where that has no limit, as with exactly-once, it is ``callTimeout``, unless
    ``initialConnectAttempts`` says that a broker is waited for as long as it takes.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._left: list[Preparation] = []
        self.deadline: float | None = None  #: when nobody waits for what is left any more

    def __len__(self) -> int:
        return len(self._left)

    def begin(self, now: float, openings: Openings) -> None:
        """The first connection is up."""
        context = self._context
        if context.config.client_id is not None:
            self._left.append(Preparation(now, context, openings, name_client, lasting=True))
        if context.exactly_once:
            self._left.append(Preparation(now, context, openings, make_receipts, lasting=False))

    def step(self, now: float) -> bool:
        """Go on as far as possible. Returns whether all are through. Raises CorewireError where the client cannot be used."""
        while self._left:
            if not self._left[0].step(now):
                return False
            if isinstance(error := self._left.pop(0).error, CorewireError):
                raise error
        self.deadline = None
        return True

    def link_lost(self, now: float) -> None:
        """What was not answered is asked again on the next link, if one comes in time."""
        if self._left and self.deadline is None:
            config = self._context.config
            patience_s = config.call_failover_timeout_s
            if patience_s is None and config.initial_connect_attempts is not None:
                patience_s = config.call_timeout_s
            self.deadline = None if patience_s is None else now + patience_s

    def expired(self, now: float) -> bool:
        """Whether nobody waits for them any more."""
        return self.deadline is not None and self.deadline <= now
