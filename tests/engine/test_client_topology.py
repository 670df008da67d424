"""The table of the cluster, and whose rules a broker follows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from corewire._farewell import Farewell
from corewire.client._topology import MEMBERS_MAX, OUR_NODE_ID_PREFIX, TopologyTable, target_of
from corewire.client.config import Endpoint
from corewire.errors import RemoteProtocolError
from corewire.events import DisconnectReason
from corewire.values import TopologyMember
from corewire.wire.packets import ClusterTopologyV2, ClusterTopologyV4, TransportConfiguration

A, B, C = (Endpoint(host=name) for name in "abc")
OURS = OUR_NODE_ID_PREFIX + "123-8abc-0123456789ab"
THEIRS = "12345678-1234-11ee-8234-123456789abc"


def member(node_id: str = "n", primary: Endpoint | None = A, backup: Endpoint | None = None) -> TopologyMember:
    return TopologyMember(
        node_id=node_id, primary=primary, backup=backup, backup_group=None, scale_down_group=None, version=136
    )


def connector(host: str, **params: str | int) -> TransportConfiguration:
    return TransportConfiguration("name", "factory", {"host": host, "port": "61616", **params})


def test_newer_announcements_win_and_keep_what_they_do_not_tell() -> None:
    table = TopologyTable()
    assert table.up(1, member(backup=B))
    assert table.up(2, member(primary=C))
    assert table.member("n") == member(primary=C, backup=B)
    assert not table.up(1, member(primary=A, backup=A))
    assert table.member("n") == member(primary=C, backup=B)


def test_an_older_announcement_fills_in_a_missing_backup() -> None:
    table = TopologyTable()
    table.up(5, member())
    assert table.up(4, member(backup=B))
    assert table.member("n") == member(backup=B)


def test_a_primary_that_was_missing_is_taken_from_whatever_tells_of_one() -> None:
    table = TopologyTable()
    table.up(5, member(primary=None, backup=B))
    assert table.up(4, member(primary=A))
    assert table.member("n") == member(primary=A, backup=B)
    assert not table.up(5, member(primary=C)), "the event id is still the larger one"


def test_an_announcement_without_a_time_is_never_rejected_for_a_departure() -> None:
    table = TopologyTable()
    table.up(1, member())
    table.down(9, "n")
    assert table.up(0, member())


def test_an_older_announcement_does_not_bring_a_member_back() -> None:
    table = TopologyTable()
    table.up(1, member())
    assert not table.down(0, "n")
    assert table.down(3, "n")
    assert not table.up(2, member())
    assert table.up(4, member())


def test_departures_are_heard_with_ha_only() -> None:
    for ha in (False, True):
        table = TopologyTable()
        table.up(1, member())
        gone = ClusterTopologyV2(exit=True, node_id="n", unique_event_id=2)
        assert table.receive(gone, A, None, ha=ha) is ha
        assert (table.member("n") is None) is ha


def test_a_broker_outside_a_cluster_is_where_it_was_dialled() -> None:
    table = TopologyTable()
    packet = ClusterTopologyV4(exit=False, node_id=THEIRS, unique_event_id=1, last=True)
    assert table.receive(packet, B, {}, ha=False)
    assert table.node_at(B) == THEIRS
    assert table.topology.members[0].primary == B


def test_who_is_not_in_the_first_batch_of_a_link_is_gone() -> None:
    table = TopologyTable()
    table.up(9, member("old"))
    packet = ClusterTopologyV4(exit=False, node_id="new", unique_event_id=1, primary=connector("a"), last=True)
    table.receive(packet, A, {}, ha=False)
    assert [each.node_id for each in table.topology.members] == ["new"]


def test_the_node_at_an_endpoint_is_found_by_host_and_port() -> None:
    table = TopologyTable()
    table.up(1, member("one", A))
    table.up(1, member("two", B))
    assert table.node_at(replace(B, name="else")) == "two"
    assert table.node_at(C) is None


def test_ours_are_known_by_their_node_id() -> None:
    table = TopologyTable()
    assert not table.is_ours(None)
    table.up(1, member(OURS, A))
    assert table.is_ours(OURS)
    assert table.is_ours(None)
    table.up(1, member(THEIRS, B))
    assert not table.is_ours(THEIRS)
    assert not table.is_ours(None), "where its own id is not known, all must be"


def test_a_cluster_has_so_many_members_and_no_more() -> None:
    table = TopologyTable()
    for number in range(MEMBERS_MAX):
        table.up(1, member(str(number)))
    with pytest.raises(RemoteProtocolError, match="1000"):
        table.up(1, member("one too many"))
    for number in range(3 * MEMBERS_MAX):
        table.down(1, str(number % MEMBERS_MAX))
        table.up(2, member(f"new {number}"))
        table.down(2, f"new {number}")
    assert len(table._removed) <= MEMBERS_MAX


def test_who_says_goodbye_is_gone_until_something_newer_is_told() -> None:
    table = TopologyTable()
    table.up(7, member())
    assert table.leave("n")
    assert table.member("n") is None
    assert not table.leave("n")
    assert not table.leave(None)
    assert not table.up(6, member())
    assert table.up(8, member())


def test_a_goodbye_may_say_where_to_go() -> None:
    table = TopologyTable()
    table.up(1, member("target", C))
    redirect = Farewell("n", DisconnectReason.REDIRECT, "x", connector("b"))
    found = target_of(redirect, table, A)
    assert found is not None
    assert found.host == "b"
    assert target_of(Farewell("n", DisconnectReason.SCALE_DOWN, "target"), table, A) == C
    assert target_of(Farewell("n", DisconnectReason.SCALE_DOWN), table, A) is None
