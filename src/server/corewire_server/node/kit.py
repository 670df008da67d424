"""What the parts of a node with a peer share: settings, gate, journal, connections, and the orders that gather in a call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from corewire_server.core.effects import Log
from corewire_server.node.orders import Door, SetDoor
from corewire_server.replication.link import encode

if TYPE_CHECKING:
    from corewire_server.node.cores import Cores
    from corewire_server.node.gate import Gate
    from corewire_server.node.keeping import Keeper
    from corewire_server.node.orders import Order
    from corewire_server.node.peers import Peers
    from corewire_server.node.settings import PairSettings
    from corewire_server.replication.link import Frame

DIGEST_STEPS: Final = 100
"""Primary and backup compare their effects at every so-many-th input."""

STOOD_STILL_MS: Final = 500
"""Without being called for so long, a node takes it that its process did not run."""

GRACE_MS: Final = 200
"""And then gives what was sent to it meanwhile so long to be read, before it calls the other silent."""


@dataclass(slots=True)
class Kit:
    """One for the life of a node."""

    settings: PairSettings
    cores: Cores
    gate: Gate
    keeper: Keeper
    peers: Peers
    out: list[Order]
    incarnation: bytes
    door: SetDoor | None = None  # as it was ordered last

    def log(self, level: str, text: str) -> None:
        """One line for people."""
        self.out.append(Log(level, text))

    def set_door(self, door: Door, target: str = "") -> None:
        """Say what becomes of clients, if that is new."""
        if self.door is None or self.door.door is not door or self.door.target != target:
            self.door = SetDoor(door, target)
            self.out.append(self.door)

    def send(self, link: int, *frames: Frame) -> None:
        """Write frames to the link."""
        if frames:
            self.peers.send(link, b"".join(map(encode, frames)))

    def release(self) -> None:
        """Let out what the gate need not hold any more."""
        self.out += self.gate.release()

    def next_job(self, now: int) -> None:
        """Give the disk something to do, if it has nothing and something waits."""
        if self.keeper.due(now):
            self.out += self.keeper.next_job(now)
