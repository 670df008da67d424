"""A broker as a process of its own, to be killed and started again on the same folder."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from corewire import CorewireError

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

READY = " ready on "
ALONE = ("corewire_server", "run", "--quiet", "--port", "0")


class BrokerProcess:
    """A broker with its own data folder on a free port, another one at each start. Leaving the block kills it."""

    def __init__(self, data: Path, *program: str) -> None:
        """``program``: a module that Python runs, and words for it; if none is given, ``corewire run``."""
        self.data = data
        self.address = ("127.0.0.1", 0)
        self._program = program or ALONE
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Returns when it is ready. Raises CorewireError with its complaint if it ends instead."""
        self.launch()
        self.await_ready()

    def launch(self) -> None:
        """Start it; it is not ready yet."""
        command = [sys.executable, "-m", *self._program, "--data", str(self.data)]
        with self._log.open("ab") as log:  # a pipe that nobody reads would stop it once it is full
            self._process = subprocess.Popen(  # noqa: S603  ourselves
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True
            )

    def await_ready(self) -> None:
        """Until clients can connect, or it has to wait for its peer. Raises CorewireError with its complaint if it ends instead."""
        process = self._process
        assert process is not None, "it does not run"
        assert process.stdout is not None
        line: str = process.stdout.readline()
        if READY not in line:
            self.kill()
            raise CorewireError(f"the broker did not start: {self.complaint}")
        url = urlsplit(line.split(READY)[1].split()[0])
        self.address = (str(url.hostname), int(url.port or 0))

    @property
    def complaint(self) -> str:
        """What it has written to stderr, over all its starts."""
        return self._log.read_text(errors="replace").strip()

    @property
    def _log(self) -> Path:
        return self.data.with_name(f"{self.data.name}.log")

    @property
    def pid(self) -> int:
        """Of the running broker."""
        assert self._process is not None, "it does not run"
        return self._process.pid

    def kill(self) -> None:
        """SIGKILL, and wait for the end. Harmless if it does not run."""
        if (process := self._process) is not None:
            self._process = None
            process.kill()
            process.communicate()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
