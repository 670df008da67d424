"""A broker that lies once: between a client and an honest one, one frame of one type is not passed on as it was said."""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass
from select import select
from typing import TYPE_CHECKING, TypeAlias

from corewire.wire import packets
from corewire.wire.framing import FrameReader

if TYPE_CHECKING:
    from collections.abc import Callable

    from corewire.wire import registry

Change: TypeAlias = "Callable[[bytes], bytes]"

#: Of each answer that a client gets in a usual talk, one.
ANSWERS = (
    *(packets.ClusterTopologyV4, packets.CreateSessionResponse, packets.SessionQueueQueryResponseV3),
    *(packets.SessionBindingQueryResponseV5, packets.SessionReceiveMessage, packets.SessionProducerCredits),
    *(packets.NullResponse, packets.PacketsConfirmed),
)
PLACES = (0, 9, 13, 14, 15, 17, 18, 22, 30, 40)  # sizes, channels, correlations, confirmations, and what follows
CLAIMS = (2**31 - 1, -1, 3)


@dataclass(frozen=True, slots=True)
class Lie:
    """What becomes of the first frame of a type."""

    packet: type[registry.Packet]
    change: Change
    name: str


def lies_of(packet: type[registry.Packet]) -> list[Lie]:
    """All that is said instead of this packet."""
    claims = [Lie(packet, _claim(at, claim), f"{claim} at {at}") for at in PLACES for claim in CLAIMS]
    return [
        *claims,
        Lie(packet, lambda frame: frame * 2, "twice"),
        Lie(packet, lambda frame: b"", "not at all"),
        Lie(packet, lambda frame: (len(frame) - 6).to_bytes(4, "big") + frame[4:-2], "not to its end"),
        Lie(packet, lambda frame: frame[:4] + b"\x7f" + frame[5:], "of no type"),
    ]


def _claim(at: int, claim: int) -> Change:
    def change(frame: bytes) -> bytes:
        return frame[:at] + claim.to_bytes(4, "big", signed=True) + frame[at + 4 :] if at + 4 <= len(frame) else frame

    return change


class LyingBroker:
    """``port`` is where it is found; a context manager."""

    def __init__(self, port: int, lie: Lie | None) -> None:
        """``port``: of an honest one. ``lie``: None says everything as it is."""
        self._target, self._lie = port, lie
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self) -> LyingBroker:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # closing alone does not wake who accepts
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # it is closed
                return
            broker = socket.create_connection(("127.0.0.1", self._target))
            threading.Thread(target=self._pump, args=(client, broker), daemon=True).start()

    def _pump(self, client: socket.socket, broker: socket.socket) -> None:
        reader = FrameReader()
        with client, broker:
            try:
                while True:
                    for ready in select([client, broker], [], [])[0]:
                        data = ready.recv(65536)
                        if not data:
                            return
                        if ready is client:
                            broker.sendall(data)
                        else:
                            client.sendall(b"".join(map(self._told, reader.feed(data))))
            except OSError:  # one of them was reset; the other learns of it
                return

    def _told(self, frame: bytes) -> bytes:
        lie = self._lie
        if lie is None or frame[4] != lie.packet.TYPE & 0xFF:
            return frame
        self._lie = None
        return lie.change(frame)
