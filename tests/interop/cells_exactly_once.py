"""Rows of the table with exactly-once: what it makes of acknowledgements, and `transact`, with and without it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from tests.interop.cells import PLAIN, Cell, Error, Mode, Moment, Outcome, Packets, Row

from corewire import AckMode
from corewire.errors import NotConnected, TransactionOutcomeUnknown, Unblocked
from corewire.wire import packets

if TYPE_CHECKING:
    from tests.interop.cell_stage import Stage

    from corewire_transports.anyio import Client, Consumer, ReceivedMessage, Session, TransactedSession


AUTOMATIC = (AckMode.AUTO, AckMode.DUPS_OK)


class _AcknowledgingOnce(Row):
    """Whatever becomes of it, the message is not handed out a second time."""

    words = "acknowledgement"
    ask: ClassVar[Packets] = (packets.SessionIndividualAcknowledge,)
    answer: ClassVar[Packets] = (packets.NullResponse,)
    ack_mode: ClassVar[AckMode] = AckMode.AUTO
    given_up: ClassVar[Error] = None
    begun_given_up: ClassVar[Error] = None
    modes = (Mode.EXACTLY_ONCE,)
    session: Session
    consumer: Consumer
    message: ReceivedMessage
    held: ClassVar[int] = 0  #: in hand when the session is lost
    suppressed: int

    async def prepare(self, client: Client) -> None:
        self.witness.queue(self.name, "1", "2")
        self.session = await client.session(self.ack_mode)
        self.consumer = await self.session.consumer(self.name)
        self.message = await self.consumer.receive()

    async def call(self) -> None:
        await self.message.acknowledge()

    async def after(self) -> None:
        assert [message.text async for message in self.consumer.drain()] == ["2"]
        self.suppressed = self.session.client.stats.duplicates_suppressed

    def check(self) -> None:
        """Nor does the broker keep it."""
        happened = self.cell.moment is Moment.ANSWERED
        if self.cell.survives:
            assert self.witness.texts(self.name) == ([] if self.session.ack_mode in AUTOMATIC else ["2"])
            assert self.suppressed == (not happened) + self.held
        else:
            left = 2 - happened
            assert self.witness.comes_to(self.name, left) == left


class AutoAcknowledgementOnce(_AcknowledgingOnce):
    pass


class DupsOkAcknowledgementOnce(_AcknowledgingOnce):
    ack_mode = AckMode.DUPS_OK


class ComingBackForTheNextOnce(_AcknowledgingOnce):
    """The next one was here already: it stays with whom it is handed to."""

    waits_for_ever = True
    held = 1
    next: ReceivedMessage

    async def prepare(self, client: Client) -> None:
        await super().prepare(client)
        while not self.consumer.buffered:
            await client.poll()

    async def call(self) -> None:
        self.next = await self.consumer.receive()

    async def after(self) -> None:
        assert self.next.text == "2"
        assert [message.text async for message in self.consumer.drain()] == []
        self.suppressed = self.session.client.stats.duplicates_suppressed


class ClientAcknowledgementOnce(_AcknowledgingOnce):
    ask = (packets.SessionCommit,)
    ack_mode = AckMode.CLIENT
    given_up = Unblocked
    begun_given_up = NotConnected


class IndividualAcknowledgementOnce(ClientAcknowledgementOnce):
    ack_mode = AckMode.INDIVIDUAL


class Transact(Row):
    """A message is forwarded: taken from one queue, and sent to another."""

    words = "`transact`"
    ask: ClassVar[Packets] = (packets.SessionCommit,)
    answer: ClassVar[Packets] = (packets.NullResponse,)
    recreated: ClassVar[Error] = TransactionOutcomeUnknown
    given_up: ClassVar[Error] = TransactionOutcomeUnknown
    modes: ClassVar[tuple[Mode, ...]] = PLAIN
    session: TransactedSession
    consumer: Consumer

    def __init__(self, stage: Stage, cell: Cell) -> None:
        super().__init__(stage, cell)
        self.runs = 0

    async def prepare(self, client: Client) -> None:
        self.witness.queue(self.name, "in")
        self.witness.queue(f"{self.name}.out")
        self.session = await client.transacted_session()
        self.consumer = await self.session.consumer(self.name)
        producer = await self.session.producer(f"{self.name}.out")  # looks it up
        while not (self.consumer.buffered and producer.credit_bytes):
            await client.poll()

    async def call(self) -> None:
        assert await self.session.transact(self.forward) == "in"

    async def forward(self, session: TransactedSession) -> str:
        self.runs += 1
        message = await self.consumer.receive()
        await session.send(f"{self.name}.out", message.text)
        if self.cell.moment is not Moment.OUTAGE:
            await session.query_queue(self.name)  # the send was answered: else this broker would run it twice
        return message.text

    @property
    def done(self) -> bool:
        """Whether it took effect in the end."""
        return self.cell.happens or self.cell.outcome is Outcome.LATE

    @property
    def again(self) -> bool:
        """Whether the function ran for a second time."""
        return False

    async def after(self) -> None:
        """It took effect once or not at all, and the session is of use again."""
        if self.cell.outcome is Outcome.LATE:
            await self.session.commit()
        if not self.done:
            assert (await self.consumer.receive()).text == "in"
        assert [message.text async for message in self.consumer.drain()] == []
        await self.session.send(f"{self.name}.out", "next")
        await self.session.commit()

    def check(self) -> None:
        texts = ["in"] * self.done + ["next"] * self.cell.survives
        assert self.witness.texts(f"{self.name}.out") == texts
        if self.cell.moment is not Moment.OUTAGE:
            assert self.runs == 1 + self.again
        if not self.cell.survives:
            left = 1 - self.done
            assert self.witness.comes_to(self.name, left) == left


class TransactExactlyOnce(Transact):
    """The function runs again for what did not happen, and never for what did."""

    modes = (Mode.EXACTLY_ONCE,)
    recreated = None

    @property
    def done(self) -> bool:
        return self.cell.survives or super().done

    @property
    def again(self) -> bool:
        return self.cell.survives and self.cell.moment is Moment.UNREAD
