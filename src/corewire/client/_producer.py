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

from typing import TYPE_CHECKING

from corewire.client._calls import Call, Command, Fate
from corewire.client._ids import ProducerId
from corewire.client._outlets import Outgoing
from corewire.errors import LocalProtocolError
from corewire.wire import packets
from corewire.wire.versions import capabilities

if TYPE_CHECKING:
    from corewire._operation import Operation
    from corewire.client._calls import Script
    from corewire.client._session import Session
    from corewire.values import Destination

FRAME_BYTES_MAX = 16_777_216
_FRAME_OVERHEAD = 26  # packet header and trailer around the message
_NOBODY = 0


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

    def __init__(self, command: Command) -> None:
        super().__init__()
        self.command = command


def _command(session: Session, message: bytes, *, answered: bool, sender: int, durable: bool) -> Command:
    size = len(message) + _FRAME_OVERHEAD
    if size > FRAME_BYTES_MAX:
        raise LocalProtocolError(f"a message of {len(message)} bytes does not fit a frame of {FRAME_BYTES_MAX}")
    packet = packets.SessionSend(message, requires_response=answered, sender_id=sender)
    fate = Fate.RESENT if durable and session.sends_again else Fate.UNBLOCKED
    return Command(packet, packets.NullResponse if answered else None, fate, size=size)


def send(now: float, session: Session, destination: Destination, message: bytes, *, durable: bool) -> Call[None]:
    """Send one message; see the table above."""
    session.check_open()
    config = session.context.config
    waits = not session.transaction.open and (
        config.block_on_durable_send if durable else config.block_on_non_durable_send
    )
    windowed = session.channel.window_bytes is not None
    command = _command(session, message, answered=waits or windowed, sender=_NOBODY, durable=durable)
    call: Call[None] = Call()
    if waits:
        command.waiter = call
    else:
        command.patient = True
    session.transaction.work_done = True
    session.outlets.offer(now, destination, Outgoing(command, len(message), None if waits else call))
    return call


def submit(now: float, producer: Producer, message: bytes, *, durable: bool) -> Call[Operation[None]]:
    """Send one message and go on as soon as there is room for it."""
    session = producer.session
    session.check_open()
    command = _command(session, message, answered=True, sender=producer.number, durable=durable)
    admitted: Call[Operation[None]] = Call()
    receipt = Submission(command)
    command.waiter = receipt
    command.patient = True
    session.transaction.work_done = True
    session.outlets.offer(now, producer.destination, Outgoing(command, len(message), admitted, receipt))
    return admitted
