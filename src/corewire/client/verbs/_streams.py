"""Large messages piece by piece: on their way out, and on their way in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire.client._calls import Call
from corewire.client._producer import kept_back, open_stream
from corewire.client.verbs._sending import SendingVerbs
from corewire.errors import LocalProtocolError
from corewire.wire.message import CoreMessage, with_body

if TYPE_CHECKING:
    from corewire._operation import Operation
    from corewire.client._delivery import Delivery
    from corewire.client._ids import SessionId
    from corewire.client._large_send import Stream
    from corewire.client.message import Message
    from corewire.values import Destination


class StreamVerbs(SendingVerbs):
    """Commands that move large bodies."""

    def begin_large(
        self,
        now: float,
        session: SessionId,
        destination: Destination,
        message: Message,
        *,
        compress: bool | None = None,
        wall_ms: int | None = None,
    ) -> Operation[int]:
        """Begin a message whose body comes piece by piece; that of ``message`` is not sent. Done when it is its turn: a session
        sends one such message at a time. Its result is the number to go on with.

        ``compress`` None: as configured. ``wall_ms`` and what it fails with: as `send`.
        """
        found = self._open_session(session)
        if (passed := self._intercept(message)) is None:
            refused: Call[int] = Call()
            self._context.fail(refused, kept_back())
            return refused
        message = passed
        raw = with_body(CoreMessage(self._encode(found, message, destination, wall_ms, found.group)).header)
        stream, opening = open_stream(now, found, destination, raw, durable=message.durable, compress=compress)
        self._context.streams[stream.id] = stream
        opening.untake = lambda then: self.abort_large(then, stream.id)
        return opening

    def send_chunk(self, now: float, large: int, data: bytes, *, last: bool = False) -> Operation[None]:
        """More of the body, of any size. Done when it was written; the ``last`` one as `send` is.

        Fails as `send`, with Unblocked where the session was lost in between. Raises LocalProtocolError for a message that has
        ended, and while another piece is being written.
        """
        stream = self._stream(large)
        call: Call[None] = Call()
        if stream.error is not None:
            self._context.fail(call, stream.error)
            return call
        stream.session.outlets.feed(now, stream, data, call, last=last)
        return call

    def abort_large(self, now: float, large: int) -> None:
        """The message is not to arrive. Harmless for one that has ended."""
        stream = self._context.streams.pop(large, None)
        if stream is not None:
            stream.session.outlets.abort(now, stream, LocalProtocolError("the message was given up"))

    def _stream(self, large: int) -> Stream:
        stream = self._context.streams.get(large)
        if stream is None or stream.finished or (stream.call is not None and not stream.call.done):
            self._check_alive()
            raise LocalProtocolError("this large message has ended, or a piece of it is being written")
        return stream

    def read_chunk(self, now: float, delivery: Delivery) -> Operation[bytes]:
        """The next piece of a body that is not in memory (``Delivery.is_large``), inflated; b"" at the end.

        Fails with LargeMessageInterrupted (the message comes again), RemoteProtocolError, CallTimeout, NotConnected, ObjectClosed
        where the consumer was closed. Raises LocalProtocolError once the consumer has moved on.
        """
        return delivery.source.read_chunk(now, delivery)
