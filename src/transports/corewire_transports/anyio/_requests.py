"""``Session.request``: where the replies come in, for asyncio and trio, through anyio."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from corewire import AckMode, CallTimeout

if TYPE_CHECKING:
    from corewire import Destination, Message
    from corewire_transports.anyio.client import Client
    from corewire_transports.anyio.received import ReceivedMessage
    from corewire_transports.anyio.session import Session
    from corewire_transports.anyio.temporary import TemporaryQueue

__all__ = ["Inbox"]


class Inbox:
    """A temporary queue for the replies of one session, and a session of its own: replies come while the other one consumes."""

    def __init__(self, session: Session, queue: TemporaryQueue) -> None:
        self._session = session
        self._queue = queue
        self._made_as = session.name

    @classmethod
    async def open(cls, client: Client) -> Inbox:
        """Make one."""
        session = await client.session(AckMode.PRE)
        try:
            return cls(session, await session.temporary_queue())
        except BaseException:
            await session.close()
            raise

    @property
    def lost(self) -> bool:
        """Whether its session was closed or made anew: its queue may be gone."""
        return self._session.closed or self._session.name != self._made_as

    async def request(
        self, asking: Session, destination: Destination, message: Message, patience_s: float
    ) -> ReceivedMessage:
        """Send a question and wait for its reply, on a consumer for this one alone."""
        correlation = message.correlation_id
        if not isinstance(correlation, str):
            correlation = str(uuid4())
        message = message.replace(reply_to=self._queue, correlation_id=correlation)
        selector = "JMSCorrelationID = '{}'".format(correlation.replace("'", "''"))
        async with self._session._transient_consumer(self._queue.name, selector) as replies:
            await asking.send(destination, message)
            reply = await replies.receive(patience_s)
        if reply is None:
            raise CallTimeout(f"no reply within {patience_s:g} s", subject=str(destination))
        return reply

    async def close(self) -> None:
        """Delete the queue and close the session."""
        async with self._session, self._queue:
            pass
