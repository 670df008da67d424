"""The commands of a client as frames. Those that make up nearly all traffic go past the registry, which looks at every field."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire.wire import hot, packets
from corewire.wire.registry import encode

if TYPE_CHECKING:
    from corewire.client._calls import Packet
    from corewire.wire.versions import Capabilities


def frame_of(packet: Packet, channel: int, allowed: Capabilities) -> bytes:
    """The whole frame of a packet as a broker of that version reads it. Raises LocalProtocolError for what the wire cannot hold."""
    kind = packet.__class__
    if kind is packets.SessionSend:
        if allowed.new_addressing:
            return hot.send_frame(
                channel,
                packet.message,
                packet.requires_response,
                packet.correlation_id,
                packet.sender_id,
                hot.SEND_TRAILER_NAMED if allowed.producer_ids else hot.send_trailer(allowed),
            )
    elif kind is packets.SessionAcknowledge or kind is packets.SessionIndividualAcknowledge:
        return hot.acknowledge_frame(
            channel, packet.consumer_id, packet.message_id, packet.requires_response, packet.TYPE
        )
    return encode(packet, channel, allowed.version)
