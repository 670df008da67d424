"""One running broker on the current event loop, from the configuration to the orderly stop."""

from __future__ import annotations

import asyncio
import os
from enum import Enum
from typing import TYPE_CHECKING, Final, TypeAlias

from corewire.errors import ConfigError, CorewireError
from corewire_server.journal.format import FOLDER_BYTES, SEED_BYTES, JournalDamaged
from corewire_server.journal.recovery import Recovered, recover
from corewire_server.journal.writer import Writer
from corewire_server.node.node import Node
from corewire_server.records import Mark, Standing
from corewire_server.runtime.clock import Clock
from corewire_server.runtime.file_lock import FolderInUse, FolderLock
from corewire_server.runtime.files import Folder, make_folder
from corewire_server.runtime.server import Server

if TYPE_CHECKING:
    from collections.abc import Callable

    from corewire_server.config import AcceptorConfig, BrokerConfig
    from corewire_server.journal.writer import JournalSettings
    from corewire_server.node.node import Core

    CoreFactory: TypeAlias = Callable[[BrokerConfig, bytes], Core]

JOURNAL_FOLDER: Final = "journal"


class NodeState(Enum):
    """What a node is doing."""

    STARTING = "starting"
    ACTIVE = "active"
    STOPPING = "stopping"
    STOPPED = "stopped"


class NodeFailed(CorewireError):
    """The node cannot serve, or had to stop at once. The text says why."""


def make_core(config: BrokerConfig, seed: bytes) -> Core:
    """Make the core for a configuration."""
    from corewire_server.core.broker import Broker

    return Broker(config.for_core(seed))


def _recover(folder: Folder, settings: JournalSettings) -> Recovered:
    try:
        return recover(folder.listing(), folder.read, settings.segment_bytes)
    except JournalDamaged as damage:
        raise NodeFailed(
            f"the journal is damaged: {folder.path / damage.file} at byte {damage.offset}: {damage.reason}",
            hint="nothing was changed; restore the file, or start with another --data folder",
        ) from damage
    except OSError as error:
        raise NodeFailed(f"the journal cannot be read: {error}") from error


def _listen(server: Server, acceptor: AcceptorConfig) -> str:
    host = "127.0.0.1" if acceptor.host == "localhost" and acceptor.port == 0 else acceptor.host
    try:
        port = server.door.listen(host, acceptor.port)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(f"cannot listen on {acceptor.url}: {reason}", parameter="acceptors") from error
    return f"tcp://[{host}]:{port}" if ":" in host else f"tcp://{host}:{port}"


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
        self._server: Server | None = None
        self._lock: FolderLock | None = None

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

    async def _start(self) -> None:
        seed, folder, clock = os.urandom(SEED_BYTES), self._open_folder(), Clock()
        if folder is None:
            self.epoch = 1
            core = self._make_core(self.config, seed)
            server = self._server = Server(Node(core), clock, self.epoch, None, self._halt)
            self._bind(server)
        else:
            settings = self.config.for_journal()
            recovered = _recover(folder, settings)
            clock = Clock(recovered.now)
            core = self._make_core(self.config, recovered.seed or seed)
            self.epoch = 1 if recovered.mark is None else recovered.mark.epoch + 1
            mark = Mark(Standing.ALONE, self.epoch, 0)
            salt, name = int.from_bytes(os.urandom(4)), os.urandom(FOLDER_BYTES)
            writer = Writer(recovered, settings, salt=salt, seed=seed, folder=name, mark=mark)
            node = Node(core, writer)
            server = self._server = Server(node, clock, self.epoch, folder, self._halt)
            self._bind(server)
            server.tell(node.begin, recovered)
            await server.settled()
        if self.halted is not None:
            raise NodeFailed(self.halted)
        server.open()
        self.node_id = core.node_id
        self.state = NodeState.ACTIVE

    def _open_folder(self) -> Folder | None:
        if self.config.data is None:
            return None
        path = self.config.data / JOURNAL_FOLDER
        try:
            make_folder(path)
            self._lock = FolderLock(self.config.data)
        except FolderInUse as error:
            raise NodeFailed(str(error)) from error
        except OSError as error:
            raise NodeFailed(f"{path}: {error.strerror}", hint="give a folder that can be written: --data") from error
        return Folder(path)

    def _bind(self, server: Server) -> None:
        self.urls = tuple(_listen(server, acceptor) for acceptor in self.config.acceptors)

    def _release(self) -> None:
        if self._server is not None:
            self._server.release()
        if self._lock is not None:
            self._lock.release()

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
        if self.halted is None and self._server is not None:
            await self._server.close(self._graceful_s)
        self._release()
        self.state = NodeState.STOPPED
        if self.halted is not None:
            raise NodeFailed(self.halted)
