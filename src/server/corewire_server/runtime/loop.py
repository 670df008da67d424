"""The event loop of a node as a program: asyncio's, which can tell how many sockets have something to say in a turn."""

from __future__ import annotations

import asyncio
import selectors


class CountingSelector(selectors.DefaultSelector):
    """Remembers how many were ready when it was asked last."""

    ready = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """See `selectors.BaseSelector.select`."""
        found = super().select(timeout)
        self.ready = len(found)
        return found


class TurnLoop(asyncio.SelectorEventLoop):
    """``turn`` knows of how many sockets this turn consists. Who reads the only one need not wait for the reads of others."""

    def __init__(self) -> None:
        self.turn = CountingSelector()
        super().__init__(self.turn)
