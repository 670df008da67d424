"""The two pairs of ``pair.py``, a single node of ours, and the Java program that loads them. Nothing is bound to a core:
three processes that talk to each other share few of them, in the same way for both contestants.
"""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, Protocol, Self

from bench.peers import JAVA_OPTIONS, usage
from tests.interop.artemis_pair import ArtemisPair
from tests.interop.ours import OurBroker
from tests.interop.pair import Pair
from tests.interop.peers import ARTEMIS, client_class_path

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path
    from types import TracebackType

# As an application would write it, with two times that only Artemis needs: by default its clients wait 2 s between two tries, and
# 30 s for the answer of a broker that accepted their connection while it died (seen at every kill of its primary).
OPTIONS = "?ha=true&reconnectAttempts=-1&confirmationWindowSize=1048576&retryInterval=100&callTimeout=2000"


class Contestant(Protocol):
    """Brokers that serve, and can lose one of them."""

    url: str

    @property
    def pids(self) -> list[int]:
        """Of its processes."""
        ...

    def kill(self) -> float:
        """Kill who serves; returns when that was, on the wall clock."""
        ...

    def mend(self) -> None:
        """Start what was killed; returns when the backup is in step."""
        ...


class Ours:
    """Our pair."""

    def __init__(self, pair: Pair) -> None:
        self.url = pair.address + OPTIONS
        self._pair = pair
        self._dead = pair.members[0]

    @property
    def pids(self) -> list[int]:
        """Of both nodes."""
        return [member.pid for member in self._pair.members]

    def kill(self) -> float:
        """See `Contestant`."""
        self._dead = self._pair.primary
        return self._pair.kill(self._dead)

    def mend(self) -> None:
        """See `Contestant`."""
        self._pair.start_again(self._dead)
        self._pair.wait_in_step()


class Theirs:
    """The pair of Artemis."""

    def __init__(self, pair: ArtemisPair) -> None:
        self.url = pair.address + OPTIONS
        self._pair = pair

    @property
    def pids(self) -> list[int]:
        """Of both nodes."""
        return self._pair.pids

    def kill(self) -> float:
        """See `Contestant`."""
        return self._pair.kill_primary()

    def mend(self) -> None:
        """See `Contestant`."""
        self._pair.mend()


class Single:
    """A node of ours without a peer."""

    def __init__(self, broker: OurBroker) -> None:
        self.url = broker.url + OPTIONS
        self._broker = broker

    @property
    def pids(self) -> list[int]:
        """One."""
        return [self._broker.pid]

    def kill(self) -> float:
        """Nobody would take over."""
        raise NotImplementedError

    def mend(self) -> None:
        """Nothing can be amiss."""
        raise NotImplementedError


@contextmanager
def ours(folder: Path) -> Generator[Contestant]:
    """Our pair, in step, on empty folders."""
    with Pair(folder, "-q") as pair:
        yield Ours(pair)


@contextmanager
def theirs(folder: Path) -> Generator[Contestant]:
    """The pair of Artemis, in step, on empty folders."""
    os.environ["JAVA_ARGS_APPEND"] = JAVA_OPTIONS
    with ArtemisPair(folder) as pair:
        yield Theirs(pair)


@contextmanager
def single(folder: Path) -> Generator[Contestant]:
    """A node of ours without a peer."""
    with OurBroker(folder, "-q") as broker:
        yield Single(broker)


class Answer(NamedTuple):
    """One run of the program."""

    seconds: float
    p50_us: float
    p99_us: float


class Program:
    """``java/Pairs.java`` at one contestant; leave the block to end it."""

    def __init__(self, url: str, classes: Path) -> None:
        path = f"{classes}:{client_class_path(ARTEMIS)}"
        threads = (
            "-Dactivemq.artemis.client.global.thread.pool.max.size=300"  # each reconnecting connection occupies one
        )
        self._process = subprocess.Popen(
            ["java", "-Xmx512m", "-XX:+UseSerialGC", threads, "-cp", path, "Pairs", url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, mode: str, producers: int, each: int) -> Answer:
        """``mode``: blocking or async. Raises RuntimeError where a message was lost, doubled or out of order, or a call raised."""
        words = self._ask(f"{mode} {producers} {each}", "DONE")
        milliseconds, p50, p99 = (float(word) for word in words)
        return Answer(milliseconds / 1000, p50, p99)

    def flow(self) -> None:
        """Let one producer and its consumer run from now on."""
        self._say("flow")

    def mark(self) -> None:
        """From here on: see `since`."""
        self._say("mark")

    def since(self) -> tuple[float, float, int]:
        """When the longest silence since the mark began and ended, in seconds of the wall clock, and how many calls raised so far."""
        begin, end, raised = self._ask("since", "SINCE")
        return int(begin) / 1e6, int(end) / 1e6, int(raised)

    def _ask(self, command: str, answer: str) -> list[str]:
        self._say(command)
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(answer):
                return line.split()[1:]
        raise RuntimeError(f"the client ended during {command!r}")

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()


def cpu_s(contestant: Contestant) -> float:
    """What all its processes used so far."""
    return sum(usage(pid).cpu_s for pid in contestant.pids)
