"""Rows of the table about management."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.interop.cells import Row

from corewire.errors import Unblocked
from corewire.wire import packets

if TYPE_CHECKING:
    from corewire_transports.anyio import Client, Management


class ManagementCall(Row):
    """The broker answers where the request came from, and nowhere else."""

    words = "`request`, `management.call`"
    ask = (packets.SessionSend,)
    answer = (packets.SessionReceiveMessage,)
    recreated = Unblocked
    management: Management

    async def prepare(self, client: Client) -> None:
        self.witness.queue(self.name, "x")
        self.management = await client.management()

    async def call(self) -> None:
        assert await self.management.call(f"queue.{self.name}", "getMessageCount") == 1

    async def after(self) -> None:
        assert await self.management.get(f"queue.{self.name}", "Name") == self.name
