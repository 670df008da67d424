"""Rows of the table about what ends something: the caller is told that it is done, whatever happens to the link."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from tests.interop.cells import Error, Outcome, Packets, Row

from corewire.errors import CallTimeout
from corewire.wire import packets

if TYPE_CHECKING:
    from corewire_transports.anyio import Client, Consumer, Producer, Session, TransactedSession


class _Ending(Row):
    words = "`rollback()`, `stop()`, `close()`"
    answer: ClassVar[Packets] = (packets.NullResponse,)
    given_up: ClassVar[Error] = None
    begun_given_up: ClassVar[Error] = None
    late: ClassVar[Error] = None
    session: Session
    consumer: Consumer

    async def prepare(self, client: Client) -> None:
        self.witness.queue(self.name, "1", "2")
        self.client = client
        self.session = await client.session()
        self.consumer = await self.session.consumer(self.name)
        assert (await self.consumer.receive()).text == "1"


class Rollback(_Ending):
    ask = (packets.SessionRollback,)
    late = CallTimeout
    session: TransactedSession

    async def prepare(self, client: Client) -> None:
        self.witness.queue(self.name, "1", "2")
        self.session = await client.transacted_session()
        self.consumer = await self.session.consumer(self.name)
        assert (await self.consumer.receive()).text == "1"
        await self.session.send(f"{self.name}.out", "x")
        await self.session.query_queue(self.name)  # the send was answered

    async def call(self) -> None:
        await self.session.rollback()

    async def after(self) -> None:
        if self.cell.outcome is Outcome.LATE:
            await self.session.rollback()
        assert not self.session.rollback_only
        assert [(await self.consumer.receive()).text for _ in range(2)] == ["1", "2"]
        await self.session.send(f"{self.name}.out", "y")
        await self.session.commit()
        assert self.witness.texts(f"{self.name}.out") == ["y"]

    def check(self) -> None:
        left = 0 if self.cell.survives else 2
        assert self.witness.comes_to(self.name, left) == left


class Recover(_Ending):
    ask = (packets.SessionRollback,)
    late = CallTimeout

    async def call(self) -> None:
        await self.session.recover()

    async def after(self) -> None:
        if self.cell.outcome is Outcome.LATE:
            await self.session.recover()
        assert [(await self.consumer.receive()).text for _ in range(2)] == ["1", "2"]


class Stop(_Ending):
    ask = (packets.SessionStop,)
    late = CallTimeout

    async def call(self) -> None:
        await self.session.stop()

    async def after(self) -> None:
        """It is stopped on the new session too, and starts again."""
        self.witness.queue(self.name, "3")
        assert await self.consumer.receive(timeout=0.02) is None
        await self.session.start()
        await self.session.recover()
        assert [message.text async for message in self.consumer.drain()][-1] == "3"


class CloseSession(_Ending):
    """Another one lives on."""

    ask = (packets.SessionClose,)

    async def prepare(self, client: Client) -> None:
        self.witness.queue(self.name, "1", "2")
        self.client = client
        self.other = await client.session()
        self.session = await client.session()
        self.consumer = await self.session.consumer(self.name)
        assert (await self.consumer.receive()).text == "1"

    async def call(self) -> None:
        await self.session.close()
        assert self.session.closed

    async def after(self) -> None:
        """The broker knows it, now or when it is back."""
        while self.witness.consumers(self.name):
            await self.client.poll()
        async with self.other.consumer(self.name) as consumer:
            while (await consumer.receive()).text != "2":
                pass  # the one that was in hand, where it did not count


class CloseConsumer(_Ending):
    ask = (packets.SessionConsumerClose,)

    async def call(self) -> None:
        await self.consumer.close()
        assert self.consumer.closed

    async def after(self) -> None:
        while self.witness.consumers(self.name):
            await self.client.poll()
        async with self.session.consumer(self.name) as consumer:
            while (await consumer.receive()).text != "2":
                pass  # the one that was in hand, where it did not count


class CloseProducer(_Ending):
    """Nobody answers that."""

    ask = (packets.RemoveProducer,)
    answer = ()
    producer: Producer

    async def prepare(self, client: Client) -> None:
        self.witness.queue(self.name)
        self.session = await client.session()
        self.producer = await self.session.producer(self.name)

    async def call(self) -> None:
        await self.producer.close()

    def executed(self) -> bool:
        return True  # the broker does not show it

    async def after(self) -> None:
        await self.session.send(self.name, "x")
