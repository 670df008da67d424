"""Rows of the table about what may be asked twice: queries, forms that do not mind, and all that is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.interop.cells import Outcome, Row

from corewire import RoutingType
from corewire.wire import packets

if TYPE_CHECKING:
    from corewire_transports.anyio import Client, Session

WORDS = "queries; `exist_ok`/`missing_ok` forms; `session()`, `consumer()`, `subscribe()`, `browser()`, `temporary_*()`"
NULL = (packets.NullResponse,)
QUEUE = (packets.SessionQueueQueryResponseV3,)


class _Asking(Row):
    words = WORDS
    session: Session
    client: Client

    async def prepare(self, client: Client) -> None:
        self.witness.queue(self.name, "1")
        self.client = client
        self.session = await client.session()

    async def after(self) -> None:
        """The session is of use."""
        async with self.session.consumer(self.name) as consumer:
            assert (await consumer.receive()).text == "1"


class QueryQueue(_Asking):
    ask = (packets.SessionQueueQuery,)
    answer = QUEUE

    async def call(self) -> None:
        assert (await self.session.query_queue(self.name)).message_count == 1


class QueryAddress(_Asking):
    ask = (packets.SessionBindingQuery,)
    answer = (packets.SessionBindingQueryResponseV5,)

    async def call(self) -> None:
        assert (await self.session.query_address(self.name)).exists


class CreateQueueThatMayExist(_Asking):
    ask = (packets.CreateQueueV2,)
    answer = NULL

    async def call(self) -> None:
        await self.session.create_queue(f"{self.name}.new", exist_ok=True)

    def check(self) -> None:
        done = self.cell.happens or self.expected is None or self.cell.outcome is Outcome.LATE
        assert self.witness.exists(f"{self.name}.new") == done


class CreateAddressThatMayExist(_Asking):
    ask = (packets.CreateAddress,)
    answer = NULL

    async def call(self) -> None:
        await self.session.create_address(f"{self.name}.new", RoutingType.ANYCAST, exist_ok=True)


class DeleteQueueThatMayBeMissing(_Asking):
    ask = (packets.DeleteQueue,)
    answer = NULL

    async def prepare(self, client: Client) -> None:
        self.witness.queue(self.name, "1")
        self.witness.queue(f"{self.name}.old")
        self.session = await client.session()

    async def call(self) -> None:
        await self.session.delete_queue(f"{self.name}.old", missing_ok=True)

    def check(self) -> None:
        done = self.cell.happens or self.expected is None or self.cell.outcome is Outcome.LATE
        assert self.witness.exists(f"{self.name}.old") != done


class OpenSession(_Asking):
    ask = (packets.CreateSessionV2,)
    answer = (packets.CreateSessionResponse,)

    async def call(self) -> None:
        async with self.client.session() as opened:
            await opened.send(f"{self.name}.out", "x")


class OpenTransactedSession(_Asking):
    ask = (packets.CreateSessionV2,)
    answer = (packets.CreateSessionResponse,)

    async def call(self) -> None:
        async with self.client.transacted_session() as opened:
            await opened.send(f"{self.name}.out", "x")
            await opened.commit()


class OpenProducer(_Asking):
    ask = (packets.SessionBindingQuery,)
    answer = (packets.SessionBindingQueryResponseV5,)

    async def call(self) -> None:
        async with self.session.producer(self.name) as producer:
            assert producer.destination.name == self.name


class _Opening(_Asking):
    """What was opened is gone at the end of its block, and was opened once."""

    def check(self) -> None:
        if self.cell.survives:
            assert self.witness.consumers_come_to(self.name, 0) == 0


class OpenConsumer(_Opening):
    ask = (packets.SessionCreateConsumer,)
    answer = QUEUE

    async def call(self) -> None:
        async with self.session.consumer(self.name, window_bytes=0):
            assert self.witness.consumers_come_to(self.name, 1) == 1


class OpenBrowser(_Opening):
    ask = (packets.SessionCreateConsumer,)
    answer = QUEUE

    async def call(self) -> None:
        async with self.session.browser(self.name) as browser:
            assert [message.text async for message in browser] == ["1"]


class Subscribe(_Asking):
    """A queue of its own, and a consumer."""

    ask = (packets.CreateQueueV2,)
    answer = NULL

    async def call(self) -> None:
        async with self.session.subscribe(f"{self.name}.topic") as live:
            await self.session.send(f"topic://{self.name}.topic", "news")
            assert (await live.receive()).text == "news"


class SubscribeDurably(_Asking):
    ask = (packets.CreateQueueV2, packets.CreateSharedQueueV2)
    answer = NULL

    async def call(self) -> None:
        async with self.session.subscribe(f"{self.name}.topic", f"{self.name}.sub", shared=True) as live:
            await self.session.send(f"topic://{self.name}.topic", "news")
            assert (await live.receive()).text == "news"


class OpenTemporaryQueue(_Asking):
    ask = (packets.CreateQueueV2,)
    answer = NULL

    async def call(self) -> None:
        async with self.session.temporary_queue() as queue:
            await self.session.send(queue, "x")
            async with self.session.consumer(queue) as consumer:
                assert (await consumer.receive()).text == "x"


class OpenTemporaryTopic(_Asking):
    ask = (packets.CreateQueueV2,)
    answer = NULL

    async def call(self) -> None:
        async with self.session.temporary_topic() as topic, self.session.subscribe(topic) as live:
            await self.session.send(topic, "x")
            assert (await live.receive()).text == "x"
