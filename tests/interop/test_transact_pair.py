"""
`transact` with exactly-once against a real pair whose backup stands still: a commit is stored, and not replicated, so it is not
answered. Whoever asked then, on a new session, would be told that it had not happened, and it would happen afterwards.
"""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

import pytest
from tests.interop import client_transact_lanes as lanes
from tests.interop.artemis_pair import ArtemisPair
from tests.interop.client_transact_lanes import ONCE
from tests.interop.worlds import World

from corewire.wire import packets
from corewire.wire.framing import MAGIC, FrameReader, packet_type
from corewire.wire.registry import decode
from corewire_server.proxy import Direction, Proxy
from corewire_transports.threads import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow
IN_USE = 114


class FenceWatch:
    """A tap that sees when the fence is closed: another session of this name is still living."""

    def __init__(self) -> None:
        self.refused = threading.Event()
        self._readers: dict[int, FrameReader] = {}

    def opened(self, link: int) -> None:
        self._readers[link] = FrameReader()

    def passed(self, link: int, direction: Direction, data: bytes) -> None:
        if direction is Direction.TO_CLIENT:
            for frame in self._readers[link].feed(data.removeprefix(MAGIC)):
                if packet_type(frame) == packets.ExceptionResponse.TYPE:
                    answer = decode(frame, 136)
                    if isinstance(answer, packets.ExceptionResponse) and answer.code == IN_USE:
                        self.refused.set()

    def closed(self, link: int, why: str) -> None:
        pass


@pytest.fixture(scope="module")
def pair(java: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ArtemisPair]:
    with ArtemisPair(tmp_path_factory.mktemp("pair")) as pair:
        yield pair


@pytest.mark.parametrize("world", World, ids=lambda world: world.value)
def test_a_commit_that_waits_for_the_backup_is_not_taken_for_lost(world: World, pair: ArtemisPair) -> None:
    name = f"held.{world.value}"
    watch = FenceWatch()
    with connect(pair.primary.url) as client, client.session() as session:
        session.create_queue(name)
        session.create_queue(f"{name}.out")
        for text in ("1", "2"):
            session.send(name, text)
        with Proxy(("127.0.0.1", pair.primary.port), tap=watch) as proxy:

            def thaw() -> None:
                watch.refused.wait(60.0)
                os.kill(pair.backup.pid, signal.SIGCONT)

            thawing = threading.Thread(target=thaw)
            thawing.start()
            try:
                url = f"tcp://127.0.0.1:{proxy.port}?{ONCE}&callTimeout=1500"
                runs = world.run(lanes.forwards, url, name, lambda: os.kill(pair.backup.pid, signal.SIGSTOP), None)
                assert watch.refused.is_set(), "the fence was never closed"
            finally:
                watch.refused.set()
                thawing.join()
        assert runs == 1
        with session.browser(f"{name}.out") as browser:
            assert [message.text for message in browser] == ["1", "2"]
        assert session.query_queue(name).message_count == 0
