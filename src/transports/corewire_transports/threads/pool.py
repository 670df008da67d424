# Made from the anyio one by scripts/gen_facades.py. Do not edit.
"""Transacted sessions that many share, for plain threads."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Self, TypeVar

from corewire.errors import CorewireError, LocalProtocolError, ObjectClosed
from corewire_transports._deadline import move_on_after
from corewire_transports._permits import Permits

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from types import TracebackType

    from corewire import Operation
    from corewire_transports.threads.client import Client
    from corewire_transports.threads.transacted import TransactedSession

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

    @contextmanager
    def session(self) -> Generator[TransactedSession]:
        """Borrow a session for the length of a block; waits while all are taken. What is not committed then is rolled back, and
        its consumers are closed. Raises ObjectClosed when the pool is closed, and as `Client.transacted_session`.

        In the blocking world, where nobody else could give one back, LocalProtocolError is raised instead of waiting.
        """
        self._take_permit()
        try:
            session = self._borrow()
            try:
                yield session
            finally:
                with move_on_after(None, shield=True):
                    self._put_back(session)
        finally:
            self._wake(self._driver.begin(self._permits.give))

    def transact(self, fn: Callable[[TransactedSession], R], /, *, attempts_max: int | None = None) -> R:
        """`TransactedSession.transact` in a borrowed session."""
        with self.session() as session:
            return session.transact(fn, attempts_max=attempts_max)

    def close(self) -> None:
        """Close the sessions: those that are idle now, others when they come back. Who waits for one gets ObjectClosed."""
        self._closed = True
        closed = ObjectClosed("the pool is closed", subject=repr(self))
        for taking in self._driver.begin(self._permits.end, closed):
            self._driver.wake(taking)
        with move_on_after(None, shield=True):
            while self._idle:
                self._idle.pop().close()

    def _take_permit(self) -> None:
        if self._closed:
            raise ObjectClosed("the pool is closed", subject=repr(self))
        taking = self._driver.begin(self._permits.take)
        try:
            if not (taking.done or self._driver.shared):
                raise LocalProtocolError(
                    "all sessions are taken, and nobody else could give one back", subject=repr(self)
                )
            self._driver.wait(taking)
        except BaseException:
            self._wake(self._driver.begin(self._permits.leave, taking))
            raise
        taking.result()

    def _wake(self, taking: Operation[None] | None) -> None:
        if taking is not None:
            self._driver.wake(taking)

    def _borrow(self) -> TransactedSession:
        while self._idle:
            session = self._idle.pop()
            if not session.closed:
                return session
        return self._client.transacted_session()

    def _put_back(self, session: TransactedSession) -> None:
        try:
            for consumer in list(session._consumers):
                consumer.close()
            if session._threads and not session.closed:  # somebody began something
                session._leave()
        except CorewireError:
            session.close()
        if self._closed:
            session.close()
        if not session.closed:
            self._idle.append(session)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
