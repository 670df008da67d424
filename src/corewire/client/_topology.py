"""
The cluster as the broker describes it (docs/protocol/handshake.md), and whose rules the broker at hand follows.

Members are kept in the order in which they came, newer event ids win, and a removal is remembered so that an older
announcement cannot bring a member back.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from corewire.client._announced import endpoint_of
from corewire.errors import RemoteProtocolError
from corewire.events import DisconnectReason
from corewire.values import Topology, TopologyMember
from corewire.wire.packets import ClusterTopology, ClusterTopologyV2, ClusterTopologyV3, ClusterTopologyV4

if TYPE_CHECKING:
    from corewire._farewell import Farewell
    from corewire.client.config import Endpoint

TopologyPacket: TypeAlias = ClusterTopology | ClusterTopologyV2 | ClusterTopologyV3 | ClusterTopologyV4

#: A broker of ours is known by its node id: a UUID of version 8 that begins with "corewi" (docs/design/differences.md).
OUR_NODE_ID_PREFIX = "636f7265-7769-8"
MEMBERS_MAX = 1_000  # what a broker tells of its cluster is a claim


def same_address(one: Endpoint, other: Endpoint) -> bool:
    """Whether two endpoints name the same host and port. Names are not resolved: that would be I/O."""
    return one.host.lower() == other.host.lower() and one.port == other.port


def target_of(farewell: Farewell, table: TopologyTable, here: Endpoint) -> Endpoint | None:
    """Where a broker that says goodbye to a client at ``here`` sends it; None: nowhere in particular."""
    if farewell.reason in (DisconnectReason.REDIRECT, DisconnectReason.REDIRECT_ON_CRITICAL_ERROR):
        return endpoint_of(farewell.target_connector, here)
    member = None if farewell.target_node_id is None else table.member(farewell.target_node_id)
    return None if member is None else member.primary


class TopologyTable:
    """Members by node id."""

    def __init__(self) -> None:
        self._members: dict[str, TopologyMember] = {}
        self._events: dict[str, int] = {}
        self._removed: dict[str, int] = {}

    @property
    def topology(self) -> Topology:
        return Topology(tuple(self._members.values()))

    def member(self, node_id: str) -> TopologyMember | None:
        return self._members.get(node_id)

    def receive(
        self, packet: TopologyPacket, endpoint: Endpoint, mentioned: dict[str, None] | None, *, ha: bool
    ) -> bool:
        """The broker at ``endpoint`` told of a member. Returns whether the table changed.

        ``mentioned`` gathers the first batch of a link, None after it: who is not in it when it ends is gone. Without
        ``ha`` a client does not hear of departures, as in Artemis.
        """
        node_id = packet.node_id
        event_id = 0 if isinstance(packet, ClusterTopology) else packet.unique_event_id
        if packet.exit:
            return ha and self.down(event_id, node_id)
        primary, backup = endpoint_of(packet.primary, endpoint), endpoint_of(packet.backup, endpoint)
        if packet.primary is None and packet.backup is None:
            primary = endpoint
        member = TopologyMember(
            node_id=node_id,
            primary=primary,
            backup=backup,
            backup_group=None if isinstance(packet, ClusterTopology) else packet.backup_group_name,
            scale_down_group=None
            if isinstance(packet, ClusterTopology | ClusterTopologyV2)
            else packet.scale_down_group_name,
            version=packet.server_version if isinstance(packet, ClusterTopologyV4) else 0,
        )
        changed = self.up(event_id, member)
        if mentioned is not None:
            mentioned[node_id] = None
            if packet.last:
                changed = self._keep_only(mentioned) or changed
        return changed

    def _keep_only(self, mentioned: dict[str, None]) -> bool:
        gone = [node_id for node_id in self._members if node_id not in mentioned]
        for node_id in gone:
            del self._members[node_id], self._events[node_id]
        return bool(gone)

    def up(self, event_id: int, member: TopologyMember) -> bool:
        """A member was announced. Returns whether the table changed. Raises RemoteProtocolError for one too many."""
        node_id = member.node_id
        if event_id != 0 and self._removed.get(node_id, event_id) > event_id:
            return False
        known = self._members.get(node_id)
        if known is None:
            if len(self._members) >= MEMBERS_MAX:
                raise RemoteProtocolError(f"a cluster of more than {MEMBERS_MAX} members")
            merged = member
        elif event_id > self._events[node_id] or (known.primary is None and member.primary is not None):
            primary = known.primary if member.primary is None else member.primary
            backup = known.backup if member.backup is None else member.backup
            merged = replace(member, primary=primary, backup=backup)
        else:
            merged = replace(known, backup=member.backup) if known.backup is None else known
        self._events[node_id] = max(event_id, self._events.get(node_id, event_id))
        self._members[node_id] = merged
        return merged != known

    def down(self, event_id: int, node_id: str) -> bool:
        """A member left at that time. Returns whether the table changed."""
        if node_id not in self._members or self._events[node_id] > event_id:
            return False
        self._removed[node_id] = event_id
        if len(self._removed) > MEMBERS_MAX:
            del self._removed[next(iter(self._removed))]
        del self._members[node_id], self._events[node_id]
        return True

    def leave(self, node_id: str | None) -> bool:
        """A member said goodbye. Returns whether the table changed.

        Artemis' clients date that by their own clock, which may be behind the cluster's, and then keep who left: here it
        holds against everything that was told before, and nothing newer.
        """
        event_id = None if node_id is None else self._events.get(node_id)
        return node_id is not None and event_id is not None and self.down(event_id, node_id)

    def node_at(self, endpoint: Endpoint) -> str | None:
        """Node id of the broker that serves at an endpoint: the member announced there, or the only member there is
        (a broker outside a cluster does not say where it listens)."""
        for member in self._members.values():
            if member.primary is not None and same_address(member.primary, endpoint):
                return member.node_id
        return next(iter(self._members)) if len(self._members) == 1 else None

    def is_ours(self, node_id: str | None) -> bool:
        """Whether the broker follows our rules. Where its own id is not known, all members must."""
        candidates = [node_id] if node_id is not None else list(self._members)
        return bool(candidates) and all(each.startswith(OUR_NODE_ID_PREFIX) for each in candidates)
