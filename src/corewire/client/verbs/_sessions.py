"""Sessions: opening, starting, naming, closing them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire.client._registry import Registry
from corewire.client._session import Session
from corewire.values import AckMode

if TYPE_CHECKING:
    from corewire._operation import Operation
    from corewire.client._ids import SessionId


class SessionVerbs(Registry):
    """Commands about sessions as a whole."""

    def create_session(
        self, now: float, *, ack_mode: AckMode = AckMode.AUTO, transacted: bool = False, xa: bool = False
    ) -> Operation[SessionId]:
        """Open a session, started. ``xa``: for branches of distributed transactions. Fails with SessionCreationRejected, SecurityError, CallTimeout, NotConnected."""
        self._check_alive()
        session = Session(self._context, ack_mode, transacted=transacted, xa=xa)
        return self._lifeline.open_session(now, session)

    def close_session(self, now: float, session: SessionId) -> Operation[None]:
        """Close a session, its producers and consumers. Never fails; at once while there is no link."""
        found = self._context.sessions.get(session)
        return self._done() if found is None else found.close(now)

    def start_session(self, now: float, session: SessionId) -> Operation[None]:
        """Resume deliveries (a session begins started)."""
        return self._open_session(session).start(now)

    def stop_session(self, now: float, session: SessionId) -> Operation[None]:
        """Pause deliveries. Done when none is under way any more."""
        return self._open_session(session).stop(now)

    def add_metadata(
        self, now: float, session: SessionId, key: str, value: str, *, unique: bool = False
    ) -> Operation[None]:
        """Name a session at the broker. ``unique`` fails with DuplicateMetadata where another session is named so."""
        return self._open_session(session).add_metadata(now, key, value, unique=unique)
