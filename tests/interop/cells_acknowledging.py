"""Rows of the table about acknowledging: one message in hand, one behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from tests.interop.cells import PLAIN, Error, Mode, Moment, Outcome, Packets, Row

from corewire import AckMode
from corewire.errors import CallTimeout, NotConnected, TransactionRolledBack, Unblocked
from corewire.wire import packets

if TYPE_CHECKING:
    from corewire_transports.anyio import Client, Consumer, ReceivedMessage, Session

ACKNOWLEDGES = (packets.SessionAcknowledge, packets.SessionIndividualAcknowledge)


class _Acknowledging(Row):
    """AUTO, and nobody waits for an answer."""

    words = "acknowledgement"
    modes: ClassVar[tuple[Mode, ...]] = PLAIN
    ask: ClassVar[Packets] = ACKNOWLEDGES
    ack_mode: ClassVar[AckMode] = AckMode.AUTO
    given_up: ClassVar[Error] = None
    begun_given_up: ClassVar[Error] = None
    late: ClassVar[Error] = None
    session: Session
    consumer: Consumer
    message: ReceivedMessage

    async def prepare(self, client: Client) -> None:
        self.witness.queue(self.name, "1", "2")
        self.session = await client.session(self.ack_mode)
        self.consumer = await self.session.consumer(self.name)
        self.message = await self.consumer.receive()

    async def call(self) -> None:
        await self.message.acknowledge()

    def executed(self) -> bool:
        return self.witness.count(self.name) == 1

    @property
    def counts(self) -> bool:
        """Whether the broker has taken the message out. One that begins in an outage belongs to the session that was lost."""
        match self.cell.moment:
            case Moment.OUTAGE:
                return self.cell.outcome in (Outcome.REATTACHED, Outcome.LATE)
            case _:
                return self.cell.happens

    async def after(self) -> None:
        """It comes again or not, and the one behind it comes."""
        for text in ["2"] if self.counts else ["1", "2"]:
            assert (await self.consumer.receive()).text == text
        assert await self.consumer.receive(timeout=0) is None

    def check(self) -> None:
        if not self.cell.survives:
            left = 2 - self.counts
            assert self.witness.comes_to(self.name, left) == left


class AutoAcknowledgement(_Acknowledging):
    pass


class DupsOkAcknowledgement(_Acknowledging):
    ack_mode = AckMode.DUPS_OK


class AnsweredAutoAcknowledgement(_Acknowledging):
    options = "&blockOnAcknowledge=true"
    answer = (packets.NullResponse,)
    late = CallTimeout


class ComingBackForTheNext(_Acknowledging):
    """The message in hand counts, and the next is handed out."""

    waits_for_ever = True
    next: ReceivedMessage

    async def prepare(self, client: Client) -> None:
        self.witness.queue(self.name, "1", "2")
        self.session = await client.session(self.ack_mode)
        self.consumer = await self.session.consumer(self.name)
        self.message = await self.consumer.receive()
        while not self.consumer.buffered:
            await client.poll()

    async def call(self) -> None:
        self.next = await self.consumer.receive()

    async def after(self) -> None:
        assert self.next.text == "2"
        again = self.cell.outcome is Outcome.RECREATED
        for text in ["1"] * (not self.counts) + ["2"] * again:
            assert (await self.consumer.receive()).text == text
        assert await self.consumer.receive(timeout=0) is None


class _Settling(_Acknowledging):
    """With a commit of its own, which is answered."""

    ask = (packets.SessionCommit,)
    answer = (packets.NullResponse,)
    recreated = begun_recreated = TransactionRolledBack
    given_up = Unblocked
    begun_given_up = NotConnected
    late = CallTimeout


class ClientAcknowledgement(_Settling):
    ack_mode = AckMode.CLIENT


class IndividualAcknowledgement(_Settling):
    ack_mode = AckMode.INDIVIDUAL
