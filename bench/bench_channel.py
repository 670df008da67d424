"""A session's channel: a command sent, counted, confirmed and forgotten, with and without a window; and what a replay costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from bench import data
from bench.compare import compare

from corewire._channel import Channel
from corewire._connection import Connection, Role

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_benchmark.fixture import BenchmarkFixture

FRAME = data.send(10)


def opened(window: int | None) -> tuple[Connection, Channel]:
    """A channel on a link that has just begun."""
    link = Connection(Role.CLIENT)
    link.start(0.0)
    link.data_to_send()
    channel = Channel(10, window_bytes=window)
    link.attach(channel)
    return link, channel


def least(times: int, window: int | None) -> Callable[[], int]:
    """The same without any question: two lists and four numbers."""

    def run() -> int:
        out, kept, confirmed, received, unconfirmed = list[bytes](), list[bytes](), -1, -1, 0
        for _ in range(times):
            out.append(FRAME)
            if window is not None:
                kept.append(FRAME)
                received += 1
                unconfirmed += len(FRAME)
                if unconfirmed >= window:
                    unconfirmed = 0
                    del kept[: received - confirmed]
                    confirmed = received
        return len(out)

    return run


@pytest.mark.parametrize("window", [None, data.WINDOW_BYTES], ids=["without window", "with window"])
def test_send_and_count(benchmark: BenchmarkFixture, size: int, window: int | None) -> None:
    def prepare() -> tuple[Callable[[], int], Mapping[str, Callable[[], int]]]:
        link, channel = opened(window)

        def run() -> int:
            send, processed = channel.send_frame, channel.processed
            every = data.WINDOW_BYTES // len(FRAME)
            for number in range(size):
                send(FRAME)
                processed(len(FRAME))
                if number % every == 0:
                    channel.confirmed(number)
            return sum(chunk is FRAME for chunk in link.data_to_send())

        return run, {"two lists": least(size, window)}

    name = f"channel, {'without' if window is None else 'with'} window, send and count"
    compare(benchmark, prepare, name=name, units=size)


def test_replay(benchmark: BenchmarkFixture, size: int) -> None:
    """Per frame that is written again on a new link; against copying the list."""

    def prepare() -> tuple[Callable[[], int], Mapping[str, Callable[[], int]]]:
        link, channel = opened(data.WINDOW_BYTES)
        frames = [FRAME] * size
        for frame in frames:
            channel.send_frame(frame)
        link.detach(channel)
        again = Connection(Role.CLIENT)
        again.start(0.0)
        again.data_to_send()
        again.attach(channel)

        def run() -> int:
            channel.resume(-1)
            return len(again.data_to_send())

        return run, {"copy": lambda: len(list(frames))}

    compare(benchmark, prepare, name="channel, replay", units=size)
