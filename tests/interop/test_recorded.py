"""
What real clients did to our broker, recorded, is done again by other processes: state and effects must be the same.

One of them is replaced by a restored snapshot of itself again and again.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.interop.lanes import JavaLanes, faults

from corewire_server.config import BrokerConfig
from corewire_server.core import Broker, CoreConfig
from corewire_server.core.inputs import encode
from corewire_server.runtime.embedded import Node

if TYPE_CHECKING:
    from typing import BinaryIO

    from corewire_server.core.effects import Effect
    from corewire_server.core.inputs import Input

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("java")]


class Recorder(Broker):
    """A core that writes its inputs down."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(CoreConfig(node_seed=b"recorded"))
        self._file = file

    def step(self, now: int, item: Input) -> list[Effect]:
        data = encode(now, item)
        self._file.write(len(data).to_bytes(4, "big") + data)
        return super().step(now, item)


def _digests(path: Path, hash_seed: int, *, copies: int = 0) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.server.histories", "file", str(path), str(copies)],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_the_inputs_of_java_lanes_do_the_same_in_every_process(tmp_path: Path) -> None:
    path = tmp_path / "inputs"
    with path.open("wb") as file:
        core = Recorder(file)
        node = Node(BrokerConfig.for_tests(), core=lambda config, seed: core)
        node.start()
        with JavaLanes(node.url, "core.,jms.", count=200) as java:
            assert not faults(java.result())
        node.stop()
    one, other = _digests(path, 1), _digests(path, 2, copies=30)
    assert len(one) > 1_000
    assert one == other
    assert one[-1].split()[0] == core.effects_digest.hex()
