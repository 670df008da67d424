"""A real Artemis broker as a process of ours, and the ``artemis`` command line."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.interop.peers import artemis_home
from tests.interop.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CONFIGURATIONS = Path(__file__).with_name("brokers")
# Short runs: the second compiler costs more than it brings on a machine that the tests share with the broker. The heap: a queue
# takes 57 KB of it, of which the cells leave some thousands at one broker; near its end it only collects garbage, for minutes.
JVM_OPTIONS = ("-Xmx1g", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
EVENTS = {"live": "AMQ221020", "synced": "AMQ221024", "announced": "AMQ221031"}


class Artemis:
    """One broker: ``create``, ``start``, ``wait``, then ``stop`` or ``kill``, and ``start`` again if need be."""

    def __init__(
        self,
        folder: Path,
        configuration: str = "single",
        port: int = 0,
        peer_port: int = 0,
        properties: Mapping[str, object] | None = None,
    ) -> None:
        """``configuration`` names a file of ``brokers/``, in which ``${name}`` stands for what ``properties`` says.

        ``port`` 0 takes a free one. ``peer_port``: of the other node of a pair.
        """
        self.folder = folder
        self.port = port or free_port()
        self._peer_port = peer_port
        self._configuration = configuration
        self._properties = properties or {}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Of the running broker."""
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        """What the broker printed since its last start."""
        return (self.folder / "run.log").read_text(errors="replace")

    def create(self) -> None:
        """Lay the instance; takes about a second."""
        options = "--silent --user admin --password admin --role amq --allow-anonymous --no-web --no-autotune"
        acceptors = "--no-amqp-acceptor --no-mqtt-acceptor --no-stomp-acceptor --no-hornetq-acceptor"
        command = [
            str(artemis_home() / "bin" / "artemis"),
            "create",
            *options.split(),
            *acceptors.split(),
            str(self.folder),
        ]
        subprocess.run(command, check=True, capture_output=True)
        shutil.copy(CONFIGURATIONS / f"{self._configuration}.xml", self.folder / "etc" / "broker.xml")
        # Something must keep the JVM alive while a backup restarts after failback: an empty web server does.
        bootstrap = self.folder / "etc" / "bootstrap.xml"
        web = '<web path="web"><binding name="keepalive" uri="http://127.0.0.1:0"/></web></broker>'
        bootstrap.write_text(bootstrap.read_text().replace("</broker>", web))

    def start(self) -> None:
        assert self._process is None, "it runs already"
        places = {"self": f"127.0.0.1:{self.port}", "peer": f"127.0.0.1:{self._peer_port}", **self._properties}
        properties = [f"-D{name}={value}" for name, value in places.items()]
        environment = os.environ | {"JAVA_ARGS": " ".join((*JVM_OPTIONS, *properties))}
        command = [str(self.folder / "bin" / "artemis"), "run"]
        with (self.folder / "run.log").open("wb") as log:
            self._process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )

    def wait(self, event: str = "live", times: int = 1, timeout_s: float = 180.0) -> None:
        """Until the log tells ``event`` (a key of ``EVENTS``) for the ``times``-th time. Raises ``TimeoutError``."""
        assert self._process is not None, "it was not started"
        deadline = time.monotonic() + timeout_s
        while self.log.count(EVENTS[event]) < times:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise TimeoutError(f"{self.folder.name} is not {event}: {self.log[-2000:]}")
            time.sleep(0.05)

    @contextmanager
    def running(self) -> Iterator[Self]:
        """Started, live, and stopped in the end."""
        self.start()
        try:
            self.wait()
            yield self
        finally:
            self.stop()

    def stop(self) -> None:
        """In good order; harmless if it does not run."""
        if self._process is not None:
            self._process.terminate()
            self._ended()

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._ended()

    def freeze(self) -> None:
        """SIGSTOP: it does nothing until `thaw`, and its sockets stay open."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        os.kill(self.pid, signal.SIGCONT)

    def _ended(self) -> None:
        assert self._process is not None
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


def artemis_cli(*words: str, timeout_s: float = 120.0) -> subprocess.CompletedProcess[str]:
    """Run ``artemis WORDS``; standard error is part of ``stdout``."""
    environment = os.environ | {"JAVA_ARGS": " ".join(JVM_OPTIONS)}
    return subprocess.run(
        [str(artemis_home() / "bin" / "artemis"), *words],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=timeout_s,
    )
