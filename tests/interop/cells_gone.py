"""Rows of the table about receiving, where the client comes back and what it received from is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from tests.interop.cells import Error, Moment, Outcome, Packets, Row

from corewire.errors import QueueDoesNotExist
from corewire.wire import packets

if TYPE_CHECKING:
    from corewire_transports.anyio import Client, Consumer, ReceivedMessage, Session


class _Gone(Row):
    """Whoever receives is told; the session goes on."""

    words = "`receive`, loops, `listen`, browsers"
    answer: ClassVar[Packets] = (packets.SessionReceiveMessage,)
    outcomes = (Outcome.RECREATED,)
    recreated: ClassVar[Error] = QueueDoesNotExist
    begun_recreated: ClassVar[Error] = QueueDoesNotExist
    disturbs = True
    brief = True
    session: Session
    consumer: Consumer

    async def prepare(self, client: Client) -> None:
        self.witness.queue(self.name)
        self.session = await client.session()
        self.consumer = await self.session.consumer(self.name)

    async def call(self) -> None:
        if self.cell.moment is Moment.ANSWERED:
            self.witness.queue(self.name, "1")
        await self.receive()

    async def receive(self) -> None:
        raise NotImplementedError

    def meanwhile(self) -> None:
        self.witness.destroy(self.name)

    async def after(self) -> None:
        assert not self.witness.exists(self.name), "nobody has made it again"
        self.witness.queue(f"{self.name}.other", "2")
        async with self.session.consumer(f"{self.name}.other") as other:
            assert (await other.receive()).text == "2"


class ReceiveFromNowhere(_Gone):
    async def receive(self) -> None:
        await self.consumer.receive()


class LoopOverNothing(_Gone):
    async def receive(self) -> None:
        async for message in self.consumer:
            raise AssertionError(message)


class ListenToNothing(_Gone):
    async def receive(self) -> None:
        await self.consumer.listen(self.handle)

    async def handle(self, message: ReceivedMessage) -> None:
        raise AssertionError(message)


class BrowseNothing(_Gone):
    async def prepare(self, client: Client) -> None:
        self.witness.queue(self.name, "1", "2")
        self.session = await client.session()
        self.browser = await self.session.browser(self.name, window_bytes=0)

    async def receive(self) -> None:
        async for message in self.browser:
            raise AssertionError(message)
