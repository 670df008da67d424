"""A client in a cluster: which members it knows, and where it goes when its own broker is gone for good."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.engine.client_world import ONE, TWO, ClientWorld, resilient

from corewire._states import ClientState
from corewire.client.config import Endpoint, LoadBalancing
from corewire.client.message import Message
from corewire.events import DisconnectReason, FailedOver, FailoverFailed, TopologyChanged
from corewire.values import Queue
from corewire.wire import packets
from corewire.wire.registry import encode

if TYPE_CHECKING:
    from corewire.client._calls import Packet

THREE = Endpoint(host="three")
FACTORY = "org.apache.activemq.artemis.core.remoting.impl.netty.NettyConnectorFactory"


def told(world: ClientWorld, packet: Packet) -> None:
    world.wire.to_client += encode(packet, 0, 136)
    world.pump()


def announce(world: ClientWorld, node: str, endpoint: Endpoint, backup: Endpoint | None = None) -> None:
    """The broker tells of another member of its cluster."""
    primary, other = (
        None if one is None else packets.TransportConfiguration(one.host, FACTORY, {"host": one.host, "port": "61616"})
        for one in (endpoint, backup)
    )
    told(world, packets.ClusterTopologyV4(False, node, 1 << 60, primary, other, last=False))


def gone(world: ClientWorld, *hosts: str) -> None:
    """Brokers of a cluster die."""
    world.refusing |= set(hosts)
    world.cut()


def cluster(**fields: Any) -> ClientWorld:
    """A client that goes to the first of those that it knows."""
    return ClientWorld(resilient(**{"load_balancing": LoadBalancing.FIRST_ELEMENT, "reconnect_attempts": 1, **fields}))


def hosts(world: ClientWorld) -> list[str]:
    return [host for _, host in world.dials]


def test_when_the_attempts_are_used_up_other_members_are_tried() -> None:
    world = ClientWorld(resilient(reconnect_attempts=1, failover_attempts=None, retry_interval_s=0.1))
    session = world.session()
    announce(world, "second", TWO)
    world.add_broker("two")
    gone(world, "one")
    world.run(world.engine.send(world.now, session, Queue("q"), Message("x")))
    [event] = world.names(FailedOver)
    assert isinstance(event, FailedOver)
    assert event.endpoint.host == "two"


def test_both_halves_of_a_pair_are_tried_before_the_next() -> None:
    world = cluster(failover_attempts=1, load_balancing=LoadBalancing.ROUND_ROBIN)
    world.session()
    announce(world, "second", TWO, THREE)
    world.add_broker("three")
    gone(world, "one")
    world.pump()
    assert hosts(world)[-2:] == ["two", "three"]
    assert world.engine.state is ClientState.UP


def test_rounds_end_when_they_are_used_up() -> None:
    world = cluster(failover_attempts=2, load_balancing=LoadBalancing.ROUND_ROBIN, retry_interval_s=1.0)
    world.session()
    announce(world, "second", TWO)
    began = world.now
    gone(world, "one", "two")
    world.advance(10.0)
    assert [host for at, host in world.dials[1:]].count("two") >= 2
    assert world.dials[-1][0] - began == pytest.approx(1.0), "one pause: between the two rounds"
    assert len(world.names(FailoverFailed)) == 1


def test_without_topology_for_load_balancing_only_the_list_counts() -> None:
    world = cluster(use_topology_for_load_balancing=False, failover_attempts=1)
    world.session()
    announce(world, "second", TWO)
    world.add_broker("two")
    gone(world, "one")
    world.advance(10.0)
    assert set(hosts(world)) == {"one"}
    assert world.engine.state is ClientState.FAILED


def test_who_says_goodbye_is_no_member_any_more() -> None:
    """Else a policy that takes the first would go to who left, again and again."""
    world = cluster(ha=True, reconnect_attempts=0, failover_attempts=1)
    world.session()
    announce(world, "second", TWO)
    world.add_broker("two")
    changes = len(world.names(TopologyChanged))
    world.refusing.add("one")
    told(world, packets.DisconnectV3(str(world.engine.node_id), DisconnectReason.SHUT_DOWN.value))
    assert len(world.names(TopologyChanged)) > changes
    assert hosts(world) == ["one", "two"]
    assert world.engine.state is ClientState.UP


def test_without_ha_departures_are_not_heard() -> None:
    world = cluster(reconnect_attempts=0, failover_attempts=1)
    world.session()
    announce(world, "second", TWO)
    world.add_broker("two")
    told(world, packets.ClusterTopologyV2(True, "second", 1 << 61))
    assert len(world.engine.topology.members) == 2
    world.refusing.add("one")
    told(world, packets.DisconnectV3(str(world.engine.node_id), DisconnectReason.SHUT_DOWN.value))
    assert set(hosts(world)) == {"one"}, "as Artemis' clients: the first of the table is who left"


def test_one_address_is_dialled_once_in_an_attempt() -> None:
    """However it came to be known: a list names it without a name, the topology with one."""
    world = cluster(endpoints=(ONE,), failover_attempts=1)
    world.session()
    announce(world, str(world.engine.node_id), ONE, None)
    gone(world, "one")
    world.advance(10.0)
    assert hosts(world) == ["one", "one", "one"], "connected, phase one, phase two"


def test_a_broker_behind_another_address_stays_the_one_it_was_when_a_second_joins() -> None:
    world = ClientWorld()
    node_id = world.engine.node_id
    assert node_id is not None
    announce(world, node_id, Endpoint(host="inside"))
    announce(world, "second", TWO)
    assert world.engine.node_id == node_id
