"""
A node with a peer (``pair.py``), as runtime and simulator see it.

A turn of the driver's loop: ``offer`` what clients said, ``flush``, then ``run`` for some milliseconds while ``pending``. Heart-beats
go out of ``wake``, and must not wait behind more than that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from corewire_server.core.inputs import Input
    from corewire_server.node.orders import Order
    from corewire_server.node.status import Status


class DrivenPair(Protocol):
    """
    Each call that returns orders wants them performed in order, all of them, before the next call.

    ``now``: milliseconds of the node's own clock, wall clock at the start plus steady progress that counts the machine's
    sleep; never less than before, and never before ``Recovered.now``. A node that returned Halt must not be called again. Connections of
    the replication link have numbers: accepted ones even, as the driver counts them, dials odd, as the node does.
    """

    @property
    def congested(self) -> bool:
        """Whether no client should be read: too much waits for the disk, the backup or the core."""
        ...

    @property
    def idle(self) -> bool:
        """Whether nothing is held back and nothing waits for disk or backup; after ``stop``: whether the node has ended."""
        ...

    @property
    def pending(self) -> bool:
        """Whether inputs wait to be executed: ``run`` should be called soon."""
        ...

    @property
    def serving(self) -> bool:
        """Whether clients may be links of this node."""
        ...

    @property
    def epoch(self) -> int:
        """Of the service that this node gives or follows; 0: none yet."""
        ...

    @property
    def node_id(self) -> str:
        """The UUID of this broker, as clients see it; "" while a joining node does not know it."""
        ...

    def new_link(self) -> int:
        """The number for a client that was accepted while this node serves."""
        ...

    def next_timeout(self) -> int | None:
        """When ``wake`` wants to be called, on the clock of ``now``."""
        ...

    def status(self, now: int) -> Status:
        """How it stands, for people."""
        ...

    def begin(self, now: int) -> list[Order]:
        """Start, before anything else."""
        ...

    def step(self, now: int, item: Input) -> list[Order]:
        """Number one input of a client, hand it on and execute it. Inputs of a node that does not serve are dropped."""
        ...

    def offer(self, now: int, item: Input) -> None:
        """Number one input, without executing it: it waits for ``flush`` and ``run``."""
        ...

    def flush(self) -> list[Order]:
        """Hand what was offered to the backup, but for what may wait for company: to be performed before ``run``."""
        ...

    def run(self, now: int, limit: int = 1 << 30) -> list[Order]:
        """Execute at most ``limit`` of the inputs that wait: a primary's own, or those that a backup received."""
        ...

    def wake(self, now: int) -> list[Order]:
        """The time that ``next_timeout`` named has come (or nearly so: harmless)."""
        ...

    def disk_done(self, now: int, ticket: int, data: bytes = b"") -> list[Order]:
        """All of a DiskJob was done; ``data`` is what it read."""
        ...

    def disk_full(self, now: int, ticket: int) -> list[Order]:
        """The Fill of a DiskJob found no room."""
        ...

    def disk_failed(self, now: int, reason: str) -> list[Order]:
        """A DiskJob failed."""
        ...

    def stop(self, now: int) -> list[Order]:
        """
        The orderly end: ``idle`` says when it is over.

        With a backup in step it takes the node's place: it is given time to acknowledge what is out, then the gate is shut for
        good. Without one the driver has said goodbye to clients before (``Stopping``). It goes on with ``wake``, ``peer_*`` and
        ``disk_*`` until ``idle``, and closes the listener of the replication link only then: who is refused there may serve.
        """
        ...

    led: int
    """How many clients were led to the primary: the driver counts them, the node tells people."""

    def proven(self, conn: int) -> bool:
        """Whether a connection that was accepted has shown who it is: others may be ended when there are too many."""
        ...

    def peer_accepted(self, now: int, conn: int, loopback: bool) -> list[Order]:
        """Somebody connected to the replication link. ``conn``: 2, 4, 6, ... as the driver counts; ``loopback``: from this machine."""
        ...

    def peer_connected(self, now: int, conn: int, loopback: bool) -> list[Order]:
        """A DialPeer succeeded; ``loopback``: the peer is on this machine."""
        ...

    def peer_refused(self, now: int, conn: int) -> list[Order]:
        """A DialPeer was answered by ECONNREFUSED, and nothing else: the only proof that nobody listens there."""
        ...

    def peer_failed(self, now: int, conn: int) -> list[Order]:
        """A DialPeer failed in any other way. Dials and answers that take too long the node times out itself."""
        ...

    def peer_data(self, now: int, conn: int, data: bytes) -> list[Order]:
        """Bytes of a connection. Those of a connection that the node has closed are dropped."""
        ...

    def peer_closed(self, now: int, conn: int) -> list[Order]:
        """The other side ended a connection, or it broke. Not to be told after ClosePeer, harmless if it is."""
        ...
