"""Bytes into a socket that does not block, as far as it takes them."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["write_some"]

GATHERS = hasattr(socket.socket, "sendmsg")  # Windows has none
CHUNKS_MAX = 512  # of one sendmsg; the system's limit is 1024


def write_some(sock: socket.socket, rest: list[bytes | memoryview], rest_bytes: int) -> int:
    """Write what the socket takes now, and remove it from the head of ``rest``. Returns what is left of ``rest_bytes``.

    Raises ``OSError``.
    """
    try:
        while rest:
            sent = _send(sock, rest[:CHUNKS_MAX])
            if sent == rest_bytes:  # nearly always
                rest.clear()
                return 0
            rest_bytes -= sent
            _cut(rest, sent)
    except BlockingIOError:
        pass
    return rest_bytes


def _send(sock: socket.socket, chunks: Sequence[bytes | memoryview]) -> int:
    return sock.sendmsg(chunks) if GATHERS else sock.send(b"".join(chunks))


def _cut(rest: list[bytes | memoryview], sent: int) -> None:
    whole = 0
    for chunk in rest:
        if len(chunk) > sent:
            break
        sent -= len(chunk)
        whole += 1
    del rest[:whole]
    if sent:
        rest[0] = memoryview(rest[0])[sent:]
