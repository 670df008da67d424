"""
What a client does at the broker when it connects for the first time, before anybody may use it, each in a session that
nobody sees.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire.client._naming import name_client
from corewire.client._receipts import make_receipts
from corewire.client._session import Session
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


def preparations(now: float, context: Context, openings: Openings) -> list[Preparation]:
    """Those that a configuration asks for."""
    wanted: list[Preparation] = []
    if context.config.client_id is not None:
        wanted.append(Preparation(now, context, openings, name_client, lasting=True))
    if context.exactly_once:
        wanted.append(Preparation(now, context, openings, make_receipts, lasting=False))
    return wanted
