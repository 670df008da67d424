"""Who is at the other end of a connected socket."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import socket

Host: TypeAlias = "ipaddress.IPv4Address | ipaddress.IPv6Address"


def host_of(text: str) -> Host | None:
    """The host that a numeric address names, however it is written: IPv4 may come in the clothes of IPv6. None: it is none."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def remote_host(sock: socket.socket) -> Host | None:
    """The host of the other end; None: it is gone already."""
    try:
        return host_of(str(sock.getpeername()[0]))
    except OSError:
        return None


def is_loopback(sock: socket.socket) -> bool:
    """Whether the other end is on this machine's loopback. Raises OSError if it is gone already."""
    host = host_of(str(sock.getpeername()[0]))
    return host is not None and host.is_loopback
