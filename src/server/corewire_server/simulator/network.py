"""
A network that does to streams what networks do.

A stream arrives in order and whole, or its beginning does: late, in other pieces than were written, and its end may be a
reset that each side notices at its own time. A path from one host to another may fall silent in one direction or both: what is
sent meanwhile arrives when it heals, as TCP sends it again, and nobody is told. A dial is *refused* if the host is up and
nobody listens there, and else not answered at all: only the first says anything about the process that should listen.

The end of a process is told to its peers by the kernel, a little later. The end of a machine is told by nobody, until it is up
again and answers what still comes with a reset.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from corewire_server.simulator.world import MS, SECOND, Actor

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from corewire_server.simulator.world import World

READ_BYTES_MAX: Final = 64 * 1024
RETRY_US: Final = SECOND  # how soon the kernel dials again where nothing answered
Address: TypeAlias = tuple[str, int]


class Process(Actor):
    """An actor that has sockets. After it stood still it reads first, then takes what else came."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: dict[End, None] = {}  # in the order in which it came by them

    def go_on(self) -> None:
        self.stopped = False
        for end in list(self.ends):
            end.drain()
        super().go_on()

    def accepted(self, end: End) -> None:
        """Somebody connected to an address that it listens on."""

    def connected(self, end: End) -> None:
        """A dial succeeded."""

    def refused(self, end: End) -> None:
        """A dial was refused. (That it is not answered is not told.)"""

    def received(self, end: End, data: bytes) -> None:
        """Bytes came."""

    def lost(self, end: End) -> None:
        """The stream ended, in whichever way. Not told of ends that it closed itself."""

    def writable(self, end: End) -> None:
        """The other side has read most of what was written, after ``unread`` was above ``limit``."""


@dataclass(frozen=True, slots=True)
class Conduct:
    """How the network behaves all the time, drawn once for a history."""

    delay_us: int = 100  # at least
    jitter_us: int = 100  # at most so much more
    pieces: float = 0.0  # how probable it is that what is written at once arrives in two pieces


class End:
    """One side of a stream. ``owner`` may write, close, and stop reading; it is told the rest."""

    __slots__ = (
        "arrives_at", "broken", "closed", "cut_after", "dropped", "eof", "here", "inbox", "limit", "network", "number", "owner", "peer",
        "port", "reading", "there", "throttled", "undead", "unread",
    )  # fmt: skip

    def __init__(self, network: Network, owner: Process, here: str, there: str, port: int) -> None:
        self.network = network
        self.owner = owner
        self.here = here
        self.there = there
        self.port = port  # that was dialled
        self.number = 0  # for the owner's use
        self.peer: End | None = None
        self.closed = False  # by its owner, or by a loss that the owner was told of
        self.undead = False  # its process is gone, and the kernel has not told anybody yet
        self.broken = False  # what is written on this side vanishes
        self.dropped = False  # what was on its way, too
        self.eof = False  # the stream has ended, and the owner was not told yet
        self.reading = True
        self.inbox: list[bytes] = []
        self.arrives_at = 0  # the last of what was written on this side
        self.cut_after: int | None = None  # bytes that are still written before the stream breaks
        self.unread = 0  # bytes written here that the other side has not read
        self.limit: int | None = None
        self.throttled = False

    # -- what the owner does

    def write(self, data: bytes) -> None:
        """Send bytes. Into a stream that is over they vanish, as the socket would tell the owner later."""
        if self.closed or self.broken or not data:
            return
        if self.cut_after is not None:
            if len(data) > self.cut_after:
                data = data[: self.cut_after]
                self._send(data)
                self.network.reset(self, keep=True)
                return
            self.cut_after -= len(data)
        self._send(data)

    def _send(self, data: bytes) -> None:
        network, peer = self.network, self.peer
        if not data or peer is None:
            return
        self.unread += len(data)
        if network.conduct.pieces and network.rng.random() < network.conduct.pieces and len(data) > 1:
            at = network.rng.randrange(1, len(data))
            network.travel(self, peer.arrive, data[:at])
            data = data[at:]
        network.travel(self, peer.arrive, data)
        if self.limit is not None and self.unread > self.limit:
            self.throttled = True

    def close(self) -> None:
        """Close: what was written still arrives, then the end."""
        if self.closed:
            return
        self.closed = True
        self.inbox.clear()
        self.owner.ends.pop(self, None)
        self.tell_end()

    def tell_end(self) -> None:
        if self.peer is not None and not self.broken:
            self.network.travel(self, self.peer.arrive, None)

    def read(self, *, wanted: bool) -> None:
        """Read, or leave what comes where it is."""
        self.reading = wanted
        if wanted:
            self.drain()

    def put_back(self, data: bytes) -> None:
        """The owner had room for the beginning of what it was given: this lies here still."""
        self.inbox.insert(0, data)
        if self.peer is not None:
            self.peer.unread += len(data)

    def drain(self) -> None:
        """The owner takes what lies here, as much as one read gives at a time."""
        while self.inbox and self.reading and not self.closed and not self.owner.stopped:
            data = b"".join(self.inbox)
            self.inbox.clear()
            if len(data) > READ_BYTES_MAX:
                self.inbox.append(data[READ_BYTES_MAX:])
            self._take(data[:READ_BYTES_MAX])
        if self.eof and self.reading and not self.closed and not self.owner.stopped:
            self._over()

    # -- what the network does

    def arrive(self, data: bytes | None) -> None:
        """Bytes are here, or the end (None)."""
        if self.peer is None or (self.peer.dropped and data is not None):
            return
        if self.closed:
            if data is not None:
                self.network.answer_dead(self)
        elif data is None:
            self.eof = True
            if self.reading and not self.inbox and not self.owner.stopped:
                self._over()
        elif self.inbox or not self.reading or self.owner.stopped:
            self.inbox.append(data)
        else:
            self._take(data)

    def _take(self, data: bytes) -> None:
        peer = self.peer
        assert peer is not None
        peer.unread -= len(data)
        if peer.throttled and peer.unread * 2 <= (peer.limit or 0):
            peer.throttled = False
            if not peer.closed:
                self.network.world.after(self.network.delay(), peer.owner, peer.owner.writable, peer)
        self.owner.received(self, data)

    def _over(self) -> None:
        self.closed = True
        self.owner.ends.pop(self, None)
        self.owner.lost(self)

    def lose(self, _: object = None) -> None:
        """A reset is noticed: what was not read is gone."""
        if not self.closed:
            self.inbox.clear()
            self.eof = True
            if not self.owner.stopped:
                self._over()


