"""
A large message on its way out: a header, then the body in chunks, the last of which says how large the whole is.

    whole body (send, submit) ──┐                ┌─ header ─ chunk ─ chunk ─ last chunk ──> broker
    stream (begin_large) ───────┴─> its turn ────┘
                                    one large message at a time in a session; other messages go in between

Each piece pays credits of its own. A whole body keeps its place among the messages to its destination; a stream lets them pass,
since nobody knows when more of it comes. Nothing is written while there is no link, so what is half-way is known: where the
session is made anew before the last chunk was written, the message can never arrive. A whole body then begins again; a stream,
which nobody can wind back, ends with Unblocked. An unfinished message is dropped by the broker with the next one, or with the session.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from corewire.client import _headers
from corewire.client._calls import Call, Command, Fate
from corewire.client._compression import Cutter
from corewire.client._outgoing import Outgoing
from corewire.errors import ConnectionLost, LocalProtocolError, Unblocked
from corewire.values import Long
from corewire.wire import packets
from corewire.wire.message import BODY_AT, CoreMessage, with_body

if TYPE_CHECKING:
    from corewire.client._calls import Packet
    from corewire.client._outgoing import Piece
    from corewire.client._outlets import Outlet
    from corewire.client._session import Session
    from corewire.errors import CorewireError
    from corewire.values import PropertyValue

_CHUNK_OVERHEAD = 39  # of the packet around the data of a last chunk; others have less


def is_large(body_bytes: int, large_message_bytes_min: int) -> bool:
    """Whether a body of so many bytes travels in chunks (Artemis: ``ClientProducerImpl``)."""
    return body_bytes + BODY_AT > large_message_bytes_min


class Form(NamedTuple):
    """How a large message is to be written."""

    chunk_bytes: int
    level: int | None  #: of compression; None: as it is
    answered: bool  #: every chunk asks for an answer
    sender: int

    @classmethod
    def of(cls, session: Session, *, compress: bool, sender: int) -> Form:
        """As the client's configuration says."""
        config = session.context.config
        answered = session.channel.window_bytes is not None
        return cls(config.large_message_bytes_min, config.compression_level if compress else None, answered, sender)


class _ChunkAnswer(Call[None]):
    """Of a chunk that is not the last: nobody waits for it, but a refusal ends the message."""

    __slots__ = ("_transfer",)

    def __init__(self, transfer: Transfer) -> None:
        super().__init__()
        self.abandoned = True
        self._transfer = transfer

    def fail(self, error: Exception) -> None:
        super().fail(error)
        if not isinstance(error, ConnectionLost):  # what a lost link means is not for chunks to say
            self._transfer.error = self._transfer.error or error


class Transfer(Outgoing):
    """One large message that waits for its turn, or is being written. ``message`` is its bytes."""

    __slots__ = ("_chunk", "_cutter", "_form", "_message", "_next", "begun", "session")

    def __init__(
        self,
        session: Session,
        message: bytes,
        form: Form,
        last: Command,
        admitted: Call[Any] | None,
        receipt: Call[None] | None = None,
    ) -> None:
        """Raises LocalProtocolError where headers and properties alone are as large as a chunk, as Java does."""
        super().__init__(last, 0, admitted, receipt)
        self.begun = False  #: its header was written, in this epoch
        self.session = session
        self._form = form
        self._message = CoreMessage(message)
        header_bytes = len(message) - self._message.id_at
        if header_bytes >= form.chunk_bytes:
            raise LocalProtocolError(
                f"headers and properties of {header_bytes} bytes are too many for a large message",
                hint=f"They may have less than large_message_bytes_min, {form.chunk_bytes}.",
            )
        self._wind_back()

    def _wind_back(self) -> None:
        self.begun = False
        self._next: Piece | None = None
        self._chunk: bytes | None = None  # cut off before the header was written
        self._cutter = Cutter(self._form.chunk_bytes, self._form.level)
        self._fill()

    def _fill(self) -> None:
        self._cutter.feed(memoryview(self._message.raw)[BODY_AT : self._message.id_at])
        self._cutter.finish()

    @property
    def has_turn(self) -> bool:
        """Whether it is this one's turn. If not, it waits in line from now on."""
        return self.session.outlets.turns.take(self)

    # -- pieces ------------------------------------------------------------------------------------------------------------

    def piece(self) -> Piece | None:
        """What is to be written next; None: nothing now."""
        if self.session.locked or self.error is not None or not self.has_turn:
            return None
        if self._next is None:
            self._next = self._make()
        return self._next

    def _make(self) -> Piece | None:
        if self.begun:
            chunk, self._chunk = self._chunk, None
            return self._chunk_piece(self._cutter.take() if chunk is None else chunk)
        if self._chunk is None:
            self._chunk = self._cutter.take()
            if self._chunk is None:
                return None
        if self._cutter.compresses and self._cutter.ended:
            chunk, self._chunk = self._chunk, None
            return self._as_ordinary(chunk)
        header = self._with(compressed=self._cutter.compresses).header
        packet = packets.SessionSendLarge(header)
        return Command(packet, None, Fate.UNBLOCKED, bound=True, size=len(header)), len(header)

    def _with(self, *, compressed: bool, size: int | None = None) -> CoreMessage:
        if not compressed:
            return self._message
        bare = CoreMessage(with_body(self._message.header))
        mark: dict[str, PropertyValue] = {_headers.LARGE_COMPRESSED: True}
        return bare.rewritten(add=mark if size is None else {**mark, _headers.LARGE_SIZE: Long(size)})

    def _as_ordinary(self, body: bytes) -> Piece:
        """It shrank so much that it needs no chunks."""
        message = with_body(self._with(compressed=True, size=self._cutter.body_bytes).header, body)
        packet = packets.SessionSend(message, requires_response=self._asks, sender_id=self._form.sender)
        return self._last(packet, len(message))

    def _chunk_piece(self, chunk: bytes | None) -> Piece | None:
        if chunk is None:
            return None
        size = len(chunk) + _CHUNK_OVERHEAD
        packet = packets.SessionSendContinuation(chunk, continues=True, sender_id=self._form.sender)
        if self._cutter.ended:
            packet.continues, packet.message_body_size = False, self._cutter.body_bytes
            packet.requires_response = self._asks
            return self._last(packet, size)
        command = Command(packet, None, Fate.UNBLOCKED, bound=True, size=size, patient=True)
        if self._form.answered:
            packet.requires_response = True
            command.answer, command.waiter = packets.NullResponse, _ChunkAnswer(self)
        return command, size

    @property
    def _asks(self) -> bool:
        return self.command.answer is not None

    def _last(self, packet: Packet, size: int) -> Piece:
        self.command.packet, self.command.size = packet, size
        return self.command, size

    def wrote(self) -> bool:
        """The piece was written. Returns whether it was the last."""
        assert self._next is not None
        command, self._next = self._next[0], None
        self.begun = True
        return command is self.command

    def left(self) -> None:
        """All of it was written, or nothing more will be: it is another one's turn."""
        self.session.outlets.turns.leave(self)

    def begin_again(self) -> None:
        """All of it is to be written once more."""
        self.error = None
        self._wind_back()
        self.session.outlets.turns.give_first(self)

    def epoch_lost(self, cause: CorewireError | None) -> None:
        """The session was made anew: what the broker had of it is gone, and its end was not written."""
        self.error = None
        self._wind_back()


