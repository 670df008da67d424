"""How threads of one client call each other: a bell for who waits for sockets, a summons for who stands aside."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

__all__ = ["Bell", "Summons"]


class Bell:
    """Ends a selector's wait from another thread, or from a signal handler. Its ``ear`` is registered there."""

    def __init__(self) -> None:
        self._mouth, self.ear = socket.socketpair()
        self._mouth.setblocking(False)
        self.ear.setblocking(False)

    def ring(self) -> None:
        """Ring it. Harmless often, and when it is closed."""
        with suppress(OSError):  # rung often enough, or closed
            self._mouth.send(b"\0")

    def listen(self) -> None:
        """Hear what was rung."""
        with suppress(BlockingIOError):
            self.ear.recv(4096)

    def close(self) -> None:
        """Nobody listens any more."""
        self._mouth.close()
        self.ear.close()


class Summons:
    """Ends a wait for nothing but time. Sent before anybody waits, it is there for the next wait."""

    def __init__(self) -> None:
        self._absent = threading.Lock()
        self._absent.acquire()

    def send(self) -> None:
        """Send it. Harmless often."""
        with suppress(RuntimeError):  # sent already
            self._absent.release()

    def wait(self, seconds: float) -> bool:
        """Wait for it. Returns whether it came."""
        return self._absent.acquire(timeout=seconds)
