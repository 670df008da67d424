"""``serve``: a broker inside a program, in a thread and on a loop of its own, so that a slow application never misses its pings."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import TYPE_CHECKING

from corewire_server.runtime.service import NodeState, Service, make_core, make_service

if TYPE_CHECKING:
    from types import TracebackType

    from corewire_server.config import BrokerConfig
    from corewire_server.runtime.service import CoreFactory


class Node:
    """A running broker: the same from asyncio, trio and plain code."""

    def __init__(self, config: BrokerConfig, core: CoreFactory = make_core) -> None:
        self._config = config
        self._core = core
        self._ready: Future[Service] = Future()
        self._over: Future[None] = Future()
        self._loop: asyncio.AbstractEventLoop
        self._thread = threading.Thread(target=self._main, name=f"corewire broker {config.name}", daemon=True)

    # -- its thread

    def _main(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001  it is handed to whoever waits
            (self._over if self._ready.done() else self._ready).set_exception(error)
        else:
            self._over.set_result(None)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        service = make_service(self._config, self._core)
        await service.start()
        if await service.ready():
            self._ready.set_result(service)
        await service.run()

    # -- anybody's thread

    def start(self) -> None:
        """
        Start and wait until clients can connect; of a node with a peer, until it is settled what it is for now (``state``).

        Raises ConfigError, and NodeFailed for a journal that cannot be read.
        """
        self._thread.start()
        self._ready.result()

    def stop(self, *, graceful_s: float = 0.0) -> None:
        """
        Stop in order and wait for it; more than once is harmless. Clients that are there may go on for ``graceful_s`` seconds.

        Raises NodeFailed if the node had stopped by itself, because it could not keep what it had to.
        """
        service = self._ready.result()
        if not self._over.done():
            self._loop.call_soon_threadsafe(service.end, graceful_s)
        self._over.result()
        self._thread.join()

    @property
    def url(self) -> str:
        """Where clients connect, with the port really bound: the first acceptor."""
        return self._ready.result().urls[0]

    @property
    def config(self) -> BrokerConfig:
        """What it was started with."""
        return self._config

    @property
    def state(self) -> NodeState:
        """What it is doing."""
        return self._ready.result().state if self._ready.done() else NodeState.STARTING

    @property
    def node_id(self) -> str:
        """The UUID by which clients know it; it stays with the data folder."""
        return self._ready.result().node_id

    @property
    def epoch(self) -> int:
        """How many times this data has been served, this time included."""
        return self._ready.result().epoch


class Serving(AbstractContextManager[Node], AbstractAsyncContextManager[Node]):
    """What serve() gives: ``with`` or ``async with``."""

    def __init__(self, config: BrokerConfig, core: CoreFactory = make_core) -> None:
        self._node = Node(config, core)

    def __enter__(self) -> Node:
        self._node.start()
        return self._node

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._node.stop()

    async def __aenter__(self) -> Node:
        from anyio import to_thread  # not needed by plain code

        await to_thread.run_sync(self._node.start)
        return self._node

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        from anyio import CancelScope, to_thread

        with CancelScope(shield=True):
            await to_thread.run_sync(self._node.stop)
