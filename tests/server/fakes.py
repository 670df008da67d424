"""A core that is small enough to be read at a glance, for tests of what is around the core."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from corewire_server.core.effects import Append, CloseLink, Log, SendBytes
from corewire_server.core.inputs import BytesReceived, LinkClosed, LinkOpened, Stopping, Timeout
from corewire_server.records import Op, Record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from corewire_server.config import BrokerConfig
    from corewire_server.core.effects import Effect
    from corewire_server.core.inputs import Input


class EchoCore:
    """Answers what it is sent, word by word: 'keep X' after recording X, 'quit' closes, 'flood N' sends N bytes, 'hush' is not answered, 'boom' raises."""

    node_id = "echo"
    pledged_bytes = 0

    def __init__(self) -> None:
        self.inputs: list[tuple[int, Input]] = []
        self.timeout: int | None = None
        self.kept: list[Record] = []
        self.next_id = 1
        self.links: list[int] = []

    def next_timeout(self) -> int | None:
        return self.timeout

    def recover(self, records: Iterable[Record]) -> None:
        self.kept = list(records)
        self.next_id = 1 + max((record.id for record in self.kept), default=0)

    def step(self, now: int, item: Input) -> list[Effect]:
        self.inputs.append((now, item))
        match item:
            case LinkOpened(link, _):
                self.links.append(link)
                return [Log("info", f"hello {link}")]
            case LinkClosed(link) if link in self.links:
                self.links.remove(link)
            case Timeout():
                self.timeout = None
                return [SendBytes(link, b"tick") for link in self.links]
            case Stopping():
                return [effect for link in self.links for effect in (SendBytes(link, b"bye"), CloseLink(link))]
            case BytesReceived(link, data):
                return self._answer(link, data)
            case _:
                pass
        return []

    def _answer(self, link: int, data: bytes) -> list[Effect]:
        word, _, rest = data.partition(b" ")
        match word:
            case b"keep":
                record = Record(Op.ADD, self.next_id, 1, rest)
                self.next_id += 1
                return [Append((record,)), SendBytes(link, b"kept " + rest)]
            case b"quit":
                return [SendBytes(link, b"bye"), CloseLink(link)]
            case b"flood":
                return [SendBytes(link, bytes(int(rest)))]
            case b"hush":
                return []
            case b"boom":
                raise AssertionError("boom")
            case _:
                return [SendBytes(link, data)]


def echo_core(config: BrokerConfig, seed: bytes) -> EchoCore:
    """Make one, as a service does."""
    return EchoCore()


async def turns(count: int = 10) -> None:
    """Let the loop look at all of its sockets so often: what could be read by now has been."""
    for _ in range(count):
        await asyncio.sleep(0)
