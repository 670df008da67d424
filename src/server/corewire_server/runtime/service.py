"""One running broker on the current event loop, from the configuration to the orderly stop."""

from __future__ import annotations

import asyncio
import os
from enum import Enum
from typing import TYPE_CHECKING, Final, TypeAlias

from corewire.errors import ConfigError, CorewireError
from corewire_server.core.config import CoreConfig, Limits
from corewire_server.node.node import Node
from corewire_server.runtime.clock import Clock
from corewire_server.runtime.server import Server

if TYPE_CHECKING:
    from collections.abc import Callable

    from corewire_server.config import AcceptorConfig, BrokerConfig
    from corewire_server.node.node import Core

    CoreFactory: TypeAlias = Callable[[BrokerConfig, bytes], Core]

SEED_BYTES: Final = 16


class NodeState(Enum):
    """What a node is doing."""

    STARTING = "starting"
    ACTIVE = "active"
    STOPPING = "stopping"
    STOPPED = "stopped"


class NodeFailed(CorewireError):
    """The node cannot serve, or had to stop at once. The text says why."""


def make_core(config: BrokerConfig, seed: bytes) -> Core:
    """Translate the user's configuration into the core's."""
    from corewire_server.core.broker import Broker

    users = {user.name: user.password for user in config.users} if config.security_enabled else {}
    return Broker(CoreConfig(node_seed=seed, users=users, limits=Limits(memory_bytes_max=config.global_max_bytes)))


class Service:
    """Start it, wait until it is to stop, stop it. All on one loop; ``stop`` and ``halted`` are set by whoever wants it to end."""

    def __init__(self, config: BrokerConfig, core: CoreFactory = make_core) -> None:
        self.config = config
        self.state = NodeState.STARTING
        self.urls: tuple[str, ...] = ()
        self.epoch = 0
        self.node_id = ""
        self.halted: str | None = None  # why the node had to stop at once
        self._make_core = core
        self._ending = asyncio.Event()
        self._graceful_s = 0.0
        self._server: Server

    async def start(self) -> None:
        """Recover, bind, serve. Raises ConfigError for an address that cannot be had, NodeFailed for a journal that cannot be read."""
        seed = os.urandom(SEED_BYTES)
        self.epoch = 1
        core = self._make_core(self.config, seed)
        self._server = Server(Node(core), Clock(), self.epoch, self._halt)
        self.urls = tuple([await self._listen(acceptor) for acceptor in self.config.acceptors])
        await self._server.open()
        self.state = NodeState.ACTIVE

    async def _listen(self, acceptor: AcceptorConfig) -> str:
        host = "127.0.0.1" if acceptor.host == "localhost" and acceptor.port == 0 else acceptor.host
        try:
            port = await self._server.listen(host, acceptor.port)
        except OSError as error:
            reason = error.strerror or str(error)
            raise ConfigError(f"cannot listen on {acceptor.url}: {reason}", parameter="acceptors") from error
        return f"tcp://[{host}]:{port}" if ":" in host else f"tcp://{host}:{port}"

    def _halt(self, reason: str) -> None:
        self.halted = reason
        self._ending.set()

    def end(self, graceful_s: float = 0.0) -> None:
        """Ask for the orderly stop; clients that are there may go on for ``graceful_s`` seconds."""
        self._graceful_s = graceful_s
        self._ending.set()

    async def run(self) -> None:
        """Serve until ``end()``, then stop in order. Raises NodeFailed if the node had to stop at once."""
        await self._ending.wait()
        self.state = NodeState.STOPPING
        if self.halted is None:
            await self._server.close(self._graceful_s)
        self.state = NodeState.STOPPED
        if self.halted is not None:
            raise NodeFailed(self.halted)
