"""Our pair as two processes, as users start them, to be killed, stopped, suspended and parted, again and again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, Self

from tests.interop.ports import free_port

from corewire.errors import CorewireError
from corewire_server.proxy import Ending, Proxy
from corewire_server.replication.link import Command
from corewire_server.runtime.control import Operator, ask

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import TracebackType

ROLES = ("primary", "backup")
PRODUCT = ("-m", "corewire_server", "run")
GLANCE_S = 0.02
PATIENCE_S = 60.0
Status = dict[str, Any]


class Member:
    """One node: ``start``, then ``kill``, ``stop`` or ``suspend``, and ``start`` again. Each start has a log of its own."""

    def __init__(self, folder: Path, role: str, program: Sequence[str]) -> None:
        """``role``: the configured one; who serves is decided by what lies on the disks. ``program``: what Python is to run."""
        self.role = role
        self.folder = folder
        self.port = free_port()
        self.link_port = free_port()
        self.peer = ""  # its URL
        self.starts = 0
        self.fell_out = 0  # at the last look
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None, "it does not run"
        return self._process.pid

    @property
    def runs(self) -> bool:
        """Whether its process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def ended_by_itself(self) -> bool:
        """Whether it was started, and neither killed nor stopped."""
        return self._process is not None and self._process.poll() is not None

    @property
    def log(self) -> str:
        """All that it printed since its last start."""
        return self._log_path.read_text(errors="replace")

    @property
    def _log_path(self) -> Path:
        return self.folder / f"{self.role}.{self.starts}.log"

    def start(self, *options: str) -> None:
        """Returns at once."""
        assert self._process is None, "it runs already"
        self.starts += 1
        self.fell_out = 0
        self.folder.mkdir(parents=True, exist_ok=True)
        ports = ["--port", str(self.port), "--link", str(self.link_port)]
        pair = [f"--{self.role}", "--peer", self.peer, "--data", str(self.folder / self.role)]
        with self._log_path.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, *self._program, *ports, *pair, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def status(self, timeout_s: float = 1.0) -> Status | None:
        """What it says of itself; None: it does not answer."""
        if not self.runs:
            return None
        try:
            status: Status = self.order("show", timeout_s)["status"]
        except CorewireError:
            return None
        self.fell_out = status["fell_out"]
        return status

    def order(self, name: str, timeout_s: float = 10.0) -> dict[str, Any]:
        """What an operator orders. Raises CorewireError."""
        return ask("127.0.0.1", self.link_port, Command(name, {}), Operator(timeout_s=timeout_s))

    def send(self, number: signal.Signals) -> None:
        """A signal."""
        os.kill(self.pid, number)

    def kill(self) -> float:
        """SIGKILL, and wait for the end; harmless if it does not run. Returns when that was, on the wall clock."""
        at = time.time()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        return at

    def stop(self, timeout_s: float = 30.0) -> int:
        """SIGTERM; returns the exit code."""
        assert self._process is not None, "it does not run"
        self._process.terminate()
        return self.ended(timeout_s)

    def ended(self, timeout_s: float = 30.0) -> int:
        """Wait for its end; returns the exit code."""
        assert self._process is not None, "it does not run"
        code = self._process.wait(timeout_s)
        self._process = None
        return code


