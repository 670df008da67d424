"""
What a led client is told of the pair: that the primary is the one to go to if this node is gone.

The primary tells everybody that it is the live node and this one its backup. Of that a Java client keeps a second address for a
connection only if the connection is to the live node. One that came in here would know nothing but this node, and if it dies dial
it for ever, with its calls timing out, though the primary serves. So it is told first that the two have changed places, and, as
soon as it has a session and so has taken that to heart, the truth: further connections should go to the primary at once. Should the
primary die, the client comes back to this node, which then serves it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from corewire.errors import RemoteProtocolError
from corewire.wire import packets, registry
from corewire.wire.framing import LENGTH_SIZE
from corewire.wire.versions import VERSION

HEAD: Final = LENGTH_SIZE + 1  # of a frame: its length and its type
FRAME_BYTES_MAX: Final = 64 * 1024  # of a topology; a larger one passes as it is
TOPOLOGIES: Final = frozenset(kind.TYPE & 0xFF for kind in (packets.ClusterTopologyV3, packets.ClusterTopologyV4))
SETTLED: Final = frozenset((packets.CreateSessionResponse.TYPE, packets.ReattachSessionResponse.TYPE))


class Leading:
    """The words of the primary to one led client. ``here``: "host:port" of this node for clients, "": nothing is changed."""

    def __init__(self, here: str) -> None:
        self._host, _, self._port = here.rpartition(":")
        self._held = b""  # the head of a frame, or a topology that is not whole yet
        self._skip = 0  # bytes of a frame that pass as they are
        self._truth = b""  # a topology that is told later
        self._settled = False  # it has a session

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
                out.append(data[at:end])
                at = end
                continue
            if len(data) - at < HEAD:
                break
            size = LENGTH_SIZE + int.from_bytes(data[at : at + LENGTH_SIZE], "big")
            kind = data[at + LENGTH_SIZE]
            if kind in TOPOLOGIES and size <= FRAME_BYTES_MAX:
                if len(data) - at < size:
                    break
                out.append(self._told(data[at : at + size]))
                at += size
                continue
            if kind in SETTLED:
                self._settled = True
                out.append(self._truth)
                self._truth = b""
            self._skip = max(size, HEAD)
        self._held = data[at:]
        return b"".join(out)

    def _told(self, frame: bytes) -> bytes:
        """What is to be said instead of a topology."""
        try:
            packet = registry.decode(frame, VERSION)
        except RemoteProtocolError:
            return frame  # it is the client's to judge
        if not isinstance(packet, packets.ClusterTopologyV3 | packets.ClusterTopologyV4) or packet.primary is None:
            return frame
        params = packet.primary.params | {"host": self._host.strip("[]"), "port": self._port}
        changed = replace(
            packet,
            unique_event_id=packet.unique_event_id - 1,  # only what is newer counts, and the truth comes behind it
            primary=replace(packet.primary, params=params),
            backup=packet.primary,
        )
        first = registry.encode(changed, int.from_bytes(frame[HEAD : HEAD + 8], "big"), VERSION)
        if self._settled:
            return first + frame
        self._truth = frame
        return first
