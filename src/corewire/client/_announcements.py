"""
What brokers tell a group of the network about themselves (docs/protocol/discovery.md): datagrams, and who is known by them.

A datagram names its sender and how it can be reached. It holds for a while; who has not told again by then is forgotten when
the next one comes, from whomever: if all fall silent, what was known last is better than nothing. Anybody on the network can
send one, so what makes no sense is passed over, and no more senders are kept than a cluster may have members.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from corewire.client._announced import endpoint_of
from corewire.client._topology import MEMBERS_MAX
from corewire.errors import RemoteProtocolError
from corewire.wire._codec.composites import put_transport_configuration, read_transport_configuration
from corewire.wire.primitives import put_list, put_string, read_list, read_string

if TYPE_CHECKING:
    from corewire.client.config import Discovery, Endpoint
    from corewire.wire.packets import TransportConfiguration


@dataclass(frozen=True, slots=True)
class Announcement:
    """One datagram: the sender's node id, an id of this run of it, and its connectors."""

    node_id: str
    unique_id: str
    connectors: list[TransportConfiguration]

    def encode(self) -> bytes:
        """As it is sent."""
        connectors = put_list(self.connectors, put_transport_configuration)
        return put_string(self.node_id) + put_string(self.unique_id) + connectors

    @classmethod
    def decode(cls, data: bytes) -> Announcement:
        """Read one; what stands behind it is ignored. Raises RemoteProtocolError."""
        node_id, at = read_string(data, 0, len(data))
        unique_id, at = read_string(data, at, len(data))
        connectors, _ = read_list(data, at, len(data), read_transport_configuration)
        return cls(node_id, unique_id, connectors)


class Announcements:
    """Who announced itself in a group, by node id, in the order of the first time."""

    def __init__(self, group: Discovery) -> None:
        self._group = group
        self._known: dict[str, tuple[float, tuple[Endpoint, ...]]] = {}

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Where brokers are: all connectors of all that are known."""
        return tuple(endpoint for _, endpoints in self._known.values() for endpoint in endpoints)

    def receive(self, now: float, data: bytes) -> None:
        """A datagram came."""
        try:
            told = Announcement.decode(data)
        except RemoteProtocolError:
            return
        found = (endpoint_of(connector, self._group.template) for connector in told.connectors)
        if endpoints := tuple(endpoint for endpoint in found if endpoint is not None):
            self._known[told.node_id] = (now + self._group.refresh_timeout_s, endpoints)
        self._known = {node: kept for node, kept in self._known.items() if kept[0] > now}
        while len(self._known) > MEMBERS_MAX:
            del self._known[next(iter(self._known))]
