"""Rows of the table about receiving: a message comes to somebody who waits, or would."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from tests.interop.cells import Packets, Row

from corewire.wire import packets

if TYPE_CHECKING:
    from corewire_transports.anyio import Client, Consumer, ReceivedMessage, Session


class _Receiving(Row):
    words = "`receive`, loops, `listen`, browsers"
    answer: ClassVar[Packets] = (packets.SessionReceiveMessage,)
    waits_for_ever: ClassVar[bool] = True
    window_bytes: ClassVar[int] = 1_048_576
    session: Session
    consumer: Consumer
    got: list[str]

    async def prepare(self, client: Client) -> None:
        self.witness.queue(self.name)
        self.session = await client.session()
        self.consumer = await self.session.consumer(self.name, window_bytes=self.window_bytes)
        self.got = []

    async def call(self) -> None:
        self.witness.queue(self.name, "1")
        self.got.append((await self.consumer.receive()).text)

    async def after(self) -> None:
        assert self.got == ["1"]
        assert await self.consumer.receive(timeout=0) is None
        self.witness.queue(self.name, "2")
        assert (await self.consumer.receive()).text == "2"

    def check(self) -> None:
        left = 0 if self.cell.survives else 1
        assert self.witness.comes_to(self.name, left) == left


class Receive(_Receiving):
    pass


class ReceiveWithoutWindow(_Receiving):
    ask = (packets.SessionFlowToken,)
    window_bytes = 0


class ReceiveWithTimeout(_Receiving):
    async def call(self) -> None:
        self.witness.queue(self.name, "1")
        message = await self.consumer.receive(timeout=30)
        assert message is not None
        self.got.append(message.text)


class ReceiveWhatIsThere(_Receiving):
    """The broker is asked whether there is something."""

    ask = (packets.SessionForceConsumerDelivery,)
    waits_for_ever = False

    async def call(self) -> None:
        assert await self.consumer.receive(timeout=0) is None

    async def after(self) -> None:
        self.witness.queue(self.name, "1")
        assert (await self.consumer.receive()).text == "1"

    def check(self) -> None:
        assert self.witness.count(self.name) == 0


class Loop(_Receiving):
    async def call(self) -> None:
        self.witness.queue(self.name, "1")
        async for message in self.consumer:
            self.got.append(message.text)
            break


class Listen(_Receiving):
    async def call(self) -> None:
        self.witness.queue(self.name, "1")
        await self.consumer.listen(self.handle)

    async def handle(self, message: ReceivedMessage) -> None:
        self.got.append(message.text)
        await self.consumer.close()

    async def after(self) -> None:
        assert self.got == ["1"]


class Browse(_Receiving):
    """What it has shown is not shown again."""

    ask: ClassVar[Packets] = (packets.SessionForceConsumerDelivery,)
    answers = 2
    waits_for_ever = False
    window_bytes = 0

    async def prepare(self, client: Client) -> None:
        self.witness.queue(self.name, "1", "2", "3")
        self.session = await client.session()
        self.browser = await self.session.browser(self.name, window_bytes=self.window_bytes)
        self.got = []

    async def call(self) -> None:
        self.got = [message.text async for message in self.browser]

    async def after(self) -> None:
        if self.expected is None:
            assert self.got == ["1", "2", "3"]

    def check(self) -> None:
        assert self.witness.texts(self.name) == ["1", "2", "3"]


class BrowseAhead(Browse):
    """The failure comes while the first messages do."""

    ask = ()

    async def prepare(self, client: Client) -> None:
        self.witness.queue(self.name, "1", "2", "3")
        self.session = await client.session()
        self.got = []

    async def call(self) -> None:
        async with self.session.browser(self.name) as browser:
            self.got = [message.text async for message in browser]
