"""
Kill who serves, again and again, under applications that know nothing of it: ``python -m tests.interop.exactly_once_kills KIND --kills 30``.

Each world runs one load in a process of its own. In the end a Java client, which has nothing of ours, empties the queues and
counts: each number once, in order. A kill comes when the pair is whole and every load has moved on since the last one.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

from tests.interop.artemis import JVM_OPTIONS
from tests.interop.artemis_pair import ArtemisPair, PairKind
from tests.interop.pair import Pair
from tests.interop.peers import ARTEMIS, lanes_class_path
from tests.interop.worlds import World

from corewire_transports.blocking import connect

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

OPTIONS = "exactlyOnce=true"
PATIENCE_S = 120.0
PROGRESS = 20  # so many numbers more, and a load has moved on
PARTS = ("kept", "work", "passed-on")
#: The queues of these are made before; the others are left to the client.
EXPLICIT = (World.ASYNCIO, World.THREADS)


class Kind(Enum):
    """Who is killed."""

    REPLICATED = "replicated"
    SHARED_STORE = "shared-store"
    OURS = "ours"

    def pair(self, folder: Path) -> Killable:
        """Two nodes of this kind, to be entered."""
        if self is Kind.OURS:
            return OurPair(folder)
        return RealPair(folder, PairKind.REPLICATED if self is Kind.REPLICATED else PairKind.SHARED_STORE)


class Killable(Protocol):
    """A pair whose serving node is killed, and that is made whole again."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    @property
    def address(self) -> str: ...
    def kill_primary(self) -> object: ...
    def mend(self) -> None: ...


class RealPair(ArtemisPair):
    """One of Artemis."""


class OurPair(Pair):
    """One of ours."""

    def kill_primary(self) -> None:
        """Who serves; the other one takes over."""
        self._killed = self.primary
        self.kill(self._killed)

    def mend(self) -> None:
        """The killed node follows."""
        self.start_again(self._killed)
        self.wait_in_step()


class Program:
    """A load in a process of its own, which says how far it is when it is asked."""

    def __init__(self, name: str, module: str, *arguments: str) -> None:
        self.name = name
        command = [sys.executable, "-m", f"tests.interop.{module}", *arguments]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    @property
    def pid(self) -> int:
        """Of its process."""
        return self._process.pid

    def progress(self) -> int:
        """How far it is. Raises AssertionError if it failed."""
        return int(self._ask("progress").removeprefix("PROGRESS "))

    def stop(self) -> int:
        """Send no more; how many numbers there are, once all have been passed on."""
        count = int(self._ask("stop").removeprefix("RESULT "))
        self._process.wait()
        return count

    def _ask(self, word: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().strip()
        assert answer.startswith(("PROGRESS", "RESULT")), f"{self.name}: {answer or 'ended'}"
        return answer

    def close(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.communicate()


@dataclass(frozen=True, slots=True)
class Judged:
    """What the Java client found in one queue."""

    queue: str
    came: int
    missing: int
    doubled: int
    late: int

    @property
    def right(self) -> bool:
        """Each once, in order."""
        return not (self.missing or self.doubled or self.late)


def await_progress(programs: Sequence[Program]) -> None:
    """Until every load has moved on. Raises TimeoutError."""
    deadline = time.monotonic() + PATIENCE_S
    start = {program: program.progress() for program in programs}
    while behind := [program for program in programs if program.progress() < start[program] + PROGRESS]:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{[program.name for program in behind]} stand still")
        time.sleep(0.05)


def judge(address: str, counts: dict[str, int]) -> list[Judged]:
    """Have a Java client empty these queues, which should hold so many numbers."""
    url = f"{address}?ha=true&reconnectAttempts=10"
    wanted = [f"{queue}={count}" for queue, count in counts.items()]
    command = ["java", *JVM_OPTIONS, "-cp", lanes_class_path(ARTEMIS), "Judge", url, *wanted]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    lines = [line.split() for line in done.stdout.splitlines() if line.startswith("JUDGED ")]
    return [Judged(queue, *map(int, numbers)) for _, queue, *numbers in lines]


def run(kind: Kind, folder: Path, kills: int, worlds: Sequence[World] = tuple(World)) -> list[Judged]:
    """Kill so often; what came of it."""
    with kind.pair(folder) as pair:
        url = f"{pair.address}?{OPTIONS}"
        with connect(url) as client, client.session() as session:
            for world in EXPLICIT:
                for part in PARTS:
                    session.create_queue(f"once.{world.value}.{part}")
        names = {world: f"once.{world.value}" for world in worlds}
        programs = [Program(name, "exactly_once_program", url, world.value, name) for world, name in names.items()]
        try:
            for _ in range(kills):
                await_progress(programs)
                pair.kill_primary()
                await_progress(programs)
                pair.mend()
            await_progress(programs)
            counts = {program.name: program.stop() for program in programs}
        finally:
            for program in programs:
                program.close()
        return judge(
            pair.address, {f"{name}.{part}": count for name, count in counts.items() for part in ("kept", "passed-on")}
        )


def main() -> int:
    """Print what came of it; 1 if anything did that must not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", type=Kind, choices=list(Kind), metavar="|".join(kind.value for kind in Kind))
    parser.add_argument("--kills", type=int, default=30)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        judged = run(arguments.kind, Path(folder), arguments.kills)
    for each in judged:
        print(each)
    return 0 if all(each.right for each in judged) else 1


if __name__ == "__main__":
    sys.exit(main())
