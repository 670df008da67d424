"""Notifications of a broker, for asyncio and trio, through anyio."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from anyio import move_on_after

from corewire.client._notifications import read_notification

if TYPE_CHECKING:
    from types import TracebackType

    from corewire.events import Notification
    from corewire_transports.anyio.consumer import Consumer
    from corewire_transports.anyio.session import Session

__all__ = ["Notifications"]


class Notifications:
    """What a broker tells of itself, from the opening on: an endless stream, until it or the client is closed.

    What is told while the session is made anew after a failure is missed.
    """

    def __init__(self, session: Session, consumer: Consumer) -> None:
        self._session = session
        self._consumer = consumer

    async def close(self) -> None:
        """Close its session; a loop ends. Never raises ConnectionLost."""
        with move_on_after(None, shield=True):
            await self._session.close()

    def __aiter__(self) -> Self:
        self._consumer.__aiter__()
        return self

    async def __anext__(self) -> Notification:
        return read_notification(await self._consumer.__anext__())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
