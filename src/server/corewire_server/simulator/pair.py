"""
The processes of nodes with a peer.

Beside its clients such a node has connections to the other one, a door that is not always open, and a step loop: what clients
say in one turn is numbered and handed to the backup, and executed a little later, in slices.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from corewire_server.core.effects import SendBytes
from corewire_server.core.inputs import BytesReceived, Stopping
from corewire_server.ha.roles import Waits
from corewire_server.node.orders import ClosePeer, DialPeer, DropLinks, SendPeer, SetDoor
from corewire_server.node.pair import PairNode
from corewire_server.node.stopping import STOP_S, VISIT_S, Part, parts
from corewire_server.simulator.door import ClientDoor
from corewire_server.simulator.node import NodeProcess
from corewire_server.simulator.world import SECOND

if TYPE_CHECKING:
    from corewire_server.core.inputs import Input
    from corewire_server.journal.recovery import Recovered
    from corewire_server.node.orders import Order
    from corewire_server.node.settings import PairSettings
    from corewire_server.simulator.machine import Machine
    from corewire_server.simulator.network import Address, End
    from corewire_server.simulator.watch import WatchedCores

LINK_PORT: Final = 61716


class PairProcess(NodeProcess[PairNode]):
    """A process of a node with a peer. ``peer``: where the other's replication link listens."""

    joins = True

    def __init__(self, machine: Machine, settings: PairSettings, peer: Address) -> None:
        super().__init__(machine)
        self._settings = settings
        self.gate = settings.gate
        self._peer = peer
        self._conns: dict[int, End] = {}
        self._numbers: dict[End, int] = {}
        self._last_accepted = 0
        self._door = ClientDoor(self, settings.client_address)
        self._turning = False
        self._parts: list[Part] = []  # of the orderly stop, the one that it is at first; none: it was not told to
        self._visits = 0  # accepted connections that have ended, since it was told to

    def _begin(self, recovered: Recovered, cores: WatchedCores) -> list[Order]:
        self.node = PairNode(self._settings, cores, recovered, self.machine.journal, entropy=self.machine.rng.randbytes)
        self.machine.network.listen((self.machine.name, LINK_PORT), self)
        return self.node.begin(self.now())

    @property
    def epoch(self) -> int:
        return self.node.epoch

    @property
    def whole(self) -> bool:
        return not self.ended and self.node.status(self.now()).in_step

    @property
    def kept(self) -> bool:
        """Whether all that it has taken is executed, and on its disk."""
        return self.ended or (self.node._keeper.idle and not self.node.pending)

    @property
    def in_the_critical_moment(self) -> bool:
        """Whether answers wait for a backup that was not told yet that it is in step."""
        serving = self.node._serving
        return serving is not None and serving.waits in (Waits.CRITICAL, Waits.PLACED)

    # -- sockets

    def accepted(self, end: End) -> None:
        if end.port == LINK_PORT:
            self._last_accepted += 2
            self._open_conn(self._last_accepted, end)
            self.perform(self.node.peer_accepted(self.now(), self._last_accepted, loopback=False))
        else:
            self._door.accepted(end)

    def _open_conn(self, conn: int, end: End) -> None:
        self._conns[conn] = end
        self._numbers[end] = conn

    def serve(self, end: End, held: bytes) -> None:
        """A client is a link of this node; ``held`` is what it has said so far."""
        self.open_link(self.node.new_link(), end)
        if held:
            self.offer(BytesReceived(end.number, held))

    def connected(self, end: End) -> None:
        if self._door.connected(end):
            return
        conn = self._numbers.get(end)
        if conn is not None:
            self.perform(self.node.peer_connected(self.now(), conn, loopback=False))

    def refused(self, end: End) -> None:
        if self._door.refused(end):
            return
        conn = self._forget(end)
        if conn is not None:
            self.perform(self.node.peer_refused(self.now(), conn))

    def _forget(self, end: End) -> int | None:
        conn = self._numbers.pop(end, None)
        if conn is not None:
            del self._conns[conn]
            self._visits += conn % 2 == 0
        return conn

    def received(self, end: End, data: bytes) -> None:
        conn = self._numbers.get(end)
        if conn is not None:
            orders = self.node.peer_data(self.now(), conn, data)
            self._learn()
            self.perform(orders)
        elif not self._door.received(end, data):
            super().received(end, data)

    def lost(self, end: End) -> None:
        conn = self._forget(end)
        if conn is not None:
            self.perform(self.node.peer_closed(self.now(), conn))
        elif not self._door.lost(end):
            super().lost(end)

    def writable(self, end: End) -> None:
        if not self._door.writable(end):
            super().writable(end)

    def _learn(self) -> None:
        """What came may have been the end of a snapshot."""
        cores = self.cores
        if cores is not None and cores.newest is not None and cores.newest.number is None:
            cores.learn(self.node.status(self.now()).executed)

    # -- the step loop

    def offer(self, item: Input) -> None:
        if not self.ended:
            self.node.offer(self.now(), item)
            self._go_on()

    def _go_on(self) -> None:
        if not self._turning and not self.ended:
            self._turning = True
            self.world.after(self.machine.hardware.turn_us, self, self._hand_on)

    def _hand_on(self, _: object) -> None:
        self.perform(self.node.flush())
        self.world.after(self.machine.hardware.turn_us, self, self._execute)

    def _execute(self, _: object) -> None:
        self._turning = False
        self.perform(self.node.run(self.now(), 1 + self.machine.rng.randrange(8)))

    # -- orders

    def perform_other(self, order: Order) -> None:
        match order:
            case DialPeer(conn):
                end = self.machine.network.dial(self, self.machine.name, self._peer)
                self._conns[conn] = end
                self._numbers[end] = conn
            case SendPeer(conn, data):
                if conn in self._conns:
                    self._conns[conn].write(data)
            case ClosePeer(conn):
                if conn in self._conns:
                    end = self._conns[conn]
                    self._forget(end)
                    end.close()
            case SetDoor(door, target):
                self._door.set(door, target)
            case DropLinks():
                self.drop_links()
            case _:
                raise AssertionError(order)

    def perform(self, orders: list[Order]) -> None:
        """
        To serve is to be able to show something: a node whose claim is not on disk yet has shown nothing, and may claim the
        same epoch again when it is killed now.
        """
        shows = self.node.idle or any(isinstance(order, SendBytes) for order in orders)
        if self.node.serving and not self.serving and shows:
            self.start_serving(self.epoch)
        super().perform(orders)
        if not self.node.serving:
            self.stop_serving()

    def follow(self) -> None:
        if self.node.pending:
            self._go_on()
        if self._parts and (self._visits > 0 if self._parts[0] is Part.VISIT else self.node.idle):
            self._next_part()

    def stop_in_order(self) -> None:
        if self._parts:
            return
        order = parts(serving=self.node.serving, in_step=self.whole)
        self._visits = 0
        self._door.close()
        self._at(list(order))

    def _at(self, order: list[Part]) -> None:
        """Do a part of the orderly stop; when it is over, the next."""
        part, self._parts = order[0], []
        if part is Part.END:
            self.drop_links()
            self.machine.exited("stopped in order")
            return
        if part is Part.GOODBYE:
            self.offer(Stopping())
            self.perform(self.node.flush())
            self.perform(self.node.run(self.now()))
        elif part is Part.STOP:
            self.perform(self.node.stop(self.now()))
        if self.ended:
            return
        self._parts = order
        self.world.after(int((VISIT_S if part is Part.VISIT else STOP_S) * SECOND), self, self._too_long, part)
        self.follow()

    def _too_long(self, part: Part) -> None:
        if self._parts[0] is part:
            self._next_part()

    def _next_part(self) -> None:
        if self._parts[0] is Part.GOODBYE:
            self.drop_links()  # what was written still arrives
        self._at(self._parts[1:])
