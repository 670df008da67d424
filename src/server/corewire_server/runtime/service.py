"""One running broker on the current event loop, from the configuration to the orderly stop."""

from __future__ import annotations

import asyncio
import os
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from corewire.errors import ConfigError, CorewireError
from corewire_server.config import address
from corewire_server.journal.format import FOLDER_BYTES, SEED_BYTES, JournalDamaged
from corewire_server.journal.recovery import Recovered, recover
from corewire_server.journal.writer import Writer
from corewire_server.node.node import Node
from corewire_server.records import Mark, Standing
from corewire_server.runtime.clock import Clock
from corewire_server.runtime.data_folder import is_aside, journal_of, name_asides, why_not_alone
from corewire_server.runtime.file_lock import FolderInUse, FolderLock
from corewire_server.runtime.files import Folder, make_folder
from corewire_server.runtime.listening import Depth, Listener
from corewire_server.runtime.server import Server

if TYPE_CHECKING:
    from collections.abc import Callable

    from corewire_server.config import BrokerConfig
    from corewire_server.journal.writer import JournalSettings
    from corewire_server.node.node import Core

    CoreFactory: TypeAlias = Callable[[BrokerConfig, bytes], Core]

ServerT = TypeVar("ServerT", bound=Server)


class NodeState(Enum):
    """What a node is doing."""

    STARTING = "starting"
    WAITING = "waiting"  # for its peer: it may not serve, and does not follow
    SYNCHRONISING = "synchronising"  # the primary's data is on its way
    BACKUP = "backup"  # it has what the primary has
    ACTIVE = "active"  # it serves
    STOPPING = "stopping"
    STOPPED = "stopped"


class NodeFailed(CorewireError):
    """The node cannot serve, or had to stop at once. The text says why."""


def make_core(config: BrokerConfig, seed: bytes) -> Core:
    """Make the core for a configuration."""
    from corewire_server.core.broker import Broker

    return Broker(config.for_core(seed))


def recovered_from(folder: Folder, settings: JournalSettings) -> Recovered:
    """What a journal holds. Raises NodeFailed if it cannot be read."""
    try:
        return recover(folder.listing(), folder.read, settings.segment_bytes)
    except JournalDamaged as damage:
        raise NodeFailed(
            f"the journal is damaged: {folder.path / damage.file} at byte {damage.offset}: {damage.reason}",
            hint="nothing was changed; restore the file, or start with another --data folder",
        ) from damage
    except OSError as error:
        raise NodeFailed(f"the journal cannot be read: {error}") from error


def listen(host: str, port: int, parameter: str, depth: Depth = Depth.CLIENTS_DOOR) -> Listener:
    """Have an address, without accepting anybody yet. Raises ConfigError if it cannot be had."""
    try:
        return Listener(host, port, depth)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(f"cannot listen on tcp://{address(host, port)}: {reason}", parameter=parameter) from error


