"""
What clients are told of the pair: the topology, when they ask and at every change.

A client keeps what the newest event id says, and what it lacks is filled in from older ones. So each change has a newer id than
all that was told before, on whichever node: the last id is part of the state, and time goes on where the other node ended.
While no address of ours is known, a client is told of a node without any: it takes the address that it came by.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from corewire.wire import packets
from corewire.wire.versions import OLDEST_SPOKEN

if TYPE_CHECKING:
    from corewire.wire.registry import Packet
    from corewire_server.core.link import Link
    from corewire_server.core.state import State

_CHANNEL: Final = 0
_FACTORY: Final = "org.apache.activemq.artemis.core.remoting.impl.netty.NettyConnectorFactory"
_DEFAULT_PORT: Final = "61616"


def announce(state: State, live: str, backup: str | None) -> None:
    """The pair has these addresses for clients now, each "host:port"; all that asked before are told."""
    state.live, state.backup = live, backup
    state.event_id = max(state.now, state.event_id + 1)
    for link in state.links.values():
        if link.alive and link.subscribed and link.version >= OLDEST_SPOKEN:
            _tell(state, link, last=False)


def subscribe(state: State, link: Link) -> None:
    """A client asks. Java clients wait for the one that is marked as the last before they go on."""
    link.subscribed = True
    state.event_id = max(state.now, state.event_id)
    _tell(state, link, last=True)


def _tell(state: State, link: Link, *, last: bool) -> None:
    link.connection.send(state.now / 1000, _CHANNEL, _packet(state, link.version, last=last))
    state.wrote(link)


def _packet(state: State, version: int, *, last: bool) -> Packet:
    live, backup = _connector("live", state.live), _connector("backup", state.backup)
    node_id, event_id = state.node_id, state.event_id
    if version >= 131:
        return packets.ClusterTopologyV4(
            exit=False, node_id=node_id, unique_event_id=event_id, primary=live, backup=backup, last=last
        )
    if version >= OLDEST_SPOKEN and live is not None:
        return packets.ClusterTopologyV3(
            exit=False, node_id=node_id, unique_event_id=event_id, primary=live, backup=backup, last=last
        )
    if version >= 122:  # the form of a node without a cluster; clients so old can do nothing else here
        return packets.ClusterTopologyV2(exit=False, node_id=node_id, unique_event_id=event_id, last=last)
    return packets.ClusterTopology(exit=False, node_id=node_id, last=last)


def _connector(name: str, address: str | None) -> packets.TransportConfiguration | None:
    """How Java says an address: all parameters as text."""
    if not address:
        return None
    host, _, port = address.rpartition(":")
    if not host:
        host, port = address, _DEFAULT_PORT
    params: dict[str, bool | int | str] = {"port": port, "host": host.strip("[]")}
    return packets.TransportConfiguration(name, _FACTORY, params)
