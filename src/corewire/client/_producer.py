"""
Sending: what a call waits for, and the producers that give a destination a name at the broker.

| message                        | answer asked for        | `send` is done                        |
|--------------------------------|-------------------------|---------------------------------------|
| durable, outside transactions  | always                  | with the answer (`block_on_durable_send`) |
| not durable                    | with a window           | when it is admitted (`block_on_non_durable_send`: with the answer) |
| in a transaction, or branch    | with a window           | when it is admitted                   |
| submitted                      | always                  | outer: when it is admitted; inner: with the answer |

Answers to sends carry the number of their question from version 130 on, so any number of sends may be under way.

With exactly-once a durable message outside transactions carries an id of which the broker takes only one, and is sent again
when the session is made anew: it is done with its own answer, and with nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from corewire.client._calls import Call, Command, Fate
from corewire.client._ids import ProducerId
from corewire.client._large_send import Form, Stream, Transfer, is_large
from corewire.client._outgoing import Outgoing
from corewire.errors import InterceptorRejectedPacket, LocalProtocolError
from corewire.wire import packets
from corewire.wire.message import CoreMessage
from corewire.wire.versions import capabilities

if TYPE_CHECKING:
    from corewire._operation import Operation
    from corewire.client._calls import Script
    from corewire.client._session import Session
    from corewire.values import Destination

FRAME_BYTES_MAX = 16_777_216
_FRAME_OVERHEAD = 26  # packet header and trailer around the message
_MESSAGE_BYTES_MAX = FRAME_BYTES_MAX - _FRAME_OVERHEAD
_NOBODY = 0
# An enum looks its members up in Python code, and these are needed for every message.
_RESENT = Fate.RESENT
_UNBLOCKED = Fate.UNBLOCKED


class Producer:
    """A destination that one session sends to often. ``number`` is its name on the wire."""

    def __init__(self, session: Session, destination: Destination) -> None:
        self.id = ProducerId(session.context.next_id())
        self.group = session.context.group()
        self.number = session.next_producer()
        self.session = session
        self.destination = destination
        self.closed = False

    @property
    def credit_bytes(self) -> int:
        """What may be sent to its address now."""
        outlet = self.session.outlets.find(self.destination)
        return 0 if outlet is None else outlet.credits.balance

    @property
    def blocked(self) -> bool:
        """Whether messages for its destination wait for credits."""
        outlet = self.session.outlets.find(self.destination)
        return outlet is not None and outlet.blocked_since is not None

    def open(self) -> Script[Producer]:
        """Look its destination up, name it to the broker, and ask for the first credits."""
        outlet = self.session.outlets.outlet(self.destination)
        if not outlet.ready:
            yield from outlet.look_up()
            if outlet.error is not None:
                raise outlet.error
        self.session.producers[self.id] = self
        self.announce()
        outlet.ask_for_credits()
        return self

    def announce(self) -> None:
        """Name it to the broker, where brokers know of producers."""
        if capabilities(self.session.channel.version).producer_ids:
            self.session.post(packets.CreateProducer(self.number, self.destination.name))

    def close(self) -> None:
        """Its messages that are under way arrive nevertheless."""
        if not self.closed:
            self.closed = True
            self.session.producers.pop(self.id, None)
            if self.session.error is None and capabilities(self.session.channel.version).producer_ids:
                self.session.post(packets.RemoveProducer(self.number))


class Submission(Call[None]):
    """What becomes of one submitted message."""

    __slots__ = ("command",)

    command: Command


def _command(
    session: Session, message: bytes, durable: bool, answered: bool, sender: int, waiter: Call[None] | None
) -> Command:
    """What sends a message of one piece. It is made for every message: without keywords, which cost as much as the rest."""
    packet = packets.SessionSend(message, answered, 0, sender)
    fate = _RESENT if durable and session.sends_again else _UNBLOCKED
    answer = packets.NullResponse if answered else None
    bound = session.xa and session.transaction.binds
    return Command(packet, answer, fate, bound, len(message) + _FRAME_OVERHEAD, waiter)


def _offer(
    now: float,
    session: Session,
    destination: Destination,
    command: Command,
    admitted: Call[Any] | None,
    receipt: Submission | None = None,
) -> None:
    """Send a message as soon as there is room for it: of one piece or, if its body is large, of many.

    Raises LocalProtocolError for one that no frame can hold.
    """
    config, message = session.context.config, command.packet.message
    size, small = len(message), config.large_message_bytes_min
    if size > small and is_large(CoreMessage(message).body_bytes, small):
        form = Form.of(session, compress=config.compress_large_message, sender=command.packet.sender_id)
        outgoing: Outgoing = Transfer(session, message, form, command, admitted, receipt)
    elif command.size > FRAME_BYTES_MAX:
        raise LocalProtocolError(f"a message of {size} bytes does not fit a frame of {FRAME_BYTES_MAX}")
    elif not session.sends_again and session.outlets.outlet(destination).admit(now, command, size):
        session.transaction.work_done = True
        if admitted is not None:
            admitted.succeed(receipt)  # before anybody could wait for it
        return
    else:
        outgoing = Outgoing(command, size, admitted, receipt)
    session.transaction.work_done = True
    session.outlets.offer(now, destination, outgoing)


def _waits(session: Session, *, durable: bool) -> bool:
    """Whether whoever sends waits for the answer."""
    config = session.context.config
    return not session.transaction.open and (
        config.block_on_durable_send if durable else config.block_on_non_durable_send
    )


def send(now: float, session: Session, destination: Destination, message: bytes, *, durable: bool) -> Call[None]:
    """Send one message; see the table above."""
    session.check_open()
    waits = _waits(session, durable=durable)
    answered = waits or session.channel.window_bytes is not None
    call: Call[None] = Call()
    command = _command(session, message, durable, answered, _NOBODY, call if waits else None)
    command.patient = not waits
    _offer(now, session, destination, command, None if waits else call)
    return call


def submit(now: float, producer: Producer, message: bytes, *, durable: bool) -> Call[Operation[None]]:
    """Send one message and go on as soon as there is room for it."""
    receipt = _submission(producer, message, durable=durable)
    admitted: Call[Operation[None]] = Call()
    _offer(now, producer.session, producer.destination, receipt.command, admitted, receipt)
    return admitted


def submit_nowait(now: float, producer: Producer, message: bytes, *, durable: bool) -> Submission | None:
    """The same for a small message that would wait for nothing. None: nothing was done, and `submit` is for it."""
    session, size = producer.session, len(message)
    if size > session.context.config.large_message_bytes_min or size > _MESSAGE_BYTES_MAX or session.sends_again:
        return None
    receipt = _submission(producer, message, durable=durable)
    if not session.outlets.outlet(producer.destination).admit(now, receipt.command, size):
        return None
    session.transaction.work_done = True
    return receipt


def _submission(producer: Producer, message: bytes, *, durable: bool) -> Submission:
    session = producer.session
    if session.error is not None or session.closing:
        session.check_open()
    receipt = Submission()
    command = receipt.command = _command(session, message, durable, True, producer.number, receipt)
    command.patient = True
    return receipt


def kept_back() -> InterceptorRejectedPacket:
    """What whoever sends is told."""
    return InterceptorRejectedPacket("an interceptor keeps the message back")


def keep_back(session: Session, *, durable: bool) -> Call[None]:
    """A message that an interceptor does not let out: only whoever waits for the broker's answer learns of it."""
    session.check_open()
    if not _waits(session, durable=durable):
        return session.done
    call: Call[None] = Call()
    session.context.fail(call, kept_back())
    return call


def keep_back_submitted(producer: Producer) -> Call[Operation[None]]:
    """The same for one that was submitted: its receipt tells."""
    producer.session.check_open()
    receipt = Submission()
    receipt.command = Command(packets.SessionSend(b""))
    receipt.fail(kept_back())
    admitted: Call[Operation[None]] = Call()
    admitted.succeed(receipt)
    return admitted


def open_stream(
    now: float, session: Session, destination: Destination, message: bytes, *, durable: bool, compress: bool | None
) -> tuple[Stream, Call[int]]:
    """Begin a large message whose body comes later. The call is done when it is its turn."""
    session.check_open()
    waits = _waits(session, durable=durable)
    answered = waits or session.channel.window_bytes is not None
    last = Command(packets.SessionSend(message), packets.NullResponse if answered else None, Fate.UNBLOCKED)
    last.patient = not waits
    opening: Call[int] = Call()
    compress = session.context.config.compress_large_message if compress is None else compress
    stream = Stream(session, message, Form.of(session, compress=compress, sender=_NOBODY), last, opening)
    stream.waits = waits
    session.transaction.work_done = True
    session.outlets.open_stream(now, stream, destination)
    return stream, opening
