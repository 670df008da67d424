"""The embedding examples of the documentation run, also over a proxy that ends links."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from corewire.wire.framing import MAGIC, FrameReader, packet_type
from corewire.wire.packets import CreateSessionV2, SessionCreateConsumer, SessionReceiveMessage
from corewire_server.proxy import Proxy

if TYPE_CHECKING:
    from corewire_server.proxy import Direction

HOWTO = Path(__file__).parent.parent.parent / "docs" / "howto"


class Cutter:
    """The tap of a proxy: the link is lost with the first packet of each of these kinds. All can be asked or delivered again."""

    def __init__(self, target: tuple[str, int]) -> None:
        self.proxy = Proxy(target, tap=self)
        self.links = 0
        self.to_come = {kind.TYPE for kind in (CreateSessionV2, SessionCreateConsumer, SessionReceiveMessage)}
        self._readers: dict[tuple[int, Direction], FrameReader] = {}

    def opened(self, link: int) -> None:
        self.links += 1

    def passed(self, link: int, direction: Direction, data: bytes) -> None:
        reader = self._readers.setdefault((link, direction), FrameReader())
        for frame in reader.feed(data.removeprefix(MAGIC)):
            if packet_type(frame) in self.to_come:
                self.to_come.remove(packet_type(frame))
                self.proxy.cut_all()

    def closed(self, link: int, why: str) -> None:
        pass


def run(name: str, url: str) -> None:
    """Run an example, with warnings."""
    if "tornado" in name:
        pytest.importorskip("tornado")
    done = subprocess.run(
        [sys.executable, "-X", "dev", str(HOWTO / name), url], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, "hello\n"), done.stderr


examples = pytest.mark.parametrize("name", ["embedding_selector.py", "embedding_tornado.py"])


@examples
def test_embedding_example_runs(name: str, url: str) -> None:
    run(name, url)


@examples
def test_embedding_example_survives_cuts(name: str, url: str) -> None:
    cutter = Cutter(("127.0.0.1", urlsplit(url).port or 0))
    with cutter.proxy as proxy:
        run(name, f"tcp://127.0.0.1:{proxy.port}")
    assert not cutter.to_come
    assert cutter.links == 4
