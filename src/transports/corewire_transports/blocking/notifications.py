# Made from the anyio one by scripts/gen_facades.py. Do not edit.
"""Notifications of a broker, for one thread that turns the engine itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from corewire.client._notifications import read_notification
from corewire_transports._deadline import move_on_after

if TYPE_CHECKING:
    from types import TracebackType

    from corewire.events import Notification
    from corewire_transports.blocking.consumer import Consumer
    from corewire_transports.blocking.session import Session

__all__ = ["Notifications"]


class Notifications:
    """What a broker tells of itself, from the opening on: an endless stream, until it or the client is closed.

    What is told while the session is made anew after a failure is missed.
    """

    def __init__(self, session: Session, consumer: Consumer) -> None:
        self._session = session
        self._consumer = consumer

    def close(self) -> None:
        """Close its session; a loop ends. Never raises ConnectionLost."""
        with move_on_after(None, shield=True):
            self._session.close()

    def __iter__(self) -> Self:
        self._consumer.__iter__()
        return self

    def __next__(self) -> Notification:
        return read_notification(self._consumer.__next__())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
