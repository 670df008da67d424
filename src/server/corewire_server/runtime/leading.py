"""
What a led client is told of the pair: that this node is where it is, and that the primary is the one to go to if this one is gone.

The primary tells everybody that it is the live node and this one its backup. A Java client keeps that for later only if it is
connected to the live node of what it was told; one that came in here would know nothing but this node, and if this node dies dial
it for ever, with its calls timing out, though the primary serves. So the two change places in what passes by. Should the primary
die, the client comes back to this node, which then serves it, and hears the truth.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from corewire.errors import RemoteProtocolError
from corewire.wire import packets, registry
from corewire.wire.framing import LENGTH_SIZE
from corewire.wire.versions import VERSION

HEAD: Final = LENGTH_SIZE + 1  # of a frame: its length and its type
TOPOLOGY_BYTES_MAX: Final = 64 * 1024  # more is passed on as it is
TYPES: Final = {kind.TYPE & 0xFF for kind in (packets.ClusterTopologyV3, packets.ClusterTopologyV4)}


class Leading:
    """The words of the primary to one led client. ``here``: "host:port" of this node for clients, "": nothing is changed."""

    def __init__(self, here: str) -> None:
        self._host, _, self._port = here.rpartition(":")
        self._held = b""  # the head of a frame, or a topology that is not whole yet
        self._skip = 0  # bytes of a frame that pass as they are

    def feed(self, data: bytes) -> bytes:
        """The next bytes of the primary; returns what the client is to get."""
        if not self._host:
            return data
        out: list[bytes] = []
        data = self._held + data
        at = 0
        while at < len(data):
            if self._skip:
                end = min(at + self._skip, len(data))
                self._skip -= end - at
            else:
                end = at + LENGTH_SIZE + int.from_bytes(data[at : at + LENGTH_SIZE], "big")
                if len(data) - at < HEAD:
                    break
                if data[at + LENGTH_SIZE] not in TYPES or end - at > TOPOLOGY_BYTES_MAX:
                    self._skip = max(end, at + HEAD) - at
                    continue
                if end > len(data):
                    break
                out.append(self._changed(data[at:end]))
                at = end
                continue
            out.append(data[at:end])
            at = end
        self._held = data[at:]
        return b"".join(out)

    def _changed(self, frame: bytes) -> bytes:
        try:
            packet = registry.decode(frame, VERSION)
        except RemoteProtocolError:
            return frame  # it is the client's to judge
        if not isinstance(packet, packets.ClusterTopologyV3 | packets.ClusterTopologyV4) or packet.primary is None:
            return frame
        params = packet.primary.params | {"host": self._host.strip("[]"), "port": self._port}
        here = replace(packet.primary, params=params)
        changed = replace(packet, primary=here, backup=packet.primary)
        return registry.encode(changed, int.from_bytes(frame[HEAD : HEAD + 8], "big"), VERSION)