class Pair:
    """Two nodes, the first configured as the primary. ``parted``: with a proxy in front of each node's replication link."""

    def __init__(
        self, folder: Path, *options: str, program: Sequence[str] = PRODUCT, parted: bool = False, seed: int = 0
    ) -> None:
        """``options``: more of ``corewire run``, for both."""
        self.folder = folder
        self.members = [Member(folder, role, program) for role in ROLES]
        self.proxies = [Proxy(("127.0.0.1", member.link_port), seed=seed) for member in self.members] if parted else []
        self.fell_out = 0  # unasked, seen at nodes that have ended since
        self._options = options

    # -- who is who --------------------------------------------------------------------------------------------------------

    @property
    def address(self) -> str:
        """Of both, as clients write it, without options."""
        first, second = (f"tcp://127.0.0.1:{member.port}" for member in self.members)
        return f"({first},{second})"

    @property
    def primary(self) -> Member:
        """Who serves. Raises AssertionError if nobody does."""
        serving = [member for member in self.members if (status := member.status(PATIENCE_S)) and status["serving"]]
        assert len(serving) == 1, f"{len(serving)} nodes serve"
        return serving[0]

    def other(self, member: Member) -> Member:
        """The peer of a member."""
        return self.members[1 - self.members.index(member)]

    @property
    def link(self) -> list[Proxy]:
        """The proxies that the replication link may go through."""
        assert self.proxies, "not parted"
        return self.proxies

    # -- waiting -----------------------------------------------------------------------------------------------------------

    def wait(self, what: str, condition: Callable[[], object], timeout_s: float = PATIENCE_S) -> float:
        """Until ``condition``; returns after how many seconds. Raises TimeoutError, and AssertionError if a node has ended."""
        began = time.monotonic()
        while not condition():
            ended = [member for member in self.members if member.ended_by_itself]
            assert not ended, f"{ended[0].role} has ended: {ended[0].log[-3000:]}"
            if time.monotonic() - began > timeout_s:
                raise TimeoutError(f"not {what} after {timeout_s:.0f} s: {self.describe()}")
            time.sleep(GLANCE_S)
        return time.monotonic() - began

    def wait_in_step(self, timeout_s: float = PATIENCE_S) -> float:
        """Until one serves and the other is in step with it."""
        return self.wait("in step", self.in_step, timeout_s)

    def in_step(self) -> bool:
        """Whether one node serves and the other is in step with it, and both say so."""
        found = [member.status() for member in self.members]
        statuses = [status for status in found if status is not None]
        return (
            len(statuses) == 2
            and sum(status["serving"] for status in statuses) == 1
            and all(status["in_step"] for status in statuses)
        )

    def wait_serving(self, member: Member, timeout_s: float = PATIENCE_S) -> float:
        """Until a member serves."""
        return self.wait(f"{member.role} serving", lambda: (status := member.status()) and status["serving"], timeout_s)

    def wait_alone(self, member: Member, timeout_s: float = PATIENCE_S) -> float:
        """Until a member serves without a backup, and its disk says so."""

        def alone() -> bool:
            status = member.status()
            return status is not None and status["serving"] and status["standing"] == "alone"

        return self.wait(f"{member.role} alone", alone, timeout_s)

    def hold_still(self, seconds: float) -> None:
        """Let so much time pass. Raises AssertionError if a node ends by itself."""
        until = time.monotonic() + seconds
        self.wait("over", lambda: time.monotonic() >= until, seconds + PATIENCE_S)

    def describe(self) -> str:
        """For people, when something is wrong."""
        lines: list[str] = []
        for member in self.members:
            log = member.log[-3000:] if member.starts else ""
            lines.append(f"{member.role}: runs {member.runs}, {member.status()}\n{log}")
        return "\n".join(lines)

    # -- what happens to them ----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Returns when the pair is in step."""
        for proxy in self.proxies:
            proxy.start()
        links = [proxy.port for proxy in self.proxies] or [member.link_port for member in self.members]
        for member, peer, link in zip(self.members, reversed(self.members), reversed(links), strict=True):
            member.peer = f"tcp://127.0.0.1:{peer.port}?link={link}"
            member.start(*self._options)
        self.wait_in_step()

    def start_again(self, member: Member, *options: str) -> None:
        """Start a node that has ended, on its old data, with more options than all have. Returns at once."""
        if self.proxies:
            self._proxy_of(member).accept()
        member.start(*self._options, *options)

    def kill(self, member: Member) -> float:
        """SIGKILL. Returns when that was, on the wall clock."""
        self._count(member)
        at = member.kill()
        self._closed(member)
        return at

    def stop(self, member: Member) -> int:
        """SIGTERM; returns the exit code."""
        self._count(member)
        code = member.stop()
        self._closed(member)
        return code

    def collect(self, member: Member) -> int:
        """Wait for the end of a node that ends by itself; returns the exit code."""
        self._count(member)
        code = member.ended()
        self._closed(member)
        return code

    def _count(self, member: Member) -> None:
        self.fell_out += member.fell_out

    def _closed(self, member: Member) -> None:
        """A dead node refuses dials, so its proxy must."""
        if self.proxies:
            proxy = self._proxy_of(member)
            proxy.refuse()
            proxy.cut_all(Ending.FIN)

    def _proxy_of(self, member: Member) -> Proxy:
        return self.proxies[self.members.index(member)]

    def unasked(self) -> int:
        """How often a backup fell out of step unasked, over all starts of both nodes."""
        for member in self.members:
            member.status(PATIENCE_S)
        return self.fell_out + sum(member.fell_out for member in self.members)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        for member in self.members:
            if member.runs:
                member.send(signal.SIGCONT)
            member.kill()
        for proxy in self.proxies:
            proxy.close()