class Service:
    """Start it, wait until it is to stop, stop it. All on one loop; ``halted`` says why the node had to stop at once, if it had."""

    def __init__(self, config: BrokerConfig, core: CoreFactory = make_core) -> None:
        self.config = config
        self.urls: tuple[str, ...] = ()
        self.halted: str | None = None
        self._make_core = core
        self._phase = NodeState.STARTING
        self._epoch = 0
        self._node_id = ""
        self._ending = asyncio.Event()
        self._graceful_s = 0.0
        self._listeners: list[Listener] = []
        self._server: Server | None = None
        self._lock: FolderLock | None = None

    # -- how it stands

    @property
    def state(self) -> NodeState:
        """What the node is doing."""
        return self._phase

    @property
    def role(self) -> str:
        """What it is to its clients and to its peer, in a word for people."""
        return "primary"

    @property
    def epoch(self) -> int:
        """Of the service that it gives or follows."""
        return self._epoch

    @property
    def node_id(self) -> str:
        """The UUID by which clients know it; "" while it does not know it itself."""
        return self._node_id

    # -- start

    async def start(self) -> None:
        """
        Recover, bind, begin the epoch, serve.

        Raises ConfigError for an address that cannot be had, NodeFailed for a journal that cannot be read or written.
        """
        try:
            await self._start()
        except BaseException:
            self._release()
            raise

        self._phase = NodeState.ACTIVE

    async def _start(self) -> None:
        seed, folder, clock = os.urandom(SEED_BYTES), self._open_folder(), Clock()
        self._bind()
        if folder is None:
            self._epoch = 1
            core = self._make_core(self.config, seed)
            server = self._adopt(Server(Node(core), clock, self.epoch, None, self._halt))
        else:
            settings = self.config.for_journal()
            recovered = recovered_from(folder, settings)
            self._refuse_half_of_a_pair(folder, recovered)
            clock = Clock(recovered.now)
            core = self._make_core(self.config, recovered.seed or seed)
            self._epoch = 1 if recovered.mark is None else recovered.mark.epoch + 1
            mark = Mark(Standing.ALONE, self.epoch, 0)
            salt, name = int.from_bytes(os.urandom(4)), os.urandom(FOLDER_BYTES)
            writer = Writer(recovered, settings, salt=salt, seed=seed, folder=name, mark=mark)
            node = Node(core, writer)
            server = self._adopt(Server(node, clock, self.epoch, folder, self._halt))
            server.tell(node.begin, recovered)
            await server.settled()
        if self.halted is not None:
            raise NodeFailed(self.halted)
        server.open()
        self._node_id = core.node_id

    async def ready(self) -> bool:
        """After ``start``: wait until it is settled what the node is for now. False: it is to stop already."""
        return not self._ending.is_set()

    def _refuse_half_of_a_pair(self, folder: Folder, recovered: Recovered) -> None:
        """Raises NodeFailed. What a node has set aside may be looked into: nobody takes it for the service."""
        assert self.config.data is not None
        refused = why_not_alone(recovered.mark)
        if refused is not None and not is_aside(self.config.data):
            raise NodeFailed(f"{folder.path} {refused[0]}", hint=refused[1])

    def _open_folder(self) -> Folder | None:
        if self.config.data is None:
            return None
        path = journal_of(self.config.data)
        if path == self.config.data and self.config.ha_policy is not None:
            raise NodeFailed(
                f"{path} was set aside by a node of a pair, and cannot be one itself",
                hint="look into it without a peer, or give the folder it lies in",
            )
        try:
            make_folder(path)
            self._lock = FolderLock(self.config.data)
        except FolderInUse as error:
            raise NodeFailed(str(error)) from error
        except OSError as error:
            raise NodeFailed(f"{path}: {error.strerror}", hint="give a folder that can be written: --data") from error
        folder = Folder(path)
        if path != self.config.data:
            name_asides(folder)
        return folder

    def _bind(self) -> None:
        for acceptor in self.config.acceptors:
            self._listeners.append(listen(acceptor.bound_host, acceptor.port, "acceptors"))
        pairs = zip(self.config.acceptors, self._listeners, strict=True)
        self.urls = tuple(f"tcp://{address(acceptor.bound_host, listener.port)}" for acceptor, listener in pairs)

    def _adopt(self, server: ServerT) -> ServerT:
        self._server = server
        for listener in self._listeners:
            server.door.add(listener)
        return server

    def _release(self) -> None:
        if self._server is not None:
            self._server.release()
        for listener in self._listeners:
            listener.close()
        if self._lock is not None:
            self._lock.release()

    # -- stop

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
        self._phase = NodeState.STOPPING
        if self.halted is None and self._server is not None:
            await self._server.close(self._graceful_s)
        self._release()
        self._phase = NodeState.STOPPED
        if self.halted is not None:
            raise NodeFailed(self.halted)


def make_service(config: BrokerConfig, core: CoreFactory = make_core) -> Service:
    """Make the service for a configuration: of a node alone, or of one with a peer."""
    if config.ha_policy is None:
        return Service(config, core)
    from corewire_server.runtime.pair_service import PairService  # a node alone starts without it

    return PairService(config)
