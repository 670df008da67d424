"""Rows of the table about receiving, where the client comes back and may not receive any more: at a broker with users."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from tests.interop.cells import PLAIN, Error, Mode, Moment, Outcome, Packets, Row

from corewire.errors import SecurityError
from corewire.wire import packets

if TYPE_CHECKING:
    from corewire_transports.anyio import Client, Consumer, ReceivedMessage, Session

USER, KEEPERS = "admin", "keepers"  # who receives, with his name for a password, and the role of who watches


class _Forbidden(Row):
    """Whoever receives is told; the session goes on, and the message waits for somebody who may have it."""

    words = "`receive`, loops, `listen`, browsers"
    answer: ClassVar[Packets] = (packets.SessionReceiveMessage,)
    options = f"&user={USER}&password={USER}"
    modes: ClassVar[tuple[Mode, ...]] = PLAIN
    outcomes = (Outcome.RECREATED,)
    recreated: ClassVar[Error] = SecurityError
    begun_recreated: ClassVar[Error] = SecurityError
    disturbs = True
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
        self.witness.reserve(self.name, KEEPERS)

    async def after(self) -> None:
        self.witness.queue(f"{self.name}.other", "2")
        async with self.session.consumer(f"{self.name}.other") as other:
            assert (await other.receive()).text == "2"

    def check(self) -> None:
        left = 1 if self.cell.moment is Moment.ANSWERED else 0
        assert self.witness.comes_to(self.name, left) == left


class ReceiveWhatIsForbidden(_Forbidden):
    async def receive(self) -> None:
        await self.consumer.receive()


class LoopOverWhatIsForbidden(_Forbidden):
    async def receive(self) -> None:
        async for message in self.consumer:
            raise AssertionError(message)


class ListenToWhatIsForbidden(_Forbidden):
    async def receive(self) -> None:
        await self.consumer.listen(self.handle)

    async def handle(self, message: ReceivedMessage) -> None:
        raise AssertionError(message)


class BrowseWhatIsForbidden(_Forbidden):
    async def prepare(self, client: Client) -> None:
        self.witness.queue(self.name)
        self.session = await client.session()
        self.browser = await self.session.browser(self.name)

    async def call(self) -> None:
        self.witness.queue(self.name, *["1"] * (self.cell.moment is Moment.ANSWERED))
        async for message in self.browser:
            raise AssertionError(message)
