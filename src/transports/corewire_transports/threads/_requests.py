# Made from the anyio one by scripts/gen_facades.py. Do not edit.
"""``Session.request``: where the replies come in, for plain threads."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from corewire import AckMode, CallTimeout

if TYPE_CHECKING:
    from corewire import Destination, Message
    from corewire_transports.threads.client import Client
    from corewire_transports.threads.received import ReceivedMessage
    from corewire_transports.threads.session import Session
    from corewire_transports.threads.temporary import TemporaryQueue

__all__ = ["Inbox"]


class Inbox:
    """A temporary queue for the replies of one session, and a session of its own: replies come while the other one consumes."""

    def __init__(self, session: Session, queue: TemporaryQueue) -> None:
        self._session = session
        self._queue = queue
        self._made_as = session.name

    @classmethod
    def open(cls, client: Client) -> Inbox:
        """Make one."""
        session = client.session(AckMode.PRE)
        try:
            return cls(session, session.temporary_queue())
        except BaseException:
            session.close()
            raise

    @property
    def lost(self) -> bool:
        """Whether its session was closed or made anew: its queue may be gone."""
        return self._session.closed or self._session.name != self._made_as

    def request(
        self, asking: Session, destination: Destination, message: Message, patience_s: float
    ) -> ReceivedMessage:
        """Send a question and wait for its reply, on a consumer for this one alone."""
        correlation = message.correlation_id
        if not isinstance(correlation, str):
            correlation = str(uuid4())
        message = message.replace(reply_to=self._queue, correlation_id=correlation)
        selector = "JMSCorrelationID = '{}'".format(correlation.replace("'", "''"))
        with self._session._transient_consumer(self._queue.name, selector) as replies:
            asking.send(destination, message)
            reply = replies.receive(patience_s)
        if reply is None:
            raise CallTimeout(f"no reply within {patience_s:g} s", subject=str(destination))
        return reply

    def close(self) -> None:
        """Delete the queue and close the session."""
        with self._session, self._queue:
            pass
