"""
Sockets to listen on, with the highest file numbers of the process.

Linux closes what a killed process had open from the highest number down. So the door closes before its clients hear of the end;
else one that comes back at once is accepted by the dying process, and a Java client then waits its whole call timeout.
"""

from __future__ import annotations

import socket
import sys

_NUMBERS_MAX = 65_536  # the table of open files grows with the highest number


def bind(host: str, port: int) -> list[socket.socket]:
    """Bind a socket to each address of ``host``, all on one port; 0 takes a free one. Nobody is accepted yet. Raises OSError."""
    bound: list[socket.socket] = []
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    try:
        for family, kind, protocol, _, address in dict.fromkeys(infos):
            try:
                sock = _lifted(socket.socket(family, kind, protocol))
            except OSError:
                continue  # the machine has no such family
            bound.append(sock)
            if sys.platform != "win32":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind((address[0], port, *address[2:]))
            port = sock.getsockname()[1]
    except OSError:
        for sock in bound:
            sock.close()
        raise
    if not bound:
        raise OSError(f"{host} has no address to listen on")
    return bound


def _lifted(low: socket.socket) -> socket.socket:
    """The same socket under a number that no client's socket reaches."""
    if sys.platform == "win32":
        return low
    import fcntl
    import resource

    above = max(min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], _NUMBERS_MAX) - 64, 0)
    with low:
        return socket.socket(fileno=fcntl.fcntl(low, fcntl.F_DUPFD_CLOEXEC, above))
