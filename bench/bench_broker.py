"""
The core of the broker in process: one send, one delivery and one acknowledgement per message, as frames in reads of 64 KiB.

Against the toy, in the same rounds. Target: at most twice its time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from bench import data
from bench.compare import compare
from bench.traffic import Floor, Ours, record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_benchmark.fixture import BenchmarkFixture


@pytest.mark.parametrize("durable", [False, True], ids=["volatile", "durable"])
@pytest.mark.parametrize("window", [0, data.WINDOW_BYTES], ids=["without window", "with window"])
def test_send_delivery_acknowledgement(benchmark: BenchmarkFixture, size: int, window: int, durable: bool) -> None:
    def ours() -> Ours:
        return Ours(window=window, keep=durable)

    def toy() -> Floor:
        return Floor(window=window, keep=durable)

    channels = [session.channel for session in ours().broker.state.sessions.values()]
    before = [channel.first_unconfirmed + channel.unconfirmed for channel in channels]
    played = record(ours, size, window=window, durable=durable, sent_before=before)
    played_toy = record(toy, size, window=window, durable=durable, sent_before=[0, 0])

    def prepare() -> tuple[Callable[[], int], Mapping[str, Callable[[], int]]]:
        one, other = ours(), toy()

        def run_ours() -> int:
            assert one.replay(played.inputs) == played.checksum
            return size

        def run_toy() -> int:
            assert other.replay(played_toy.inputs) == played_toy.checksum
            return size

        return run_ours, {"toy": run_toy}

    name = f"broker, {'durable' if durable else 'volatile'}, {'with' if window else 'without'} window"
    compare(benchmark, prepare, name=name, units=size)
