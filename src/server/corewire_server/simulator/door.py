"""
The clients' door of a node with a peer: refused, led to the primary, or served.

It does over the invented network what the runtime's does over sockets: who comes before the node serves is led to the
primary, or held with all that he has said while nobody has answered him, and served from his first byte when the node serves.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from corewire_server.node.orders import Door
from corewire_server.simulator.node import CLIENT_PORT
from corewire_server.simulator.world import MS, SECOND

if TYPE_CHECKING:
    from corewire_server.simulator.network import End
    from corewire_server.simulator.pair import PairProcess

RETRY_US: Final = 100 * MS  # from one try to reach the primary to the next
REACH_US: Final = SECOND  # how long one try may take
LOSSES_MAX: Final = 2  # so often the primary may drop a client without a word: then it means that client


@dataclass(slots=True, eq=False)
class Early:
    """A client that came before this node serves."""

    end: End
    held: list[bytes] = field(default_factory=list[bytes])  # all that it has said, while nobody has answered
    onward: End | None = None  # on its way to the primary, or there
    reached: bool = False
    answered: bool = False
    losses: int = 0


class ClientDoor:
    """Who came early, and what becomes of whoever comes."""

    def __init__(self, process: PairProcess) -> None:
        self._process = process
        self._network = process.machine.network
        self._address = (process.machine.name, CLIENT_PORT)
        self._by_end: dict[End, Early] = {}
        self._by_onward: dict[End, Early] = {}
        self.door = Door.CLOSED
        self.target = ""
        self._ended = False

    def set(self, door: Door, target: str) -> None:
        """What becomes of clients from now on."""
        if self._ended:
            return
        self.door, self.target = door, target
        if door is Door.CLOSED:
            self._network.shut(self._address)
        else:
            self._network.listen(self._address, self._process)
        if door is Door.LEAD:
            return
        for early in list(self._by_end.values()):
            if not early.answered:
                self._came(early)

    def close(self) -> None:
        """Nobody comes any more, and who waits is sent away."""
        self.set(Door.CLOSED, "")
        self._ended = True
        for early in list(self._by_end.values()):
            self._forget(early)
            early.end.close()

    def accepted(self, end: End) -> None:
        """A client has connected."""
        early = self._by_end[end] = Early(end)
        self._came(early)

    def _came(self, early: Early) -> None:
        match self.door:
            case Door.SERVE:
                self._forget(early)
                self._process.serve(early.end, b"".join(early.held))
            case Door.LEAD:
                self._lead(early)
            case Door.CLOSED:
                self._forget(early)
                early.end.close()

    def _forget(self, early: Early) -> None:
        self._by_end.pop(early.end, None)
        if early.onward is not None:
            self._by_onward.pop(early.onward, None)
            early.onward.close()
            early.onward = None

    # -- led

    def _lead(self, early: Early) -> None:
        if self._by_end.get(early.end) is not early or early.onward is not None or self.door is not Door.LEAD:
            return
        host, _, port = self.target.rpartition(":")
        early.reached = False
        early.onward = self._network.dial(self._process, self._address[0], (host, int(port)))
        self._by_onward[early.onward] = early
        self._process.world.after(REACH_US, self._process, self._too_long, early.onward)

    def _too_long(self, onward: End) -> None:
        early = self._by_onward.get(onward)
        if early is not None and not early.reached:
            onward.close()
            self.refused(onward)

    def connected(self, onward: End) -> bool:
        """A dial got through. Returns whether it was one of the door's."""
        early = self._by_onward.get(onward)
        if early is None:
            return False
        early.reached = True
        self._process.world.observer.probe("client led")
        onward.write(b"".join(early.held))
        return True

    def refused(self, onward: End) -> bool:
        """The primary cannot be reached: again, a little later."""
        early = self._by_onward.pop(onward, None)
        if early is None:
            return False
        early.onward = None
        self._process.world.after(RETRY_US, self._process, self._lead, early)
        return True

    def received(self, end: End, data: bytes) -> bool:
        """Bytes of an early client, or for one. Returns whether it was so."""
        early = self._by_end.get(end)
        if early is not None:
            if not early.answered:
                early.held.append(data)
            if early.onward is not None and early.reached:
                early.onward.write(data)
            return True
        early = self._by_onward.get(end)
        if early is None:
            return False
        early.answered = True
        early.held.clear()
        early.end.write(data)
        return True

    def lost(self, end: End) -> bool:
        """A client left, or the primary dropped it."""
        early = self._by_end.get(end)
        if early is not None:
            self._forget(early)
            return True
        early = self._by_onward.pop(end, None)
        if early is None:
            return False
        early.onward = None
        early.losses += 1
        if early.answered or early.losses >= LOSSES_MAX:
            self._forget(early)
            early.end.close()
        else:
            self._came(early)
        return True
