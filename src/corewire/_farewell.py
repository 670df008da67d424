"""How a broker says goodbye: three packets by version, one value here (docs/protocol/liveness.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from corewire.events import DisconnectReason
from corewire.wire.packets import Disconnect, DisconnectV2, DisconnectV3
from corewire.wire.versions import capabilities

if TYPE_CHECKING:
    from corewire.wire.packets import TransportConfiguration

FarewellPacket: TypeAlias = Disconnect | DisconnectV2 | DisconnectV3


@dataclass(frozen=True, slots=True)
class Farewell:
    """A broker's goodbye: which node, why, and where to go instead (None: nowhere in particular)."""

    node_id: str | None
    reason: DisconnectReason
    target_node_id: str | None = None
    target_connector: TransportConfiguration | None = None


def farewell_packet(farewell: Farewell, version: int) -> FarewellPacket:
    """Return the packet that a client of this version understands."""
    known = capabilities(version)
    if known.client_id:
        return DisconnectV3(farewell.node_id, farewell.reason.value, farewell.target_node_id, farewell.target_connector)
    if known.topology_v3:
        scale_down = farewell.reason in (
            DisconnectReason.SCALE_DOWN,
            DisconnectReason.SCALE_DOWN_ON_CRITICAL_ERROR,
        )
        return DisconnectV2(farewell.node_id, farewell.target_node_id if scale_down else None)
    return Disconnect(farewell.node_id)


def read_farewell(packet: FarewellPacket) -> Farewell:
    """Return what a goodbye says. Without a reason, or with an unknown one, it is taken as Artemis' client does."""
    if isinstance(packet, DisconnectV3):
        known = packet.reason in DisconnectReason._value2member_map_
        reason = DisconnectReason(packet.reason) if known else DisconnectReason.SHUT_DOWN
        return Farewell(packet.node_id, reason, packet.target_node_id, packet.target_connector)
    if isinstance(packet, DisconnectV2):
        return Farewell(packet.node_id, DisconnectReason.SCALE_DOWN, packet.scale_down_node_id)
    return Farewell(packet.node_id, DisconnectReason.SHUT_DOWN)
