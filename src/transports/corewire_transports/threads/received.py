# Made from the anyio one by scripts/gen_facades.py. Do not edit.
"""A message as it came, for plain threads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from corewire import Delivery
from corewire.errors import LocalProtocolError

if TYPE_CHECKING:
    from corewire import Body, Headers, Message
    from corewire_transports.threads.session import Session

__all__ = ["ReceivedMessage"]


class ReceivedMessage(Delivery):
    """A message as it came. Read it like any ``Message``; acknowledge it as the session's mode wants it."""

    __slots__ = ("_session",)

    _session: Session

    @classmethod
    def _from(cls, delivery: Delivery, session: Session) -> ReceivedMessage:
        message = delivery.copy_as(cls)
        message._session = session
        return message

    def acknowledge(self) -> None:
        """As the session's ack mode says. A second call does nothing.

        Raises TransactionRolledBack (CLIENT, INDIVIDUAL: the broker has taken the message back, it comes again), CallTimeout,
        ConnectionLost.
        """
        self._session._driver.call(self._session._engine.acknowledge, self)

    def reply(self, body: Body | Message = None, /, **headers: Unpack[Headers]) -> None:
        """Send to ``reply_to``, with this message's correlation id or else its message id.

        Raises LocalProtocolError if there is no ``reply_to``, and what `Session.send` raises.
        """
        if self.reply_to is None:
            raise LocalProtocolError("the message has no reply_to", subject=repr(self))
        if "correlation_id" not in headers and (name := self.correlation_id or self.message_id) is not None:
            headers["correlation_id"] = name
        self._session.send(self.reply_to, body, **headers)
