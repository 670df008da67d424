"""The clients' door over the invented network: streams for the `Doorkeeper`, which decides what becomes of whoever comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire_server.node.doorkeeper import Doorkeeper, Early
from corewire_server.simulator.node import CLIENT_PORT
from corewire_server.simulator.world import SECOND

if TYPE_CHECKING:
    from corewire_server.node.orders import Door
    from corewire_server.simulator.network import End
    from corewire_server.simulator.pair import PairProcess


class Stream:
    """One end of the network at the door."""

    def __init__(self, door: ClientDoor, end: End) -> None:
        self.door = door
        self.end = end
        self._full = False
        end.limit = door.process.machine.hardware.write_limit_bytes
        door.streams[end] = self

    # -- what the network calls

    def received(self, data: bytes) -> None:
        """Bytes came."""
        raise NotImplementedError

    def lost(self) -> None:
        """It has ended."""
        raise NotImplementedError

    def fill(self, *, full: bool) -> None:
        """The other side does not read, or does again."""
        if self._full is not full and self.end in self.door.streams:
            self._full = full
            self.told(full=full)

    def told(self, *, full: bool) -> None:
        """Have the doorkeeper know."""
        raise NotImplementedError

    # -- what the doorkeeper calls

    def write(self, data: bytes, /) -> None:
        """Send."""
        self.end.write(data)
        if self.end.throttled:
            self.fill(full=True)

    def read(self, *, wanted: bool) -> None:
        """Read it, or leave what comes where it is. What lies there is read a little later, as a socket is."""
        if wanted and not self.end.reading:
            self.door.process.world.after(0, self.door.process, self._drain)
        self.end.reading = wanted

    def _drain(self, _: object) -> None:
        self.end.drain()

    def abort(self) -> None:
        """End it now."""
        self.door.streams.pop(self.end, None)
        self.end.close()


class Visitor(Stream):
    """A client that nobody serves yet."""

    def __init__(self, door: ClientDoor, end: End) -> None:
        super().__init__(door, end)
        self.early = Early(door.keeper, self)
        self._timers = 0

    def received(self, data: bytes) -> None:
        room = self.early.room
        if len(data) > room:  # a socket would have been asked for no more
            self.end.put_back(data[room:])
        self.early.said(data[:room])

    def lost(self) -> None:
        self.early.ended()

    def told(self, *, full: bool) -> None:
        self.early.client_full(full=full)

    def dial(self, target: str, /) -> Onward:
        """Connect to the primary."""
        return Onward(self, target)

    def wait(self, seconds: float, /) -> None:
        """Tell when so much time is over."""
        self._timers += 1
        self.door.process.world.after(int(seconds * SECOND), self.door.process, self._rang, self._timers)

    def _rang(self, timer: int) -> None:
        if timer == self._timers:
            self.early.rang()

    def serve(self, held: bytes, /) -> None:
        """It is a link from now on."""
        del self.door.streams[self.end]
        self.end.reading = True
        self.door.process.serve(self.end, held)
        self._drain(None)

    def close(self) -> None:
        """End it when what was written is out: the network sees to that."""
        self.abort()
        self.early.ended()


class Onward(Stream):
    """A client's way to the primary, and the dial for it."""

    def __init__(self, visitor: Visitor, target: str) -> None:
        process = visitor.door.process
        host, _, port = target.rpartition(":")
        super().__init__(visitor.door, process.machine.network.dial(process, process.machine.name, (host, int(port))))
        self._early = visitor.early

    def connected(self) -> None:
        """The dial got through."""
        self.door.process.world.observer.probe("client led")
        self._early.reached()

    def refused(self) -> None:
        """It did not."""
        self._early.unreachable()

    def received(self, data: bytes) -> None:
        self._early.answer(data)

    def lost(self) -> None:
        self._early.lost()

    def told(self, *, full: bool) -> None:
        self._early.onward_full(full=full)


class ClientDoor:
    """The address at which clients come in. ``here``: its name, as the primary tells clients of it."""

    def __init__(self, process: PairProcess, here: str) -> None:
        self.process = process
        self.streams: dict[End, Stream] = {}
        self.keeper = Doorkeeper(self._listen)
        self.keeper.here = here

    def set(self, door: Door, target: str) -> None:
        """What becomes of clients from now on."""
        self.keeper.set(door, target)

    def close(self) -> None:
        """Nobody comes any more, and who waits is sent away."""
        self.keeper.close()

    def _listen(self, wanted: bool) -> None:
        machine = self.process.machine
        if wanted:
            machine.network.listen((machine.name, CLIENT_PORT), self.process)
        else:
            machine.network.shut((machine.name, CLIENT_PORT))

    # -- what the network tells. Each returns whether the end is one of the door's.

    def accepted(self, end: End) -> None:
        """A client has connected."""
        Visitor(self, end).early.came()

    def connected(self, end: End) -> bool:
        """A dial got through."""
        stream = self.streams.get(end)
        if isinstance(stream, Onward):
            stream.connected()
        return stream is not None

    def refused(self, end: End) -> bool:
        """A dial was refused."""
        stream = self.streams.pop(end, None)
        if isinstance(stream, Onward):
            stream.refused()
        return stream is not None

    def received(self, end: End, data: bytes) -> bool:
        """Bytes came."""
        stream = self.streams.get(end)
        if stream is not None:
            stream.received(data)
        return stream is not None

    def lost(self, end: End) -> bool:
        """A client left, or the primary dropped it."""
        stream = self.streams.pop(end, None)
        if stream is not None:
            stream.lost()
        return stream is not None

    def writable(self, end: End) -> bool:
        """The other side reads again."""
        stream = self.streams.get(end)
        if stream is not None:
            stream.fill(full=False)
        return stream is not None
