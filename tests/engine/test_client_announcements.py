"""Datagrams of a group: their bytes, and who is known by them and for how long."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from corewire.client._announcements import Announcement, Announcements
from corewire.client._topology import MEMBERS_MAX
from corewire.client.config import Discovery, Endpoint, Tls
from corewire.wire.packets import TransportConfiguration

GROUP = Discovery(group_address="231.7.7.7", group_port=9876, template=Endpoint(tls=Tls(trust_all=True)))
FACTORY = "org.apache.activemq.artemis.core.remoting.impl.netty.NettyConnectorFactory"


def datagram(node: str, *hosts: str, run: str = "run") -> bytes:
    connectors = [TransportConfiguration(host, FACTORY, {"port": "61616", "host": host}) for host in hosts]
    return Announcement(node, run, connectors).encode()


def hosts(found: Announcements) -> list[str]:
    return [endpoint.host for endpoint in found.endpoints]


def test_a_datagram_is_laid_out_as_artemis_lays_it_out() -> None:
    node, run = "a1b2c3d4-0000-11f0-8000-0242ac110002", "0f0e0d0c-0000-11f0-8000-0242ac110002"
    connector = TransportConfiguration("artemis", FACTORY, {"port": "61616", "host": "h1"})
    data = Announcement(node, run, [connector]).encode()
    assert len(data) == 238
    assert data[84:106].hex() == "00000001" + "00000007" + "0061007200740065006d00690073"
    port, host = "port".encode("utf-16-be"), "host".encode("utf-16-be")
    assert data[186:] == b"".join(
        (
            bytes.fromhex("00000002 00000004"),
            port,
            bytes.fromhex("03 00000005 00360031003600310036 00000004"),
            host,
            bytes.fromhex("03 00000002 00680031"),
        )
    )
    assert Announcement.decode(data + b"behind it") == Announcement(node, run, [connector])


def test_all_connectors_of_all_nodes_are_known_and_dialled_as_the_client_dials() -> None:
    found = Announcements(GROUP)
    found.receive(0, datagram("one", "a", "b"))
    found.receive(1, datagram("two", "c"))
    assert hosts(found) == ["a", "b", "c"]
    assert {endpoint.tls for endpoint in found.endpoints} == {GROUP.template.tls}


def test_a_newer_datagram_of_a_node_replaces_the_older_one() -> None:
    found = Announcements(GROUP)
    found.receive(0, datagram("one", "a"))
    found.receive(1, datagram("one", "b", run="another"))
    assert hosts(found) == ["b"]


def test_who_falls_silent_is_forgotten_when_somebody_else_tells() -> None:
    found = Announcements(GROUP)
    found.receive(0, datagram("one", "a"))
    found.receive(9, datagram("two", "b"))
    assert hosts(found) == ["a", "b"]
    found.receive(10, datagram("two", "b"))
    assert hosts(found) == ["b"]


def test_connectors_that_lead_nowhere_are_passed_over() -> None:
    found = Announcements(GROUP)
    found.receive(0, datagram("one", "a b", "c"))
    found.receive(0, datagram("two"))
    assert hosts(found) == ["c"]


def test_no_more_nodes_are_kept_than_a_cluster_has() -> None:
    found = Announcements(GROUP)
    for number in range(MEMBERS_MAX + 5):
        found.receive(0, datagram(str(number), f"h{number}"))
    assert len(found.endpoints) == MEMBERS_MAX
    assert found.endpoints[-1].host == f"h{MEMBERS_MAX + 4}"


@given(st.binary(max_size=400), st.integers(0, 300))
def test_garbage_is_passed_over(data: bytes, cut: int) -> None:
    found = Announcements(GROUP)
    found.receive(0, data)
    found.receive(0, datagram("one", "a")[:cut])
    assert set(hosts(found)) <= {"a"}
