"""The socket that hears what brokers tell a multicast group."""

from __future__ import annotations

import errno
import ipaddress
import socket
import struct
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from corewire import Discovery

__all__ = ["datagrams", "join"]

DATAGRAM_BYTES_MAX = 65_535
IN_A_ROW_MAX = 64  # then others have their turn


def join(group: Discovery) -> socket.socket:
    """A socket that does not block and hears the group. Raises ``OSError``."""
    try:
        address = ipaddress.ip_address(group.group_address)
    except ValueError:
        raise OSError(errno.EINVAL, f"{group.group_address} is no address of a group") from None
    if not address.is_multicast:
        raise OSError(errno.EINVAL, f"{group.group_address} is no address of a group")
    sock = socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # others on this machine listen too
        _bind(sock, group)
        if address.version == 4:
            here = socket.inet_aton(group.local_bind_address or "0.0.0.0")  # noqa: S104  # the system's choice
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, address.packed + here)
        else:
            index = struct.pack("@I", _interface(group.local_bind_address))
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, address.packed + index)
    except BaseException:
        sock.close()
        raise
    return sock


def _bind(sock: socket.socket, group: Discovery) -> None:
    try:
        sock.bind((group.group_address, group.group_port))  # hears this group alone
    except OSError:
        sock.bind(("", group.group_port))  # some systems allow no more


def _interface(local: str | None) -> int:
    """The number of the interface that an address of IPv6 names behind a percent sign, 0 for the system's choice."""
    _, _, name = (local or "").partition("%")
    return socket.if_nametoindex(name) if name else 0


def datagrams(sock: socket.socket) -> Iterator[bytes]:
    """What lies there now, some of it. Raises ``OSError``."""
    with suppress(BlockingIOError):
        for _ in range(IN_A_ROW_MAX):
            yield sock.recv(DATAGRAM_BYTES_MAX)
