"""Two nodes that give one service, each behind a proxy of its own. Clients know them as the proxies, also from what they announce."""

from __future__ import annotations

import random
import socket
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

from corewire.errors import CorewireError
from corewire_server.demo.broker import BrokerProcess
from corewire_server.demo.cutting import PATIENCE_S, StandsStill
from corewire_server.proxy import Proxy
from corewire_server.replication.link import Command
from corewire_server.runtime.control import Operator, ask

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

NODE = "corewire_server.demo.node"
NAMES = ("one", "two")
LOOK_S = 0.05


class Member:
    """A node, its proxy, and the port of its replication link."""

    def __init__(self, data: Path, place: int, seed: int) -> None:
        self.proxy = Proxy(("127.0.0.1", 0), seed=seed + place)
        self.link = _free_port(place)
        self.process: BrokerProcess
        self._data = data
        self._role = ("--primary", "--backup")[place]

    def meet(self, other: Member) -> None:
        """Learn who the other node is. Both proxies are there."""
        peer = f"tcp://{other.announced}?link={other.link}"
        ports = ["--announced", self.announced, "--link", str(self.link)]
        self.process = BrokerProcess(self._data, NODE, self._role, *ports, "--peer", peer)

    @property
    def announced(self) -> str:
        """Where clients are told to come to."""
        return f"127.0.0.1:{self.proxy.port}"

    def await_ready(self) -> None:
        """Until it serves, is in step with who serves, or has to wait; let clients come."""
        self.process.await_ready()
        self.proxy.target = self.process.address
        self.proxy.accept()

    def kill(self) -> None:
        """With -9. Its proxy's port refuses, as a dead node's does."""
        self.proxy.refuse()
        self.process.kill()

    @property
    def status(self) -> dict[str, Any]:
        """What it says of itself; nothing if it does not answer."""
        try:
            status: dict[str, Any] = ask("127.0.0.1", self.link, Command("show", {}), Operator(timeout_s=1.0))["status"]
        except CorewireError:
            return {}
        return status


class Pair:
    """See `Subject`."""

    transparent = True

    def __init__(self, folder: Path, *, seed: int = 0) -> None:
        self.members = [Member(folder / name, place, seed) for place, name in enumerate(NAMES)]
        self._stack = ExitStack()
        self._serving, self._other = self.members

    @property
    def address(self) -> str:
        """See `Subject`."""
        first, second = (f"tcp://{member.announced}" for member in self.members)
        return f"({first},{second})"

    @property
    def proxy(self) -> Proxy:
        """See `Subject`. Links that the backup leads to the primary come through here, too."""
        return self._serving.proxy

    def kill(self) -> float:
        """See `Subject`. Waits until the pair is in step. Raises StandsStill if it is not for long."""
        self._await_in_step()
        at = time.monotonic()
        self._serving.kill()
        self._serving, self._other = self._other, self._serving
        return at

    def mend(self) -> None:
        """See `Subject`: start the killed node again, and wait until it is the backup. Raises as `kill`."""
        self._other.process.launch()
        self._other.await_ready()
        self._await_in_step()

    def _await_in_step(self) -> None:
        give_up_at = time.monotonic() + PATIENCE_S
        while True:
            found = [member.status for member in (self._serving, self._other)]
            serving = [status.get("serving") for status in found]
            if serving == [True, False] and all(status["in_step"] for status in found):
                return
            if time.monotonic() > give_up_at:
                raise StandsStill(f"the pair is not in step: {found}")
            time.sleep(LOOK_S)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for member in self.members:
                stack.enter_context(member.proxy).refuse()
            for member, other in (self.members, self.members[::-1]):
                member.meet(other)
                stack.callback(member.process.kill)
            for member in self.members:
                member.process.launch()
            for member in self.members:
                member.await_ready()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


def _free_port(place: int) -> int:
    """A port below those that the system gives to who dials, so that nobody takes it while its node is dead."""
    while True:
        port = random.randrange(20_000 + place, 32_000, len(NAMES))  # noqa: S311
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue
