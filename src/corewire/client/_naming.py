"""
Naming the client at the broker, as JMS connections do (Artemis: ``ActiveMQConnection``).

A session that nobody sees holds the client id for as long as the client is connected. Unless the id is shared, a second
client with the same one is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire.client._session import Session
from corewire.values import AckMode

if TYPE_CHECKING:
    from corewire.client._calls import Call, Script
    from corewire.client._context import Context
    from corewire.client._ids import SessionId
    from corewire.client._openings import Openings

_KEY = "jms-client-id"


class Naming:
    """The hidden session, from its opening until the broker has taken the name."""

    def __init__(self, now: float, context: Context, openings: Openings) -> None:
        self._context = context
        self._session = Session(context, AckMode.AUTO, transacted=True)
        self._session.started = False
        self._opening: Call[SessionId] = openings.add(now, self._session).call
        self._named: Call[None] | None = None

    def step(self, now: float) -> bool:
        """Go on as far as possible. Returns whether it is through; ``error`` tells whether the name was refused."""
        if self._opening.done and self._opening.error is None and self._named is None:
            self._named = self._session.run(now, self._name())
        call = self._opening if self._named is None else self._named
        return call.done and (call is self._named or call.error is not None)

    @property
    def error(self) -> Exception | None:
        """Why the client cannot have the name."""
        return self._opening.error if self._named is None else self._named.error

    def _name(self) -> Script[None]:
        config = self._context.config
        assert config.client_id is not None
        if not config.enable_shared_client_id:
            yield from self._session.name_it(_KEY, config.client_id, unique=True)
        yield from self._session.name_it(_KEY, config.client_id, unique=False)
