# Made from the anyio one by scripts/gen_facades.py. Do not edit.
"""Temporary queues and topics, for plain threads."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Self

from corewire import CorewireError, Queue, Topic
from corewire_transports._deadline import move_on_after

if TYPE_CHECKING:
    from types import TracebackType

    from corewire_transports.threads._objects import Objects

__all__ = ["TemporaryQueue", "TemporaryTopic"]


class Temporary:
    """What is deleted at the end of the block, or with the connection."""

    __slots__ = ()

    name: str
    _session: Objects

    def delete(self) -> None:
        """Delete it. Raises IllegalState while it has consumers."""
        self._session.delete_queue(self.name, missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with move_on_after(None, shield=True), suppress(CorewireError):  # it goes with the connection at the latest
            if self._session._reachable:
                self.delete()


class TemporaryQueue(Queue, Temporary):
    """Deleted at the end of the block, or with the connection."""

    __slots__ = ("_session",)

    def __init__(self, name: str, session: Objects) -> None:
        super().__init__(name, temporary=True)
        object.__setattr__(self, "_session", session)


class TemporaryTopic(Topic, Temporary):
    """Deleted at the end of the block, or with the connection."""

    __slots__ = ("_session",)

    def __init__(self, name: str, session: Objects) -> None:
        super().__init__(name, temporary=True)
        object.__setattr__(self, "_session", session)