class Stream(Transfer):
    """A large message whose body comes piece by piece. ``message`` is its bytes without a body."""

    __slots__ = ("ended", "finished", "id", "opened", "outlet", "waits")

    repeatable = False

    def __init__(self, session: Session, message: bytes, form: Form, last: Command, opening: Call[int]) -> None:
        super().__init__(session, message, form, last, opening)
        self.id = session.context.next_id()
        self.outlet: Outlet | None = None  #: where it goes out
        self.opened = False  #: it had its turn, and who began it knows
        self.finished = False  #: all of the body was given
        self.ended = False  #: its last chunk was written
        self.waits = False  #: who gives the last piece waits for the answer

    def _fill(self) -> None:
        """Nothing yet."""

    def piece(self) -> Piece | None:
        """As above. One that has ended asks for no turn."""
        return None if self.ended else super().piece()

    def more(self, data: bytes, call: Call[None], *, last: bool) -> None:
        """More of the body; ``call`` waits until it was written."""
        self._cutter.feed(data)
        self.finished = last
        if last:
            self._cutter.finish()
        self.admitted = call
        if last and self.waits:
            self.command.waiter, self.admitted = call, None

    def wrote(self) -> bool:
        """As above."""
        self.ended = super().wrote()
        return self.ended

    def tell(self, *, ready: bool) -> None:
        """Let its caller go on, if nothing is left to be written, or nothing will be."""
        context, call = self.session.context, self.call
        if call is None or call.done:
            return
        if self.error is not None:
            context.fail(call, self.error)
        elif self.admitted is None:
            return  # who waits for the answer
        elif not self.opened:
            if ready and self.has_turn:
                self.opened = True
                context.succeed(call, self.id)
        elif self.ended or (self.piece() is None and not self.session.locked):
            context.succeed(call, None)

    def epoch_lost(self, cause: CorewireError | None) -> None:
        """As above; nobody has the body any more."""
        if self.begun and self.error is None:
            self.error = Unblocked("a large message was on its way when the session was lost")
            self.error.__cause__ = cause


class Turns:
    """Whose turn it is among the large messages of one session: the first who asked."""

    def __init__(self) -> None:
        self.holder: Transfer | None = None
        self._waiting: deque[Transfer] = deque()

    def take(self, transfer: Transfer) -> bool:
        """Whether it is this one's turn. If not, it waits from now on."""
        if self.holder is None:
            self.holder = transfer
        elif self.holder is not transfer and transfer not in self._waiting:
            self._waiting.append(transfer)
        return self.holder is transfer

    def leave(self, transfer: Transfer) -> None:
        """It was written, or will not be."""
        if transfer in self._waiting:
            self._waiting.remove(transfer)
        elif self.holder is transfer:
            self.holder = self._waiting.popleft() if self._waiting else None

    def give_first(self, transfer: Transfer) -> None:
        """The session is made anew, and this one goes before all others: it was written before them."""
        if transfer in self._waiting:
            self._waiting.remove(transfer)
        if self.holder is not None and self.holder is not transfer:
            self._waiting.appendleft(self.holder)
        self.holder = transfer

    def epoch_lost(self, cause: CorewireError | None) -> None:
        """The session was made anew."""
        for transfer in (self.holder, *self._waiting):
            if transfer is not None:
                transfer.epoch_lost(cause)
