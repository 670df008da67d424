"""Large bodies piece by piece: from a source to the broker, and from the broker to a target; for asyncio and trio, through anyio."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self, TypeAlias, cast
from uuid import uuid4

from corewire.errors import ConnectionLost, Unblocked
from corewire_transports._messages import wall_ms

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator

    from corewire import Destination, Message
    from corewire_transports.anyio._driver import Driver
    from corewire_transports.anyio.received import ReceivedMessage
    from corewire_transports.anyio.session import Session

    #: What a large body is made of.
    Source: TypeAlias = AsyncIterable[bytes] | IO[bytes] | Path

__all__ = ["Chunks", "save", "send"]


class FilePieces:
    """An open file, read piece by piece where that does not hold up others."""

    def __init__(self, driver: Driver, file: IO[bytes], size: int) -> None:
        self._driver = driver
        self._file = file
        self._size = size

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        piece = await self._driver.work(self._file.read, self._size)
        if not piece:
            raise StopAsyncIteration
        return piece


class Chunks:
    """What `ReceivedMessage.chunks` gives."""

    def __init__(self, message: ReceivedMessage) -> None:
        self._message = message
        self._ended = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        piece = b"" if self._ended else await self._message._next_piece()
        self._ended = not piece or not self._message.is_large
        if not piece:
            raise StopAsyncIteration
        return piece


async def send(session: Session, to: Destination, source: Source, message: Message, *, compress: bool | None) -> int:
    """Send all that a source gives as the body of a message. Returns how many bytes that was.

    A path can be read again: with exactly-once it is, when the session was lost in between; the id sees to it that one arrives.
    """
    if not isinstance(source, Path):
        return await _send_once(session, to, _pieces(session, source), message, compress=compress)
    again = message.durable and session._engine.sends_again(session._id)
    if again and message.duplicate_id is None:
        message = message.replace(duplicate_id=str(uuid4()))
    while True:
        with await session._driver.work(source.open, "rb") as file:
            try:
                return await _send_once(session, to, _pieces(session, file), message, compress=compress)
            except Unblocked:
                if not (again and session._engine.is_open(session._id)):
                    raise


def _pieces(session: Session, source: AsyncIterable[bytes] | IO[bytes]) -> AsyncIterator[object]:
    if hasattr(source, "read"):
        file = cast("IO[bytes]", source)
        return FilePieces(session._driver, file, session._engine.config.large_message_bytes_min)
    if not hasattr(source, "__aiter__"):
        raise TypeError(f"source: pieces of bytes, an open file or a Path, not {type(source).__name__}")
    return cast("AsyncIterable[object]", source).__aiter__()


async def _send_once(
    session: Session, to: Destination, pieces: AsyncIterator[object], message: Message, *, compress: bool | None
) -> int:
    driver, engine = session._driver, session._engine
    large = await driver.call(engine.begin_large, session._id, to, message, compress=compress, wall_ms=wall_ms())
    size = 0
    try:
        async for piece in pieces:
            if not isinstance(piece, bytes | bytearray):
                raise TypeError(f"source: pieces of bytes, not {type(piece).__name__}")
            await driver.call(engine.send_chunk, large, bytes(piece))
            size += len(piece)
        await driver.call(engine.send_chunk, large, b"", last=True)
    finally:
        with suppress(ConnectionLost):
            driver.begin(engine.abort_large, large)
    return size


async def save(message: ReceivedMessage, target: IO[bytes] | Path) -> int:
    """Write a body. At a path it appears whole, or not at all. Returns its size."""
    work = message._session._driver.work
    if not isinstance(target, Path):
        size = 0
        async for piece in message.chunks():
            await work(target.write, piece)
            size += len(piece)
        return size
    unfinished = target.with_name(f"{target.name}.part")
    try:
        with await work(unfinished.open, "wb") as file:
            size = await save(message, file)
        await work(unfinished.replace, target)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    return size
