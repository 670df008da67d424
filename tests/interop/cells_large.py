"""Rows of the table about large messages. What a broker that is not ours would have to write again is never trusted."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from tests.interop.cells import PLAIN, Error, Mode, Moment, Outcome, Packets, Row

from corewire.errors import LargeMessageInterrupted, Unblocked
from corewire.wire import packets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from corewire_transports.anyio import Client, Consumer, ReceivedMessage, Session

BODY = bytes(range(256)) * 400
CHUNK = 10_000
ONE_CHUNK = BODY[: CHUNK - 2]  # with the length before it, it is larger than a chunk


class _Reading(Row):
    """A body that comes when the broker is asked for it; so nothing is under way before the call."""

    words = "`chunks()`, `read()`, `save()`"
    ask = (packets.SessionFlowToken,)
    answer: ClassVar[Packets] = (packets.SessionReceiveContinuation,)
    options = "&maxCollectSize=20000"
    recreated: ClassVar[Error] = LargeMessageInterrupted
    begun_recreated: ClassVar[Error] = LargeMessageInterrupted
    waits_for_ever = True
    session: Session
    consumer: Consumer
    message: ReceivedMessage
    got: list[bytes]

    async def prepare(self, client: Client) -> None:
        self.witness.queue(self.name, BODY)
        self.session = await client.session()
        self.consumer = await self.session.consumer(self.name, window_bytes=0)
        self.message = await self.consumer.receive()
        self.got = []

    @property
    def expected(self) -> Error:
        cell = self.cell
        if cell.outcome is Outcome.REATTACHED and cell.moment is Moment.ANSWERED:
            return self.recreated  # the broker writes again what was lost
        return super().expected

    async def after(self) -> None:
        if self.expected is None:
            assert b"".join(self.got) == BODY
        else:
            message = await self.consumer.receive()
            assert await message.read() == BODY
        assert await self.consumer.receive(timeout=0) is None

    def check(self) -> None:
        left = 0 if self.cell.survives else 1
        assert self.witness.comes_to(self.name, left) == left


class Read(_Reading):
    async def call(self) -> None:
        self.got = [await self.message.read()]


class Chunks(_Reading):
    async def call(self) -> None:
        async for piece in self.message.chunks():
            self.got.append(piece)


class Save(_Reading):
    async def call(self) -> None:
        with tempfile.TemporaryFile() as file:
            await self.message.save(file)
            file.seek(0)
            self.got = [file.read()]


class Collected(_Reading):
    """Nobody has it yet, so nobody is told: it is fetched again."""

    options = ""
    recreated = begun_recreated = None

    async def prepare(self, client: Client) -> None:
        self.witness.queue(self.name, BODY)
        self.session = await client.session()
        self.consumer = await self.session.consumer(self.name, window_bytes=0)

    async def call(self) -> None:
        self.got = [(await self.consumer.receive()).data]


class _SendingLarge(Row):
    """Of one chunk, so that it is known what was under way."""

    words = "`send_stream`"
    ask = (packets.SessionSendContinuation,)
    answer: ClassVar[Packets] = (packets.NullResponse,)
    options = f"&minLargeMessageSize={CHUNK}"
    recreated: ClassVar[Error] = Unblocked
    given_up: ClassVar[Error] = Unblocked
    session: Session

    async def prepare(self, client: Client) -> None:
        self.witness.queue(self.name)
        self.session = await client.session()

    @property
    def came_to(self) -> Outcome:
        """A chunk that was not answered is not written again: the session is made anew instead."""
        unread = self.cell.outcome is Outcome.REATTACHED and self.cell.moment is Moment.UNREAD
        return Outcome.RECREATED if unread else super().came_to

    async def after(self) -> None:
        await self.session.send(self.name, "next")

    @property
    def arrives(self) -> bool:
        """Whether it did."""
        return self.cell.happens and self.came_to is self.cell.outcome

    def check(self) -> None:
        assert self.witness.count(self.name) == self.arrives + self.cell.survives


class SendStream(_SendingLarge):
    """With exactly-once as without: nobody can read a stream again."""

    async def call(self) -> None:
        assert await self.session.send_stream(self.name, _Pieces()) == len(ONE_CHUNK)


class SendLargeBody(_SendingLarge):
    words = "durable `send`, `submit`"
    modes = PLAIN

    async def call(self) -> None:
        await self.session.send(self.name, ONE_CHUNK)


class SendPathExactlyOnce(_SendingLarge):
    """A path can be read again."""

    modes = (Mode.EXACTLY_ONCE,)
    recreated = None

    async def call(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "body")
            path.write_bytes(ONE_CHUNK)  # noqa: ASYNC240
            assert await self.session.send_stream(self.name, path) == len(ONE_CHUNK)

    @property
    def arrives(self) -> bool:
        return self.cell.survives or super().arrives


class SendLargeBodyExactlyOnce(SendPathExactlyOnce):
    words = "durable `send`, `submit`"

    async def call(self) -> None:
        await self.session.send(self.name, ONE_CHUNK)


class _Pieces:
    def __init__(self) -> None:
        self._pieces = iter([ONE_CHUNK[:3_000], ONE_CHUNK[3_000:]])

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        piece = next(self._pieces, None)
        if piece is None:
            raise StopAsyncIteration
        return piece
