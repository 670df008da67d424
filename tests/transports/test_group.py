"""The socket of a group: joined on the interface that is named, left when it is closed, refused where it is none."""

from __future__ import annotations

import socket

import pytest
from tests.interop.ports import free_port

from corewire import Discovery
from corewire_transports._group import IN_A_ROW_MAX, datagrams, join


def test_what_is_told_to_the_group_is_heard_and_by_all_who_listen() -> None:
    port = free_port()
    group = Discovery(group_address="231.7.8.1", group_port=port, local_bind_address="127.0.0.1")
    with join(group) as one, join(group) as two, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as teller:
        teller.bind(("127.0.0.1", 0))
        assert list(datagrams(one)) == []
        for number in range(IN_A_ROW_MAX + 1):
            teller.sendto(bytes((number,)), ("231.7.8.1", port))
        teller.sendto(b"of another group", ("231.7.8.2", port))
        for sock in (one, two):
            assert [data[0] for data in datagrams(sock)] == list(range(IN_A_ROW_MAX))
            assert list(datagrams(sock)) == [bytes((IN_A_ROW_MAX,))]


def test_a_group_of_ipv6_is_joined_on_the_interface_behind_the_percent_sign() -> None:
    """Sending to it needs a route, which loopback interfaces seldom have."""
    port = free_port()
    with join(Discovery(group_address="ff02::7", group_port=port, local_bind_address="::1%lo")) as sock:
        assert sock.getsockname()[1] == port
    with pytest.raises(OSError, match="interface"):
        join(Discovery(group_address="ff02::7", group_port=port, local_bind_address="::1%nowhere"))


@pytest.mark.parametrize("address", ["127.0.0.1", "nowhere", "::1"])
def test_an_address_that_is_no_group_is_refused(address: str) -> None:
    with pytest.raises(OSError, match="is no address of a group"):
        join(Discovery(group_address=address, group_port=7))
