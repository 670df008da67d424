"""Our broker as a process of its own, as users start it: ``corewire run``."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.interop.ports import free_port

if TYPE_CHECKING:
    from types import TracebackType

PROGRAM = Path(sys.executable).with_name("corewire")


class OurBroker:
    """``start``, then ``stop`` or ``kill``, then ``start`` again on the same port and folder; a context manager does both."""

    def __init__(self, folder: Path, *options: str, memory: bool = False) -> None:
        """``folder`` takes the journal and ``run.log``. ``options``: more of ``corewire run``. ``memory``: no journal."""
        self.folder = folder
        self.port = free_port()
        self._options = [*options, *(["--memory"] if memory else ["--data", str(folder / "data")])]
        self._process: subprocess.Popen[bytes] | None = None
        self._log_from = 0

    @property
    def url(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None, "it does not run"
        return self._process.pid

    @property
    def log(self) -> str:
        """All that it printed since its last start."""
        return (self.folder / "run.log").read_bytes()[self._log_from :].decode(errors="replace")

    def start(self, timeout_s: float = 120.0) -> None:
        """Returns when clients may come. Raises ``TimeoutError`` with the log."""
        assert self._process is None, "it runs already"
        self.folder.mkdir(parents=True, exist_ok=True)
        log = self.folder / "run.log"
        self._log_from = log.stat().st_size if log.exists() else 0
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                [str(PROGRAM), "run", "--port", str(self.port), *self._options],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + timeout_s
        while " ready on " not in self.log:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise TimeoutError(f"our broker does not start: {self.log[-2000:]}")
            time.sleep(0.01)

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        assert self._process is not None, "it does not run"
        self._process.terminate()
        code = self._process.wait(30)
        self._process = None
        return code

    def kill(self) -> None:
        """SIGKILL; harmless if it does not run."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self, seconds: float) -> None:
        """Stop its process for so long, as a sleeping machine does."""
        assert self._process is not None, "it does not run"
        self._process.send_signal(signal.SIGSTOP)
        try:
            self.wait(seconds)
        finally:
            self._process.send_signal(signal.SIGCONT)

    def wait(self, seconds: float) -> None:
        """Let it run so long. Raises ``AssertionError`` if it ends by itself."""
        assert self._process is not None, "it does not run"
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return
        raise AssertionError(f"our broker ended with {code}: {self.log[-2000:]}")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