class Network:
    """Hosts, who listens there, and the paths between them."""

    def __init__(self, world: World, conduct: Conduct) -> None:
        self.world = world
        self.rng: Random = world.draw_rng()
        self.conduct = conduct
        self.ends: list[End] = []  # of streams, the dialling side
        self._listening: dict[Address, Process] = {}
        self._down: dict[
            str, list[tuple[Callable[[Any], object], Any]]
        ] = {}  # machines without power: what waits for them
        self._silent: dict[tuple[str, str], list[tuple[End, Callable[[Any], object], Any]]] = {}
        self._slow: dict[tuple[str, str], int] = {}

    # -- what processes do

    def listen(self, address: Address, process: Process) -> None:
        """Answer dials to an address from now on."""
        self._listening[address] = process

    def shut(self, address: Address) -> None:
        """Refuse dials to an address from now on."""
        self._listening.pop(address, None)

    def dial(self, process: Process, here: str, address: Address) -> End:
        """Connect. The process is told of success and refusal, of nothing else; it closes the end to give up."""
        end = End(self, process, here, address[0], address[1])
        end.reading = False
        process.ends[end] = None
        self.travel(end, self._dialled, end)
        return end

    def leave(self, process: Process, delay_us: int | None) -> None:
        """
        A process is gone. The kernel closes its sockets ``delay_us`` later, listeners first; None: not at all, for the
        machine has no power.
        """
        process.ended = True
        listeners = [address for address, owner in self._listening.items() if owner is process]
        ends = list(process.ends)
        process.ends.clear()
        for end in ends:
            end.undead = delay_us is not None
            end.closed = True
        if delay_us is None:
            for address in listeners:
                self.shut(address)
        else:
            self.world.after(delay_us, None, self._release, (listeners, process, ends))

    def _release(self, leaving: tuple[list[Address], Process, list[End]]) -> None:
        listeners, process, ends = leaving
        for address in listeners:
            if self._listening.get(address) is process:
                self.shut(address)
        for end in ends:
            if end.undead:
                end.undead = False
                end.tell_end()

    # -- what happens to it

    def power(self, host: str, *, on: bool) -> None:
        """A machine dies, or is up again (and nobody listens there yet)."""
        if not on:
            self._down.setdefault(host, [])
            for path, held in self._silent.items():
                if path[0] == host:  # nobody sends that again
                    held.clear()
            return
        for call, argument in self._down.pop(host, ()):
            self.world.after(self.rng.randrange(RETRY_US), None, call, argument)

    def silence(self, source: str, target: str) -> None:
        """Nothing arrives at ``target`` from ``source`` any more."""
        self._silent.setdefault((source, target), [])

    def slow(self, source: str, target: str, extra_us: int) -> None:
        """What goes from ``source`` to ``target`` takes longer; 0: no longer."""
        if extra_us:
            self._slow[source, target] = extra_us
        else:
            self._slow.pop((source, target), None)

    def heal(self, source: str, target: str) -> None:
        """What was sent meanwhile arrives."""
        for end, call, argument in self._silent.pop((source, target), ()):
            self._travel(end, source, target, call, argument)

    def heal_all(self) -> None:
        """Every path is as it was."""
        self._slow.clear()
        for source, target in list(self._silent):
            self.heal(source, target)

    def keep_alive(self, process: Process) -> None:
        """The kernel of a process asks, after hours, whether its streams still have another side: where one has not, it is lost."""
        for end in process.ends:
            if end.peer is not None and end.peer.closed:
                self.answer_dead(end.peer)

    def living(self) -> list[End]:
        """Streams that are whole, by the side that dialled."""
        self.ends = [end for end in self.ends if not end.closed and not end.broken]
        return self.ends

    def reset(self, end: End, late_us: int = MS, *, keep: bool = False) -> None:
        """
        A stream breaks: each side notices it at its own time, up to ``late_us`` from now. ``keep``: what ``end`` wrote before
        still arrives; else what is on its way does or does not.
        """
        for side, kept in ((end, keep), (end.peer, False)):
            if side is None:
                continue
            side.broken = True
            side.dropped = not kept and self.rng.random() < 0.5
            at = self.world.now if side is end or not keep else end.arrives_at
            self.world.at(at + 1 + self.rng.randrange(late_us), None, side.lose)

    # -- on the way

    def delay(self) -> int:
        """How long a packet takes now."""
        conduct = self.conduct
        return conduct.delay_us + int(self.rng.random() * conduct.jitter_us)

    def travel(self, end: End, call: Callable[[Any], object], argument: Any) -> None:
        """Something goes from ``end`` to the other side, behind what was sent before."""
        self._travel(end, end.here, end.there, call, argument)

    def _travel(self, end: End, source: str, target: str, call: Callable[[Any], object], argument: Any) -> None:
        held = self._silent.get((source, target))
        if held is not None:
            held.append((end, call, argument))
            return
        time = self.world.now + self.delay() + self._slow.get((source, target), 0)
        if time < end.arrives_at:
            time = end.arrives_at
        end.arrives_at = time
        self.world.at(time, None, call, argument)

    def answer_dead(self, end: End) -> None:
        """Bytes came to a socket that is closed: a reset goes back, from a machine that is up."""
        if end.eof or end.undead:  # it went already, or the kernel will tell
            return
        end.eof = True
        if end.here in self._down:
            self._down[end.here].append((self._answer, end))
        else:
            self._answer(end)

    def _answer(self, end: End) -> None:
        if end.peer is not None:
            self.travel(end, end.peer.lose, None)

    def _dialled(self, end: End) -> None:
        """A dial has arrived."""
        if end.closed:
            return
        if end.there in self._down:
            self._down[end.there].append((self._dialled, end))
            return
        process = self._listening.get((end.there, end.port))
        if process is None:
            self._travel(end, end.there, end.here, self._refused, end)
            return
        other = End(self, process, end.there, end.here, end.port)
        other.peer, end.peer = end, other
        other.arrives_at = end.arrives_at
        self.ends.append(end)
        self.travel(other, self._connected, end)
        if process.ended:  # the kernel has not closed its sockets yet, and then tells this one too
            other.closed = other.undead = True
            self.world.after(MS, None, self._release, ([], process, [other]))
        else:
            other.reading = False
            process.ends[other] = None
            _tell(process, _tell_accepted, other)

    def _connected(self, end: End) -> None:
        if not end.closed:
            _tell(end.owner, _tell_connected, end)

    def _refused(self, end: End) -> None:
        if not end.closed:
            _tell(end.owner, _tell_refused, end)


def _tell_refused(end: End) -> None:
    if not end.closed:
        end.closed = True
        end.owner.ends.pop(end, None)
        end.owner.refused(end)


def _tell_connected(end: End) -> None:
    if not end.closed:
        end.reading = True
        end.owner.connected(end)
        end.drain()


def _tell_accepted(end: End) -> None:
    end.reading = True
    end.owner.accepted(end)
    end.drain()


def _tell(process: Process, call: Callable[[End], object], end: End) -> None:
    if process.stopped:
        process.waiting.append((call, end))
    elif not process.ended:
        call(end)
