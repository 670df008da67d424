"""The two brokers of ``end_to_end.py``, each on the first core of this machine, and the Java client on the others."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from tests.interop.artemis import Artemis
from tests.interop.peers import ARTEMIS, client_class_path
from tests.interop.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

TICKS = os.sysconf("SC_CLK_TCK")
CORES = sorted(os.sched_getaffinity(0))
# Both compilers and no more heap than it needs; what Artemis itself would use on one core.
JAVA_OPTIONS = "-XX:TieredStopAtLevel=4 -Xmx1g -XX:+UseSerialGC"


@contextmanager
def on_cores(cores: set[int]) -> Iterator[None]:
    """What is started in here runs on these cores only, and before everybody else there if we may decide that."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    with suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


class Usage(NamedTuple):
    """What a process used so far."""

    cpu_s: float
    resident_mb: float


def usage(pid: int) -> Usage:
    """Ask the kernel."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    resident = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return Usage((int(fields[11]) + int(fields[12])) / TICKS, int(resident[1]) / 1024 if resident else 0.0)


class Broker(Protocol):
    """A broker process; it serves when it was made."""

    url: str
    pid: int
    start_s: float  # process start until it said that it serves

    def stop(self) -> None:
        """End it."""
        ...


class Corewire:
    """Ours, with a journal in ``folder``."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        self.url = f"tcp://127.0.0.1:{port}"
        command = [
            str(Path(sys.executable).with_name("corewire")),
            "run",
            "--data",
            str(folder),
            "--port",
            str(port),
            "-q",
        ]
        with on_cores({CORES[0]}):
            began = time.perf_counter()
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        self.start_s = time.perf_counter() - began
        assert "ready on" in line, line
        self.pid = self._process.pid

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(30)
        assert self._process.stdout is not None
        self._process.stdout.close()


class Reference:
    """A real Artemis, its instance in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._artemis = Artemis(folder)
        if not folder.exists():
            self._artemis.create()
        self.url = self._artemis.url
        os.environ["JAVA_ARGS_APPEND"] = JAVA_OPTIONS
        with on_cores({CORES[0]}):
            began = time.perf_counter()
            self._artemis.start()
        self._artemis.wait()
        self.start_s = time.perf_counter() - began
        self.pid = self._artemis.pid

    def stop(self) -> None:
        self._artemis.stop()


class Answer(NamedTuple):
    """One run of the client."""

    messages: int
    seconds: float
    p50_us: float
    p99_us: float


class Load:
    """The client: a JVM that stays, so that it is warm after the first run."""

    def __init__(self, url: str, classes: Path) -> None:
        path = f"{classes}:{client_class_path(ARTEMIS)}"
        with on_cores(set(CORES[1:]) or {CORES[0]}):
            self._process = subprocess.Popen(
                ["java", "-Xmx1g", "-XX:+UseSerialGC", "-cp", path, "Load", url],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )

    def run(self, mode: str, messages: int) -> Answer:
        """``mode`` as the client names it. Raises RuntimeError where anything was lost, doubled or out of order."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{mode} {messages}\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith("DONE"):
                sent, received, acknowledged, milliseconds, p50, p99 = line.split()[1:]
                if not int(sent) == int(received) == int(acknowledged) == messages:
                    raise RuntimeError(line)
                return Answer(messages, float(milliseconds) / 1000, float(p50), float(p99))
        raise RuntimeError(f"the client ended during {mode}")

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()


def compiled(folder: Path, program: str = "Load") -> Path:
    """The classes of a client."""
    source = Path(__file__).parent / "java" / f"{program}.java"
    command = [
        "javac",
        "-nowarn",
        "-Xlint:-deprecation",
        "-cp",
        client_class_path(ARTEMIS),
        "-d",
        str(folder),
        str(source),
    ]
    subprocess.run(command, check=True)
    return folder
