"""What clients are told of the pair."""

from __future__ import annotations

from typing import Any

import pytest
from tests.server.captures import FOLDER, read
from tests.server.helpers import START, Client, World, one

from corewire.client._topology import TopologyTable
from corewire.client.config import Endpoint
from corewire.wire import packets, registry
from corewire_server.core import Broker
from corewire_server.core.inputs import Announced, Promoted

PAIR = Announced("127.0.0.11:62000", "127.0.0.11:62001")


def told(client: Client) -> list[Any]:
    """The topologies that came."""
    return [item for item in client.read(0) if "CLUSTER_TOPOLOGY" in item.NAME]


def recorded() -> packets.ClusterTopologyV4:
    """What a real broker told of a pair to somebody who asked."""
    for line in read(FOLDER / "ha-topology.txt"):
        if line.kind == "S>C" and line.data[4] == packets.ClusterTopologyV4.TYPE & 0xFF:
            packet = registry.decode(line.data, 136)
            assert isinstance(packet, packets.ClusterTopologyV4)
            if packet.last and packet.backup is not None:
                return packet
    raise AssertionError("the capture has none")


def test_who_asks_is_told_as_by_a_real_broker_byte_for_byte() -> None:
    world = World()
    world.step(PAIR)
    theirs, ours = recorded(), one(told(world.connect()))
    theirs.node_id, theirs.unique_event_id = ours.node_id, ours.unique_event_id
    assert registry.encode(ours, 0, 136) == registry.encode(theirs, 0, 136)


@pytest.mark.parametrize(
    ("version", "kind"),
    [
        *((version, packets.ClusterTopologyV3) for version in (129, 130)),
        *((version, packets.ClusterTopologyV4) for version in range(131, 137)),
    ],
)
def test_all_versions_are_told_of_both_nodes_when_they_ask_and_at_a_change(version: int, kind: type[Any]) -> None:
    world = World()
    world.step(PAIR)
    client = world.connect(version)
    world.step(Announced("a:1", None))
    first, second = answers = told(client)
    assert [type(item) for item in answers] == [kind, kind]
    assert [(item.primary.params, item.last) for item in answers] == [
        ({"port": "62000", "host": "127.0.0.11"}, True),
        ({"port": "1", "host": "a"}, False),
    ]
    assert first.backup.params == {"port": "62001", "host": "127.0.0.11"}
    assert second.backup is None


@pytest.mark.parametrize(("version", "kind"), [(128, packets.ClusterTopologyV2), (121, packets.ClusterTopology)])
def test_clients_that_are_too_old_for_sessions_are_told_of_no_pair(version: int, kind: type[Any]) -> None:
    world = World()
    world.step(PAIR)
    client = world.connect(version)
    world.step(Announced("a:1", None))
    answer: Any = one(told(client))
    assert type(answer) is kind
    assert (answer.primary, answer.backup, answer.last) == (None, None, True)


def test_each_change_is_newer_than_all_that_was_told_though_no_time_passes() -> None:
    world = World()
    client = world.connect()
    for _ in range(3):
        world.step(PAIR)
    world.step(Announced("", None))
    late = world.connect()
    assert [item.unique_event_id - START for item in told(client)] == [0, 1, 2, 3, 4]
    assert one(told(late)).unique_event_id == START + 4
    world.now += 1_000
    assert one(told(world.connect())).unique_event_id == world.now  # newer than a goodbye that came before


def test_only_living_links_that_asked_are_told() -> None:
    world = World()
    asked, lost = world.connect(), world.connect()
    lost.session(window_size=1_000)
    lost.lose()
    asked.read(0)
    lost.read(0)
    world.step(PAIR)
    assert len(told(asked)) == 1
    assert not told(lost)


def test_while_no_address_is_known_the_node_is_told_without_any() -> None:
    world = World()
    client = world.connect()
    world.step(PAIR)
    world.step(Announced("", None))
    assert [item.primary is None for item in told(client)] == [True, False, True]


@pytest.mark.parametrize(
    ("address", "host", "port"), [("[::1]:61616", "::1", "61616"), ("a.b:7", "a.b", "7"), ("bare", "bare", "61616")]
)
def test_addresses_are_taken_apart(address: str, host: str, port: str) -> None:
    world = World()
    world.step(Announced(address, None))
    assert one(told(world.connect())).primary.params == {"port": port, "host": host}


def test_it_is_part_of_a_snapshot() -> None:
    world = World()
    client = world.connect()
    world.step(PAIR)
    digest = world.broker.digest()
    world.broker = Broker.restore(world.config, world.broker.snapshot())
    assert world.broker.digest() == digest
    world.step(Announced("b:1", "a:1"))
    assert told(client)[-1].backup.params["host"] == "a"
    assert one(told(world.connect())).backup.params["host"] == "a"


def test_our_client_follows_a_takeover() -> None:
    world = World()
    table, came_by = TopologyTable(), Endpoint(host="a", port=1)

    def follow(client: Client) -> tuple[str | None, str | None]:
        for packet in told(client):
            table.receive(packet, came_by, None, ha=False)
        member = table.topology.members[0]
        return tuple(None if end is None else end.host for end in (member.primary, member.backup))  # type: ignore[return-value]

    client = world.connect()
    assert follow(client) == ("a", None)
    world.step(Announced("a:1", "b:1"))
    assert follow(client) == ("a", "b")
    world.step(Promoted(2))
    world.step(Announced("b:1", None))
    client = world.connect()
    world.step(Announced("b:1", "a:1"))
    assert follow(client) == ("b", "a")
