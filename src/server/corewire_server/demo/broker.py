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


class BrokerProcess:
    """``corewire run`` with its own data folder on a free port, another one at each start. Leaving the block kills it."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.address = ("127.0.0.1", 0)
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Returns when clients can connect. Raises CorewireError with its complaint if it ends instead."""
        command = [sys.executable, "-m", "corewire_server", "run", "--quiet", "--port", "0", "--data", str(self.data)]
        process = self._process = subprocess.Popen(  # noqa: S603  ourselves
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        line: str = process.stdout.readline()
        if READY not in line:
            raise CorewireError(f"the broker did not start: {process.communicate()[1].strip()}")
        url = urlsplit(line.split(READY)[1].split()[0])
        self.address = (str(url.hostname), int(url.port or 0))

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
