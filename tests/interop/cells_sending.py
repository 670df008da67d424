"""Rows of the table about sending."""

from __future__ import annotations

from typing import ClassVar

from tests.interop.cells import PLAIN, Cell, Error, Mode, Moment, Outcome, Packets, Row

from corewire.errors import Unblocked
from corewire.wire import packets
from corewire_transports.anyio import Client, Producer, SendState, Session


class _Sending(Row):
    """A session that sends to a queue with nothing in it."""

    ask = (packets.SessionSend,)
    answer: ClassVar[Packets] = (packets.NullResponse,)
    session: Session
    client: Client

    async def prepare(self, client: Client) -> None:
        self.witness.queue(self.name)
        self.client = client
        self.session = await client.session()
        await self.session.query_address(self.name)

    async def after(self) -> None:
        await self.session.send(self.name, "next")

    def check(self) -> None:
        came = ["x"] if self.cell.happens else []
        assert self.witness.texts(self.name) == came + (["next"] if self.cell.survives else [])


class DurableSend(_Sending):
    """Whoever waited for too long is told, and it is sent when the broker is back nevertheless."""

    words = "durable `send`, `submit`"
    modes = PLAIN
    times_out = True
    recreated: ClassVar[Error] = Unblocked
    given_up = Unblocked

    async def call(self) -> None:
        await self.session.send(self.name, "x")


class DurableSubmit(_Sending):
    words = "durable `send`, `submit`"
    modes = PLAIN
    recreated: ClassVar[Error] = Unblocked
    given_up = Unblocked
    producer: Producer

    async def prepare(self, client: Client) -> None:
        self.witness.queue(self.name)
        self.client = client
        self.session = await client.session()
        self.producer = await self.session.producer(self.name)

    async def call(self) -> None:
        receipt = await self.producer.submit("x")
        try:
            await receipt.wait()
        finally:
            failed = SendState.FAILED
            assert receipt.state is (failed if self.expected is not None else SendState.CONFIRMED)


class DurableSendExactlyOnce(DurableSend):
    """Sent again with its duplicate id until it is answered."""

    modes = (Mode.EXACTLY_ONCE,)
    times_out = False
    recreated = None

    def check(self) -> None:
        came = ["x"] if self.cell.happens or self.cell.survives else []
        assert self.witness.texts(self.name) == came + (["next"] if self.cell.survives else [])


class DurableSubmitExactlyOnce(DurableSubmit):
    modes = (Mode.EXACTLY_ONCE,)
    recreated = None

    def check(self) -> None:
        came = ["x"] if self.cell.happens or self.cell.survives else []
        assert self.witness.texts(self.name) == came + (["next"] if self.cell.survives else [])


class NonDurableSend(_Sending):
    """The caller is told nothing. What may be lost is counted with a window, with which brokers answer each send."""

    words = "non-durable `send`"
    answer = ()
    given_up = None

    async def call(self) -> None:
        await self.session.send(self.name, "x", durable=False)

    def executed(self) -> bool:
        return self.witness.count(self.name) == 1

    async def after(self) -> None:
        await self.session.send(self.name, "next")
        if self.cell == Cell(Outcome.RECREATED, Moment.ANSWERED, Mode.WINDOW):
            # Nobody waits for its answer, so whether that was read before the link was lost cannot be forced.
            assert self.client.stats.messages_maybe_lost in (0, 1)
        else:
            unread = self.cell == Cell(Outcome.RECREATED, Moment.UNREAD, Mode.WINDOW)
            assert self.client.stats.messages_maybe_lost == unread


class NonDurableBlockingSend(_Sending):
    """As a durable one."""

    words = "non-durable `send`"
    options = "&blockOnNonDurableSend=true"
    recreated = given_up = Unblocked

    async def call(self) -> None:
        await self.session.send(self.name, "x", durable=False)
