"""
The step loop of a node with a peer.

What clients say in one turn of the event loop is one batch: numbered, handed to the backup, and only then executed; so the other
node has the inputs under way while this one is still busy with them (but for a batch that is likely to show nothing: ``company.py``). Executing is done in slices of some milliseconds a turn:
heart-beats, acknowledgements and everybody's reads come between them, however much waits.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final, assert_never

from corewire_server.node.orders import ClosePeer, DialPeer, SendPeer
from corewire_server.node.stopping import STOP_S, VISIT_S, Part, parts
from corewire_server.runtime.loop import TurnLoop
from corewire_server.runtime.peer import PeerConnection, Peers
from corewire_server.runtime.server import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from corewire_server.core.inputs import Input
    from corewire_server.node.driven import DrivenPair
    from corewire_server.node.orders import Order
    from corewire_server.node.status import Status
    from corewire_server.runtime.clock import Clock
    from corewire_server.runtime.files import Folder

log = logging.getLogger("corewire.broker")

SLICE_S: Final = 0.005  # of executing, in one turn of the loop
INPUTS_MAX: Final = 64  # executed at once, while they are quick


class PairServer(Server):
    """Sockets, timer and orders of one node with a peer. ``peer``: host and port of the other's replication link."""

    def __init__(
        self,
        node: DrivenPair,
        clock: Clock,
        folder: Folder | None,
        failed: Callable[[str], None],
        peer: tuple[str, int],
        connection: Callable[[int, Peers], PeerConnection] = PeerConnection,
    ) -> None:
        super().__init__(node, clock, 0, folder, failed, patient=True)
        self._pair = node
        self.peers = Peers(node, self, peer, connection)
        self._inputs = 1  # executed at once: as many as a slice has room for
        self._draining = False
        self._turn = self.loop.turn if isinstance(self.loop, TurnLoop) else None

    # -- steps

    def offer(self, item: Input) -> None:
        """One input of a client: part of this turn's batch."""
        if self._halted:
            return
        try:
            self._pair.offer(self._clock.now(), item)
        except Exception as error:
            log.exception("the node stops")
            self._halt(f"{type(error).__name__}: {error}")
        self._drain_soon()

    def read(self, item: Input) -> None:
        """One input of a client: a batch of its own, if no other socket is read in this turn."""
        alone = self._turn is not None and self._turn.ready == 1 and not self._draining
        self._draining = self._draining or alone
        self.offer(item)
        if alone:
            self._drain()

    def _drain(self) -> None:
        """Hand on what was offered, then execute it for the length of a slice; the rest in the next turn."""
        self._draining = True
        began = time.perf_counter()
        end = began + SLICE_S
        self.tell(self._hand_on_and_run, self._inputs)
        waits = not self._halted
        while waits:
            now = time.perf_counter()
            if now - began > SLICE_S / 2:
                self._inputs = max(1, int(self._inputs * SLICE_S / 2 / (now - began)))
            else:
                self._inputs = min(2 * self._inputs, INPUTS_MAX)
            waits = self._pair.pending and not self._halted
            if not waits or now >= end:
                break
            began = now
            self.tell(self._pair.run, self._inputs)
        self._draining = False
        if waits:
            self._drain_soon()

    def _hand_on_and_run(self, now: int, limit: int) -> list[Order]:
        """The backup has the batch under way before this node executes it."""
        self._carry_out(self._pair.flush())
        return [] if self._halted else self._pair.run(now, limit)

    def _drain_soon(self) -> None:
        """In the next turn of the loop: behind all reads of this one."""
        if not self._draining and not self._halted:
            self._draining = True
            self.loop.call_soon(self._drain)

    def _perform(self, orders: Sequence[Order]) -> None:
        super()._perform(orders)
        self._pair.led = self.door.keeper.led
        if self._pair.pending and not (self._draining or self._halted):  # a backup has received inputs, all there are
            self._drain()
        self._changed.set()

    def _order_peers(self, order: DialPeer | SendPeer | ClosePeer) -> None:
        match order:
            case DialPeer(conn):
                self.peers.dial(conn)
            case SendPeer(conn, data):
                self.peers.send(conn, data)
            case ClosePeer(conn):
                self.peers.hang_up(conn)

    def _new_link(self) -> int:
        return self._pair.new_link()

    def look(self) -> None:
        """Have who waits look again: time alone may be what they wait for."""
        self._changed.set()

    # -- begin and end

    def status(self) -> Status:
        """How the node stands."""
        return self._pair.status(self._clock.now())

    async def close(self, graceful_s: float) -> None:
        """Stop in order."""
        visits = self.peers.visits
        order = parts(serving=self._pair.serving, in_step=self.status().in_step)
        self.door.close()
        for part in order:
            match part:
                case Part.GOODBYE:
                    await self._say_goodbye(graceful_s)
                    self._timeless = False  # the peer still wants to hear of it
                case Part.STOP:
                    self.tell(self._pair.stop)
                    await self.until(lambda: self._halted or self._pair.idle, STOP_S)
                case Part.VISIT:
                    await self.until(lambda: self._halted or self.peers.visits > visits, VISIT_S)
                case Part.END:
                    self._drop_links()
                    self.peers.close()
                case _:
                    assert_never(part)

    def _halt(self, reason: str) -> None:
        super()._halt(reason)
        self.peers.abort()
        self._changed.set()

    def release(self) -> None:
        """Last of all, also of a node that had to stop at once."""
        self.peers.abort()
        super().release()
