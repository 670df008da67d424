"""Runs our Java programs (``java/Run.java``, ``java/Crash.java``): many lanes in one JVM, because starting one costs seconds."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from contextlib import suppress
from queue import Empty, Queue
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from tests.interop.artemis import JVM_OPTIONS
from tests.interop.peers import ARTEMIS, lanes_class_path

if TYPE_CHECKING:
    from types import TracebackType

# The clients of one JVM share few threads, and each reconnecting connection occupies one.
THREADS = "-Dactivemq.artemis.client.global.thread.pool.max.size=300"
ANSWERS = ("PROGRESS", "HELD", "SINCE")
RESILIENT = "?reconnectAttempts=-1&confirmationWindowSize=1048576&retryInterval=100&useTopologyForLoadBalancing=false"


class JavaProgram:
    """A JVM that runs one of our programs; leave the block to end it."""

    def __init__(self, name: str, *arguments: str, version: str = ARTEMIS, seconds: int = 120) -> None:
        """``seconds``: how long it may run."""
        options = [*JVM_OPTIONS, THREADS, "-cp", lanes_class_path(version)]
        self._seconds = seconds
        self._process = subprocess.Popen(
            ["java", *options, name, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.output: list[str] = []
        self._answers: Queue[str] = Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.output.append(line.rstrip())
            if line.startswith(ANSWERS):
                self._answers.put(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):  # what was said to it when it had ended
                pipe.close()

    def progress(self, timeout_s: float = 30.0) -> list[int]:
        """How far each lane is. Raises ``TimeoutError``; ``[]`` when they have ended."""
        return [int(word) for word in self._ask("progress", timeout_s)]

    @property
    def first_fault(self) -> str | None:
        """What a lane complained of first, as soon as it does."""
        return next((line for line in self.output if line.startswith("FAULT")), None)

    def stop(self) -> None:
        """No new messages; what was sent is still awaited."""
        self._say("stop")

    def _ask(self, word: str, timeout_s: float) -> list[str]:
        """The words of the answer; ``[]`` when the program has ended. Raises ``TimeoutError``."""
        self._say(word)
        deadline = time.monotonic() + timeout_s
        while self._process.poll() is None:
            try:
                return self._answers.get(timeout=0.25).split()[1:]
            except Empty:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"no answer to {word!r}") from None
        return []

    def _say(self, word: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(word + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended

    def result(self) -> dict[str, dict[str, Any]]:
        """Wait for the end; the counts and faults of each lane."""
        self._process.wait(self._seconds + 60)
        self._reader.join()
        for line in reversed(self.output):
            if line.startswith("RESULT "):
                return {lane["lane"]: lane for lane in json.loads(line[7:])}
        raise RuntimeError("no result: " + "\n".join(self.output[-40:]))


class Since(NamedTuple):
    """What a lane went through since the last `JavaLanes.mark`; times in seconds, of the wall clock where they are points."""

    silence_from: float  #: the longest silence between two messages that came
    silence_to: float
    slowest_send: float  #: of those that block


class JavaLanes(JavaProgram):
    """Many lanes in one JVM."""

    def __init__(
        self, url: str, lanes: str, *, count: int, version: str = ARTEMIS, seconds: int = 120, pause_ms: int = 20
    ) -> None:
        """``lanes``: names or prefixes that end with a dot, comma separated. ``count``: messages of each
        (of lanes that work in rounds: a hundredth of it in rounds), 0: until `stop`, with pauses.
        """
        arguments = (url, str(count), str(seconds), lanes, str(pause_ms))
        super().__init__("Run", *arguments, version=version, seconds=seconds)

    def hold(self, timeout_s: float = 30.0) -> None:
        """Return when no lane opens or closes a connection; none will until `go`. Raises ``TimeoutError``."""
        self._ask("hold", timeout_s)

    def end(self, within_s: int) -> None:
        """As `stop`, but what was sent is awaited no longer than that."""
        self._say(f"end {within_s}")

    def go(self) -> None:
        """Connections may be opened and closed again."""
        self._say("go")

    def mark(self) -> None:
        """From here on: see `since`."""
        self._say("mark")

    def since(self) -> dict[str, Since]:
        """By name of the lane. A silence that goes on is not seen before its end."""
        words = self._ask("since", 30.0)
        return {
            words[at]: Since(*(int(word) / 1e6 for word in words[at + 1 : at + 4])) for at in range(0, len(words), 4)
        }


def faults(result: dict[str, dict[str, Any]]) -> list[str]:
    """Every fault of every lane, for an assertion that shows them."""
    return [f"{name}: {fault}" for name, lane in result.items() for fault in lane["faults"]]
