"""One node of a pair on the current event loop: a service that asks its peer before it serves."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Final

from corewire_server.config import address
from corewire_server.core.broker import Broker, Restorer
from corewire_server.journal.recovery import Recovered
from corewire_server.node.pair import PairNode
from corewire_server.runtime.clock import Clock
from corewire_server.runtime.listening import Depth
from corewire_server.runtime.pair_server import PairServer
from corewire_server.runtime.peer import PeerConnection
from corewire_server.runtime.service import NodeFailed, NodeState, Service, listen, recovered_from

if TYPE_CHECKING:
    from corewire_server.config import BrokerConfig
    from corewire_server.node.cores import Cores
    from corewire_server.node.driven import DrivenPair
    from corewire_server.node.settings import PairSettings
    from corewire_server.node.status import Status
    from corewire_server.runtime.listening import Listener
    from corewire_server.runtime.peer import Peers

UNKNOWN_HOSTS: Final = ("0.0.0.0", "::", "")  # noqa: S104  they are what is asked for: nobody can connect to them
JOIN_S: Final = 30.0  # a node that joins longer than this stands there as joining
PATIENCE_S: Final = 0.5  # beyond what a start takes anyhow: a node that still waits then stands there as waiting


class BrokerCores:
    """Makes cores with the configuration of this node."""

    def __init__(self, config: BrokerConfig) -> None:
        self._config = config

    def make(self, seed: bytes) -> Broker:
        """An empty one."""
        return Broker(self._config.for_core(seed))

    def restorer(self, seed: bytes) -> Restorer:
        """For a snapshot of a core with that seed."""
        return Restorer(self._config.for_core(seed))


class PairService(Service):
    """
    A node with a peer. It is ready when it serves, when it is in step with the one that serves, or when it is clear that it has
    to wait for its peer.

    ``settings``, ``cores`` and ``connection`` may be others in a subclass: how a test makes a node worse than it is.
    """

    def __init__(self, config: BrokerConfig) -> None:
        super().__init__(config)
        self._pair_server: PairServer | None = None
        self._link: Listener | None = None
        self._patience_s = 0.0

    # -- what it is made of

    def settings(self, client_address: str, link_address: str) -> PairSettings:
        """What the node is told of itself and its peer."""
        return self.config.for_pair(client_address, link_address)

    def cores(self) -> Cores:
        """What makes its cores."""
        return BrokerCores(self.config)

    def connection(self, number: int, peers: Peers) -> PeerConnection:
        """A connection of the replication link."""
        return PeerConnection(number, peers)

    # -- how it stands

    @property
    def status(self) -> Status | None:
        """All that is known of the node and its peer; None: it has not started."""
        return None if self._pair_server is None else self._pair_server.status()

    @property
    def state(self) -> NodeState:
        """What the node is doing."""
        status = self.status
        if status is None or self._phase in (NodeState.STOPPING, NodeState.STOPPED):
            return self._phase
        if status.serving:
            return NodeState.ACTIVE
        return {"joining": NodeState.SYNCHRONISING, "backup": NodeState.BACKUP}.get(status.role, NodeState.WAITING)

    @property
    def role(self) -> str:
        """What it is to its clients and to its peer, in a word for people."""
        status = self.status
        return "" if status is None else status.role

    @property
    def epoch(self) -> int:
        """Of the service that it gives or follows."""
        status = self.status
        return 0 if status is None else status.epoch

    @property
    def node_id(self) -> str:
        """The UUID by which clients know it; "" while it does not know it itself."""
        status = self.status
        return "" if status is None else status.node_id

    # -- start

    async def _start(self) -> None:
        assert self.config.ha_policy is not None
        folder, journal = self._open_folder(), self.config.for_journal()
        self._bind()
        acceptor = self.config.acceptors[0]
        self._link = listen(acceptor.bound_host, self.config.link_port, "link_port", Depth.LINK_DOOR)
        host = socket.gethostname() if acceptor.bound_host in UNKNOWN_HOSTS else acceptor.bound_host
        settings = self.settings(
            address(host, self._listeners[0].port),
            address("" if acceptor.bound_host in UNKNOWN_HOSTS else host, self._link.port),
        )
        recovered = Recovered() if folder is None else recovered_from(folder, journal)
        clock = Clock(recovered.now)
        node: DrivenPair = PairNode(
            settings, self.cores(), recovered, None if folder is None else journal, entropy=os.urandom
        )
        peer = self.config.ha_policy.peer_link
        server = PairServer(node, clock, folder, self._halt, peer, self.connection)
        server.door.keeper.here = settings.client_address
        self._pair_server = self._adopt(server)
        server.peers.listen(self._link)  # before the first claim
        server.tell(node.begin)
        self._patience_s = settings.start_wait_ms / 1000 + PATIENCE_S
        if self.halted is not None:
            raise NodeFailed(self.halted)

    async def ready(self) -> bool:
        """After ``start``: wait until the node serves, is in step, or has to wait. False: it is to stop already."""
        server = self._pair_server
        assert server is not None
        until = {NodeState.WAITING: self._patience_s, NodeState.SYNCHRONISING: JOIN_S}
        began = server.loop.time()
        looks = [server.loop.call_later(seconds, server.look) for seconds in until.values()]

        def settled() -> bool:
            if self._ending.is_set():
                return True
            return server.loop.time() - began >= until.get(self.state, 0.0)

        await server.until(settled)
        for look in looks:
            look.cancel()
        return not self._ending.is_set()

    def end(self, graceful_s: float = 0.0) -> None:
        """Ask for the orderly stop, also before it is ready."""
        super().end(graceful_s)
        if self._pair_server is not None:
            self._pair_server.look()

    def _release(self) -> None:
        super()._release()
        if self._link is not None:
            self._link.close()
