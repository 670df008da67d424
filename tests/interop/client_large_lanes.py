"""Lanes of large messages between our client, a real broker and, in some, a Java client. Each takes URL and a name of its own."""

from __future__ import annotations

import hashlib
import io
import random
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

from tests.interop.samples import same_message
from tests.interop.together import tasks

from corewire import Message, MessageType
from corewire.errors import BodyNotRead, LocalProtocolError
from corewire_transports.anyio import connect, move_on_after

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from corewire import Body

NOISE = random.Random(5).randbytes(700_000)
TEXT = "grüße 🦀 " * 40_000
BODIES: tuple[Body, ...] = (
    NOISE,
    NOISE[:102_396],
    NOISE[:102_400],
    NOISE[:204_800],
    bytes(3_000_000),
    TEXT,
    {"text": TEXT, "bytes": NOISE[:50_000], "number": 7},
    [TEXT, NOISE[:50_000], 7, None, True],
)
SMALL_CHUNKS = "?minLargeMessageSize=10000"


class Pieces:
    """A body that comes piece by piece."""

    def __init__(self, *sizes: int) -> None:
        self._pieces = iter([NOISE[:size] for size in sizes])

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        piece = next(self._pieces, None)
        if piece is None:
            raise StopAsyncIteration
        return piece


class Files(tempfile.TemporaryDirectory[str]):
    """A folder with one large file."""

    def __enter__(self) -> Self:  # type: ignore[override]  # itself, not its name
        super().__enter__()
        self.there, self.back = Path(self.name, "there"), Path(self.name, "back")
        self.there.write_bytes(NOISE)
        return self

    @property
    def opened(self) -> IO[bytes]:
        return self.there.open("rb")

    @property
    def contents(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in Path(self.name).iterdir()}


async def bodies_of_all_types_come_as_they_went(url: str, name: str) -> None:
    for options in (SMALL_CHUNKS, f"{SMALL_CHUNKS}&compressLargeMessage=true", ""):
        async with connect(url + options) as client, client.session() as session, session.consumer(name) as consumer:
            for body in BODIES:
                await session.send(name, body)
                await session.send(name, "behind it")
            for body in BODIES:
                message = await consumer.receive()
                assert same_message(message, Message(body))
                assert not message.is_large
                assert (await consumer.receive()).text == "behind it"


async def streams_go_from_and_to_files(url: str, name: str) -> None:
    with Files() as files:
        async with connect(f"{url}?maxCollectSize=1000") as client, client.session() as session:
            producer, consumer = await session.producer(name, priority=7), await session.consumer(name)
            assert await session.send_stream(name, files.there, properties={"name": "there"}) == len(NOISE)
            with files.opened as file:
                assert await producer.send_stream(file, compress=True) == len(NOISE)
            assert await session.send_stream(name, Pieces(1, 300_000, 0, 5)) == 300_006
            message = await consumer.receive()
            assert (message.is_large, message.body_bytes) == (True, len(NOISE))
            assert message.properties["name"] == "there"
            assert await message.save(files.back) == len(NOISE)
            assert files.contents == {"there": NOISE, "back": NOISE}
            message = await consumer.receive()
            assert (message.priority, message.body_bytes) == (7, len(NOISE))
            kept = io.BytesIO()
            assert await message.save(kept) == len(NOISE)
            assert kept.getvalue() == NOISE
            message = await consumer.receive()
            assert await message.read() == NOISE[:1] + NOISE[:300_000] + NOISE[:5]
            assert (message.is_large, message.data[-5:]) == (False, NOISE[:5])


async def windows_of_all_sizes_let_it_pass(url: str, name: str) -> None:
    async with connect(f"{url}?minLargeMessageSize=10000&maxCollectSize=100000") as client, client.session() as session:
        for window in (0, 1, 30_000, 1_048_576, None):
            for body in (NOISE, NOISE[:90_000], b"small", NOISE):
                await session.send(name, body)
            async with session.consumer(name, window_bytes=window) as consumer:
                digest = hashlib.sha256()
                async for piece in (await consumer.receive()).chunks():
                    digest.update(piece)
                assert digest.digest() == hashlib.sha256(NOISE).digest()
                assert (await consumer.receive()).data == NOISE[:90_000]
                assert (await consumer.receive()).data == b"small"
                assert (await consumer.receive()).is_large
                assert await consumer.receive(timeout=0) is None


async def what_is_not_read_is_dropped(url: str, name: str) -> None:
    async with connect(f"{url}?maxCollectSize=1000") as client, client.session() as session:
        for _ in range(3):
            await session.send(name, NOISE)
            await session.send(name, "behind it")
        async with session.consumer(name, window_bytes=150_000) as consumer:
            seen: list[bool] = []
            async for message in consumer.drain():
                seen.append(message.is_large)
                if message.is_large:
                    try:
                        _ = message.data
                    except BodyNotRead:
                        continue
                    raise AssertionError("it was read")
            assert seen == [True, False] * 3
        assert (await session.query_queue(name)).message_count == 0


