"""
Ports for processes that listen later, and again after they were killed: nobody else among the tests of this machine gets them.

A port that was only seen to be free may be given to two test runners that work at once, or be taken while a node is down.
"""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

#: Not those that the system gives to connections that go out, nor those that the demo takes for its nodes.
_PORTS: Final = range(10_000, 19_900)
_PLACE: Final = Path(tempfile.gettempdir(), f"corewire-test-ports-{os.getuid()}")


class Reservations:
    """Ports of this process. One file says which are taken: the byte at the place of each port is locked while its process lives."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._taken: set[int] = set()
        self._file: int | None = None  # never closed, for that would end all locks
        self._lock = threading.Lock()

    def take(self, port: int) -> bool:
        """Reserve a port for the life of this process. Returns whether it was free."""
        with self._lock:
            if self._file is None:
                self._file = os.open(self._place, os.O_RDWR | os.O_CREAT, 0o600)
            if port in self._taken:
                return False
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
            except OSError:
                return False
            self._taken.add(port)
            return True


_reservations = Reservations(_PLACE)


def free_port(*, beside: int = 0) -> int:
    """A loopback port, for TCP or UDP, that nobody listens on, and that is given to nobody else while this process lives; and so
    is the one that is so much higher, where ``beside`` says so."""
    while True:
        port = random.choice(_PORTS)
        if all(_reservations.take(each) and _is_free(each) for each in {port, port + beside}):
            return port


def _is_free(port: int) -> bool:
    with suppress(OSError), socket.create_server(("127.0.0.1", port)), socket.socket(type=socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", port))
        return True
    return False
