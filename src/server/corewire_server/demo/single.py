"""One broker with a journal, behind a proxy. When it is killed its sessions die with it, and clients are told so."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from corewire_server.demo.cutting import kill_and_restart
from corewire_server.proxy import Proxy

if TYPE_CHECKING:
    from types import TracebackType

    from corewire_server.demo.broker import BrokerProcess


class Single:
    """See `Subject`."""

    transparent = False

    def __init__(self, broker: BrokerProcess, *, seed: int = 0) -> None:
        self._broker = broker
        self._seed = seed
        self._stack = ExitStack()
        self.proxy: Proxy

    @property
    def address(self) -> str:
        """See `Subject`."""
        return f"tcp://127.0.0.1:{self.proxy.port}"

    def kill(self) -> float:
        """See `Subject`."""
        at = time.monotonic()
        kill_and_restart(self._broker, self.proxy)
        return at

    def mend(self) -> None:
        """See `Subject`. It was started again at once: nothing else could have served."""

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self._broker)
            self.proxy = stack.enter_context(Proxy(self._broker.address, seed=self._seed))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