async def a_consumer_may_be_closed_in_the_middle(url: str, name: str) -> None:
    async with connect(f"{url}?maxCollectSize=1000") as client:
        for count in (1, 2):  # left by an exception it comes again; else it counts as consumed, read or not
            try:
                async with client.session() as session, session.consumer(name, window_bytes=150_000) as consumer:
                    if count == 1:
                        await session.send(name, NOISE)
                    message = await consumer.receive()
                    assert message.delivery_count == count
                    async for _ in message.chunks():
                        break
                    if count == 1:
                        raise ValueError("not yet")
            except ValueError:
                continue
        async with client.session() as session:
            assert (await session.query_queue(name)).message_count == 0


async def a_body_is_read_once(url: str, name: str) -> None:
    async with connect(f"{url}?maxCollectSize=1000") as client, client.session() as session:
        await session.send(name, NOISE)
        async with session.consumer(name) as consumer:
            message = await consumer.receive()
            assert b"".join([piece async for piece in message.chunks()]) == NOISE
            for again in (message.chunks, message.read):
                try:
                    await again()  # type: ignore[misc]  # chunks() raises before
                except LocalProtocolError:
                    continue
                raise AssertionError("it was read twice")


async def a_cancelled_stream_never_arrives(url: str, name: str) -> None:
    async with connect(f"{url}?producerWindowSize=200000") as client, client.session() as session:
        async with session.producer(name) as producer:
            pieces = Pieces(*[700_000] * 200)
            with move_on_after(0.05) as scope:
                await producer.send_stream(pieces)
            assert scope.cancelled_caught
            await session.send(name, NOISE)
            await session.send(name, "the end")
        async with session.consumer(name) as consumer:
            assert [message.body_bytes async for message in consumer.drain()] == [len(NOISE), 19]


async def a_source_that_fails_never_arrives(url: str, name: str) -> None:
    class Failing(Pieces):
        async def __anext__(self) -> bytes:
            try:
                return await super().__anext__()
            except (StopAsyncIteration, StopIteration):
                raise ValueError("the source broke") from None

    async with connect(url) as client, client.session() as session, session.consumer(name) as consumer:
        for compress in (False, True):
            try:
                await session.send_stream(name, Failing(500_000, 3), compress=compress)
            except ValueError:
                continue
            raise AssertionError("it was sent")
        assert await consumer.receive(timeout=0) is None


async def transactions_hold_them_back_and_give_them_back(url: str, name: str) -> None:
    async with connect(f"{url}?maxCollectSize=1000") as client, client.transacted_session() as session:
        consumer = await session.consumer(name)
        await session.send(name, NOISE)
        await session.send_stream(name, Pieces(500_000))
        await session.rollback()
        assert await consumer.receive(timeout=0) is None
        await session.send(name, NOISE)
        await session.commit()
        for count in (1, 2):
            message = await consumer.receive()
            assert message.delivery_count == count
            assert await message.read() == NOISE
            if count == 1:
                await session.rollback()
        await session.commit()
        assert await consumer.receive(timeout=0) is None


async def browsers_show_them(url: str, name: str) -> None:
    async with connect(f"{url}?maxCollectSize=100000") as client, client.session() as session:
        for body in (NOISE, b"small", NOISE[:50_000]):
            await session.send(name, body)
        for _ in range(2):
            async with session.browser(name) as browser:
                assert [await message.read() async for message in browser] == [NOISE, b"small", NOISE[:50_000]]


async def sends_of_several_tasks_take_turns(url: str, name: str) -> None:
    async with connect(f"{url}?maxCollectSize=1000") as client, client.session() as session:

        async def stream() -> None:
            await session.send_stream(name, Pieces(*[100_000] * 6))

        async def send() -> None:
            for number in range(20):
                await session.send(f"{name}.small", str(number))
            await session.send(name, NOISE)

        await tasks(stream, send, stream)
        async with session.consumer(name) as consumer, session.consumer(f"{name}.small") as others:
            sizes = [message.body_bytes async for message in consumer.drain()]
            assert sorted(sizes) == [600_000, 600_000, len(NOISE)]
            assert [message.text async for message in others.drain()] == [str(number) for number in range(20)]


async def one_is_sent_on_as_it_comes(url: str, name: str) -> None:
    async with connect(f"{url}?maxCollectSize=1000") as client, client.session() as session, client.session() as other:
        await session.send(name, TEXT)
        async with session.consumer(name) as consumer, other.consumer(f"{name}.on") as end:
            message = await consumer.receive()
            await other.send_stream(f"{name}.on", message.chunks(), type=MessageType.TEXT)
            came = await end.receive()
            await came.read()
            assert came.text == TEXT


async def java_reads_what_we_write_and_we_what_it_writes(
    url: str, name: str, queue: str, bodies: tuple[Body, ...]
) -> None:
    for options in (SMALL_CHUNKS, f"{SMALL_CHUNKS}&compressLargeMessage=true&compressionLevel=9"):
        async with connect(url + options) as client, client.session() as session, session.consumer(name) as answers:
            for body in bodies:
                for compressed in (False, True):
                    properties = {"compressed": compressed, "answers": name}
                    for to in (queue, f"{queue}.core"):
                        await session.send(to, body, properties=properties, reply_to=f"queue://{name}")
                        answer = await answers.receive()
                        if isinstance(body, str | bytes) and to == queue:
                            data = body.encode() if isinstance(body, str) else body
                            assert answer.properties["seen"] == f"{len(data)} {hashlib.sha256(data).hexdigest()}"
                        assert same_message(answer.replace(properties={}), Message(body))
