"""Questions and replies: where the replies come in, for asyncio and trio, through anyio."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from corewire import AckMode, CallTimeout
from corewire._states import ClientState
from corewire.errors import NotConnected, QueueDoesNotExist, Unblocked

if TYPE_CHECKING:
    from corewire import Destination, Message
    from corewire_transports.anyio.client import Client
    from corewire_transports.anyio.consumer import Consumer
    from corewire_transports.anyio.received import ReceivedMessage
    from corewire_transports.anyio.session import Session
    from corewire_transports.anyio.temporary import TemporaryQueue

__all__ = ["Inbox"]


class Inbox:
    """A temporary queue for replies, on a session of its own: they come while others consume. Any number may wait for theirs.

    A session that was made anew has lost its queue, and with it the replies: who waits for one is told so, and the next
    question gets a new queue.
    """

    def __init__(self, session: Session, made_as: str, queue: TemporaryQueue) -> None:
        self._session = session
        self._place = (made_as, queue)  # the session's name when the queue was made

    @classmethod
    async def open(cls, client: Client) -> Inbox:
        """Make one."""
        session = await client.session(AckMode.PRE)
        try:
            return cls(session, session.name, await session.temporary_queue())
        except BaseException:
            await session.close()
            raise

    async def request(
        self, destination: Destination, message: Message, patience_s: float, *, asking: Session | None = None
    ) -> ReceivedMessage:
        """Send a question and wait for its reply, on a consumer for this one alone. ``asking``: the session that sends it."""
        correlation = message.correlation_id
        if not isinstance(correlation, str):
            correlation = str(uuid4())
        selector = "JMSCorrelationID = '{}'".format(correlation.replace("'", "''"))
        reply = None
        try:
            replies, queue = await self._listen(selector)
            async with replies:
                question = message.replace(reply_to=queue, correlation_id=correlation)
                await (asking or self._session).send(destination, question)
                reply = await replies.receive(patience_s)
                if reply is not None:
                    await reply.read()  # its consumer ends with this block
        except Unblocked as lost:
            if self._session._client.state is not ClientState.FAILED:
                raise
            raise NotConnected("there will be no reply: the connection was given up") from lost
        if reply is None:
            raise CallTimeout(f"no reply within {patience_s:g} s", subject=str(destination))
        return reply

    async def _listen(self, selector: str) -> tuple[Consumer, TemporaryQueue]:
        while True:
            made_as, queue = self._place
            if made_as != (name := self._session.name):
                queue = await self._session.temporary_queue()
                self._place = made_as, queue = name, queue
            try:
                return await self._session._transient_consumer(queue.name, selector), queue
            except QueueDoesNotExist:  # the session was made anew while this waited for a link
                if self._session.name == made_as:
                    raise

    async def close(self) -> None:
        """Delete the queue and close the session."""
        async with self._session, self._place[1]:
            pass
