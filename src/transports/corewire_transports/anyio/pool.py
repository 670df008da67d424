"""Transacted sessions that many share, for asyncio and trio, through anyio."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Self, TypeVar

from anyio import move_on_after

from corewire.errors import CorewireError, LocalProtocolError, ObjectClosed
from corewire_transports._permits import Permits

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from types import TracebackType

    from corewire import Operation
    from corewire_transports.anyio.client import Client
    from corewire_transports.anyio.transacted import TransactedSession

__all__ = ["SessionPool"]

R = TypeVar("R")


class SessionPool:
    """Up to so many transacted sessions for many callers, as the handlers of a web server. Opened when first needed, and kept."""

    def __init__(self, client: Client, size_max: int) -> None:
        if size_max < 1:
            raise ValueError("size_max is at least 1")
        self._client = client
        self._driver = client._driver
        self._size_max = size_max
        self._permits = Permits(size_max)
        self._idle: list[TransactedSession] = []
        self._closed = False

    def __repr__(self) -> str:
        return f"<SessionPool of {self._size_max}, {len(self._idle)} idle{', closed' if self._closed else ''}>"

    @asynccontextmanager
    async def session(self) -> AsyncGenerator[TransactedSession]:
        """Borrow a session for the length of a block; waits while all are taken. What is not committed then is rolled back, and
        its consumers are closed. Raises ObjectClosed when the pool is closed, and as `Client.transacted_session`.

        In the blocking world, where nobody else could give one back, LocalProtocolError is raised instead of waiting.
        """
        await self._take_permit()
        try:
            session = await self._borrow()
            try:
                yield session
            finally:
                with move_on_after(None, shield=True):
                    await self._put_back(session)
        finally:
            self._wake(self._driver.begin(self._permits.give))

    async def transact(
        self, fn: Callable[[TransactedSession], Awaitable[R]], /, *, attempts_max: int | None = None
    ) -> R:
        """`TransactedSession.transact` in a borrowed session."""
        async with self.session() as session:
            return await session.transact(fn, attempts_max=attempts_max)

    async def close(self) -> None:
        """Close the sessions: those that are idle now, others when they come back. Who waits for one gets ObjectClosed."""
        self._closed = True
        closed = ObjectClosed("the pool is closed", subject=repr(self))
        for taking in self._driver.begin(self._permits.end, closed):
            self._driver.wake(taking)
        with move_on_after(None, shield=True):
            while self._idle:
                await self._idle.pop().close()

    async def _take_permit(self) -> None:
        if self._closed:
            raise ObjectClosed("the pool is closed", subject=repr(self))
        taking = self._driver.begin(self._permits.take)
        try:
            if not (taking.done or self._driver.shared):
                raise LocalProtocolError(
                    "all sessions are taken, and nobody else could give one back", subject=repr(self)
                )
            await self._driver.wait(taking)
        except BaseException:
            self._wake(self._driver.begin(self._permits.leave, taking))
            raise
        taking.result()

    def _wake(self, taking: Operation[None] | None) -> None:
        if taking is not None:
            self._driver.wake(taking)

    async def _borrow(self) -> TransactedSession:
        while self._idle:
            session = self._idle.pop()
            if not session.closed:
                return session
        return await self._client.transacted_session()

    async def _put_back(self, session: TransactedSession) -> None:
        try:
            for consumer in list(session._consumers):
                await consumer.close()
            if session._threads and not session.closed:  # somebody began something
                await session._leave()
        except CorewireError:
            await session.close()
        if self._closed:
            await session.close()
        if not session.closed:
            self._idle.append(session)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
