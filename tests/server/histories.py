"""
Histories to run through a core: what captures hold, with bytes changed at random. Run as a program it prints, per history, the
digest of the state and of the effects at every step: two processes with different hash seeds must print the same.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.server.captures import FOLDER, Replay, recorded_config

from corewire_server.core import Broker, CoreConfig
from corewire_server.core.inputs import BytesReceived, decode

if TYPE_CHECKING:
    from corewire_server.core.inputs import Input


class Recorder(Replay):
    """A replay that keeps its inputs."""

    def run(self) -> None:
        self.history: list[tuple[int, Input]] = []
        super().run()

    def _step(self, item: Input) -> None:
        self.history.append((self.now, item))
        super()._step(item)


def recorded(scenario: str) -> list[tuple[int, Input]]:
    """The inputs of one capture."""
    recorder = Recorder(FOLDER / f"{scenario}.txt")
    recorder.run()
    return recorder.history


def mutated(history: list[tuple[int, Input]], rng: random.Random) -> list[tuple[int, Input]]:
    """The same with bytes changed, dropped or doubled, and reads cut elsewhere."""
    result: list[tuple[int, Input]] = []
    for now, item in history:
        if not isinstance(item, BytesReceived) or rng.random() < 0.7:
            result.append((now, item))
            continue
        data = bytearray(item.data)
        match rng.randrange(4):
            case 0:
                data[rng.randrange(len(data))] = rng.randrange(256)
            case 1:
                del data[rng.randrange(len(data)) :]
            case 2:
                data = data * 2
            case _:
                cut = rng.randrange(len(data))
                result.append((now, BytesReceived(item.link, bytes(data[:cut]))))
                del data[:cut]
        result.append((now, BytesReceived(item.link, bytes(data))))
    return result


def digests(
    history: list[tuple[int, Input]], config: CoreConfig, *, state_every: int = 1, copy_every: int = 0
) -> list[str]:
    """One line per step. Every ``copy_every`` steps the broker is replaced by a restored snapshot of itself."""
    broker = Broker(config)
    lines: list[str] = []
    for number, (now, item) in enumerate(history):
        if copy_every and number % copy_every == 0:
            copy = Broker.restore(config, broker.snapshot())
            broker = copy
        broker.step(now, item)
        state = broker.digest().hex() if number % state_every == 0 else ""
        lines.append(f"{broker.effects_digest.hex()} {state}")
    return lines


def load(path: Path) -> list[tuple[int, Input]]:
    """A history from a file: inputs as bytes, each behind four bytes of length."""
    data, at, history = path.read_bytes(), 0, list[tuple[int, "Input"]]()
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "big")
        history.append(decode(data[at + 4 : end]))
        at = end
    return history


def show(path: Path, config: CoreConfig, *, copies: int) -> None:
    """Print the digests of a history from a file; that of the state not too often, since it covers all of it."""
    history = load(path)
    some = max(1, len(history) // 50)
    print(*digests(history, config, state_every=some, copy_every=len(history) // copies if copies else 0), sep="\n")


def main(first: int, count: int) -> None:
    """Print the digests of ``count`` histories per capture, from seed ``first`` on."""
    for path in sorted(FOLDER.glob("*.txt")):
        history = recorded(path.stem)
        config = recorded_config(path.stem)
        print(path.stem, *digests(history, config), sep="\n")
        for seed in range(first, first + count):
            print(path.stem, seed, sep=" ")
            print(*digests(mutated(history, random.Random(seed)), config, state_every=5), sep="\n")


if __name__ == "__main__":
    if sys.argv[1] == "file":
        show(Path(sys.argv[2]), CoreConfig(node_seed=b"recorded"), copies=int(sys.argv[3]))
    else:
        main(int(sys.argv[1]), int(sys.argv[2]))
