"""Rows of the table about requests: of other programs, and of the broker where repeating one is not harmless."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from tests.interop.cells import Error, Outcome, Packets, Row

from corewire import RoutingType
from corewire.errors import Unblocked
from corewire.wire import packets

if TYPE_CHECKING:
    from corewire_transports.anyio import Client, Session

NULL = (packets.NullResponse,)


class Request(Row):
    """Somebody answers, past the proxy."""

    words = "`request`, `management.call`"
    ask = (packets.SessionSend,)
    answer = (packets.SessionReceiveMessage,)
    recreated = Unblocked
    session: Session

    async def prepare(self, client: Client) -> None:
        self.stage.answer_questions(self.name)
        self.session = await client.session()
        assert (await self.session.request(self.name, "before")).text == "before!"

    async def call(self) -> None:
        assert (await self.session.request(self.name, "now")).text == "now!"

    async def after(self) -> None:
        assert (await self.session.request(self.name, "after")).text == "after!"


class _Other(Row):
    """One that ended too late is done nevertheless when the broker is back."""

    words = "other requests"
    answer: ClassVar[Packets] = NULL
    recreated: ClassVar[Error] = Unblocked
    given_up: ClassVar[Error] = Unblocked
    session: Session

    async def prepare(self, client: Client) -> None:
        self.session = await client.session()

    async def after(self) -> None:
        assert not self.session.closed
        await self.session.query_queue(self.name)


class CreateQueue(_Other):
    ask = (packets.CreateQueueV2,)

    async def call(self) -> None:
        await self.session.create_queue(self.name)

    def check(self) -> None:
        assert self.witness.exists(self.name) == (self.cell.happens or self.cell.outcome is Outcome.LATE)


class DeleteQueue(_Other):
    ask = (packets.DeleteQueue,)

    async def prepare(self, client: Client) -> None:
        self.witness.queue(self.name)
        self.session = await client.session()

    async def call(self) -> None:
        await self.session.delete_queue(self.name)

    def check(self) -> None:
        assert self.witness.exists(self.name) != (self.cell.happens or self.cell.outcome is Outcome.LATE)


class CreateAddress(_Other):
    ask = (packets.CreateAddress,)

    async def call(self) -> None:
        await self.session.create_address(self.name, RoutingType.MULTICAST)


class AddMetadata(_Other):
    ask = (packets.SessionAddMetadata2,)

    async def call(self) -> None:
        await self.session.add_metadata("key", "value")


class AddUniqueMetadata(_Other):
    ask = (packets.SessionUniqueAddMetadata,)

    async def call(self) -> None:
        await self.session.add_metadata("key", self.name, unique=True)


class Unsubscribe(_Other):
    ask = (packets.DeleteQueue,)

    async def prepare(self, client: Client) -> None:
        self.session = await client.session()
        async with self.session.subscribe(f"{self.name}.topic", self.name, shared=True):
            pass

    async def call(self) -> None:
        await self.session.unsubscribe(self.name)
