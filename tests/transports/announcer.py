"""What tells a multicast group where brokers are, on the loopback interface."""

from __future__ import annotations

import itertools
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from tests.interop.ports import free_port

from corewire.client._announcements import Announcement
from corewire.wire.packets import TransportConfiguration

if TYPE_CHECKING:
    from types import TracebackType

FACTORY = "org.apache.activemq.artemis.core.remoting.impl.netty.NettyConnectorFactory"
_groups = itertools.count(1)


class Announcer:
    """Tells a group of its own where brokers are, every few milliseconds, until the end of its block."""

    def __init__(self, *urls: str) -> None:
        self.group = f"231.7.7.{next(_groups)}"
        self.port = free_port()
        self.urls = list(urls)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def url(self) -> str:
        return f"udp://{self.group}:{self.port}?localBindAddress=127.0.0.1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", 0))
            while not self._ended.wait(0.01):
                for number, url in enumerate(self.urls):
                    host, _, port = url.removeprefix("tcp://").rpartition(":")
                    connector = TransportConfiguration("a", FACTORY, {"host": host, "port": port})
                    with suppress(OSError):
                        sock.sendto(
                            Announcement(f"node {number}", "run", [connector]).encode(), (self.group, self.port)
                        )
