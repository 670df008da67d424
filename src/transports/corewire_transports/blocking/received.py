# Made from the anyio one by scripts/gen_facades.py. Do not edit.
"""A message as it came, for one thread that turns the engine itself."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Unpack

from corewire import AckMode, Delivery
from corewire.errors import LocalProtocolError
from corewire_transports.blocking._streams import Chunks, save

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from corewire import Body, Headers, Message
    from corewire_transports.blocking.session import Session

__all__ = ["ReceivedMessage"]


class ReceivedMessage(Delivery):
    """A message as it came. Read it like any ``Message``; acknowledge it as the session's mode wants it.

    A body larger than ``collect_bytes_max`` is not in memory: `read` it, or take it in `chunks`, before the consumer moves on to
    the next message, which drops the rest, or is closed.
    """

    __slots__ = ("_session",)

    _session: Session  # since it was handed out

    def acknowledge(self) -> None:
        """As the session's ack mode says. A second call does nothing.

        Raises TransactionRolledBack (CLIENT, INDIVIDUAL: the broker has taken the message back, it comes again), CallTimeout,
        ConnectionLost.
        """
        at_once = self._session.ack_mode is AckMode.DUPS_OK
        self._session._driver.call(self._session._engine.acknowledge, self, individual=at_once)

    def read(self) -> bytes:
        """Bring a large body into memory: afterwards ``body``, ``text``, ``map``... work. Returns the bytes that it travels as.

        Raises LargeMessageInterrupted (the message comes again), NotConnected, CallTimeout, RemoteProtocolError where it is not
        what it claims to be, LocalProtocolError where it was taken in pieces or dropped.
        """
        if self.is_large and (body := self.large) is not None:
            self._check_unread(body.in_pieces)
            while piece := self._next_piece():
                body.parts.append(piece)
            self.hold_inflated(body.parts)
        return self._encoded_body

    def chunks(self) -> Iterator[bytes]:
        """The body piece by piece, decompressed, once; in bounded memory, however large it is. Iterating raises as `read` does."""
        if self.is_large and (body := self.large) is not None:
            self._check_unread(body.in_pieces or bool(body.parts))
            body.in_pieces = True
        return Chunks(self)

    def save(self, target: IO[bytes] | Path, /) -> int:
        """Write the body to an open file, or to a path, where it appears whole or not at all. Returns its size.

        Raises as `read` does, and OSError.
        """
        return save(self, target)

    def _check_unread(self, begun: bool) -> None:
        if begun:
            raise LocalProtocolError("a body that is not in memory can be read once", subject=repr(self))

    def _next_piece(self) -> bytes:
        if not self.is_large:
            return self._encoded_body
        return self._session._driver.call(self._session._engine.read_chunk, self)

    def reply(self, body: Body | Message = None, /, **headers: Unpack[Headers]) -> None:
        """Send to ``reply_to``, with this message's correlation id or else its message id.

        Raises LocalProtocolError if there is no ``reply_to``, and what `Session.send` raises.
        """
        if self.reply_to is None:
            raise LocalProtocolError("the message has no reply_to", subject=repr(self))
        if "correlation_id" not in headers and (name := self.correlation_id or self.message_id) is not None:
            headers["correlation_id"] = name
        self._session.send(self.reply_to, body, **headers)
