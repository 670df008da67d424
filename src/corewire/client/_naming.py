"""
Naming the client at the broker, as JMS connections do (Artemis: ``ActiveMQConnection``).

A session that nobody sees holds the client id for as long as the client is connected. Unless the id is shared, a second
client with the same one is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire.errors import DuplicateMetadata

if TYPE_CHECKING:
    from corewire.client._calls import Script
    from corewire.client._session import Session

_KEY = "jms-client-id"
_HINT = "Give each client an id of its own, or let them share one: enableSharedClientID=true."


def name_client(session: Session) -> Script[None]:
    """Give a session the client's id. Raises DuplicateMetadata where another client has it."""
    config = session.context.config
    assert config.client_id is not None
    if not config.enable_shared_client_id:
        try:
            yield from session.name_it(_KEY, config.client_id, unique=True)
        except DuplicateMetadata as held:
            held.subject, held.hint = f"client id {config.client_id!r}", _HINT
            raise
    yield from session.name_it(_KEY, config.client_id, unique=False)
