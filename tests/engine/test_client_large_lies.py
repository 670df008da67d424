"""Large messages of brokers that lie, and in any order: what is told, what it costs, what is kept."""

from __future__ import annotations

import zlib
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.large_world import COLLECT, NOISE, Stage, compressed

from corewire.errors import CorewireError, LargeMessageInterrupted, RemoteProtocolError
from corewire.wire import packets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from corewire.client._delivery import Delivery


@pytest.mark.parametrize("claim", [2_000, 5_000])
@pytest.mark.parametrize(("real", "word"), [(0.5, "less"), (2, "more")])
def test_sizes_that_lie_are_told_to_whoever_reads(claim: int, real: float, word: str) -> None:
    stage = Stage(window=1)
    cost = stage.large(NOISE[: int(claim * real)], size=claim)
    delivery = stage.next()
    with pytest.raises(RemoteProtocolError, match=f"{claim} bytes has {word}"):
        stage.body(delivery)
    with pytest.raises(CorewireError):
        _ = delivery.body
    stage.world.small(stage.consumer, "after", 2)
    assert stage.next().text == "after"
    stage.world.perform()
    assert stage.given > cost


@pytest.mark.parametrize("size", [-1, (1 << 63) - 1])
def test_a_size_that_is_none_costs_nothing(size: int) -> None:
    stage = Stage()
    stage.world.begin(stage.consumer, size)
    stage.world.chunk(stage.consumer, b"x", last=True)
    with pytest.raises(RemoteProtocolError):
        stage.body(stage.next())


def test_chunks_without_end_are_not_kept() -> None:
    stage = Stage(window=1)
    stage.world.begin(stage.consumer, 5_000)
    delivery = stage.next()
    cost = sum(stage.world.chunk(stage.consumer, bytes(100_000)) for _ in range(50))
    assert delivery.large is not None
    assert not delivery.large._chunks
    assert stage.given >= cost


def test_chunks_of_nothing_are_dropped() -> None:
    stage = Stage(window=1)
    cost = stage.world.chunk(stage.consumer, NOISE)
    assert stage.given == cost
    channel = stage.world.engine._session(stage.session).channel
    stage.world.say(stage.session, packets.SessionReceiveContinuation(NOISE, True, 77))
    stage.world.say(stage.session, packets.SessionReceiveLargeMessage(77, 1, 10, b""))
    assert channel.link is not None


def test_endless_inflation_ends_at_what_was_claimed() -> None:
    stage = Stage()
    compressed(stage, zlib.compress(bytes(50_000_000)), 1_000_000)
    delivery = stage.next()
    with pytest.raises(RemoteProtocolError, match="claims 1000000 bytes and has more"):
        stage.body(delivery)
    compressed(stage, zlib.compress(bytes(2_999_999))[:100], 2_000, 2)
    with pytest.raises(RemoteProtocolError):
        _ = stage.next().data


@pytest.mark.parametrize("data", [b"no zlib", zlib.compress(NOISE)[:-5]])
def test_what_is_no_stream_of_zlib_is_told_to_whoever_reads(data: bytes) -> None:
    stage = Stage()
    compressed(stage, data, len(NOISE))
    with pytest.raises(RemoteProtocolError):
        stage.body(stage.next())


def test_a_header_behind_a_header_interrupts_the_first() -> None:
    stage = Stage()
    stage.world.begin(stage.consumer, 5_000)
    delivery = stage.next()
    waiting = stage.read(delivery)
    stage.large(NOISE[:5_000], 2)
    with pytest.raises(LargeMessageInterrupted):
        waiting.result()
    assert stage.body(stage.next()) == NOISE[:5_000]


# -- anything ----------------------------------------------------------------------------------------------------------------

bodies = st.lists(st.tuples(st.integers(0, 9_000), st.integers(500, 4_000)), min_size=1, max_size=6)


@given(bodies, st.lists(st.sampled_from(("next", "read", "come")), max_size=60))
@settings(max_examples=30, deadline=None)
def test_whatever_the_order_bodies_are_whole_and_credits_come_back(
    sizes: list[tuple[int, int]], steps: list[str]
) -> None:
    stage = Stage(window=1)
    frames = iter(frames_of(stage, sizes))
    cost, hand, got = 0, None, bytearray()
    for step in [*steps, *["come"] * 130, *["next"] * 7]:
        if step == "come":
            cost += next(frames, lambda: 0)()
        elif step == "read" and hand is not None and hand.large is not None and hand.large.reader is None:
            reading = stage.read(hand)
            if reading.done:
                got += reading.result()
                assert NOISE.startswith(bytes(got))
            else:
                stage.world.engine.abandon(stage.world.now, reading)
        elif step == "next":
            hand, got = stage.nowait(), bytearray()
            if hand is not None:
                size = sizes[hand.broker_id - 1][0]
                assert hand.body_bytes == size
                assert hand.is_large == (size > COLLECT)
                assert hand.is_large or hand.data == NOISE[:size]
    stage.world.perform()
    assert stage.nowait() is None
    assert stage.given == cost


def frames_of(stage: Stage, sizes: list[tuple[int, int]]) -> Iterator[Callable[[], int]]:
    """All frames of large messages of these sizes and chunks, each sent by a call that says what it costs."""
    for message_id, (size, chunk) in enumerate(sizes, 1):
        yield partial(stage.world.begin, stage.consumer, size, message_id)
        starts = range(0, max(size, 1), chunk)
        for at in starts:
            data = NOISE[at : min(at + chunk, size)]
            yield partial(stage.world.chunk, stage.consumer, data, last=at == starts[-1])


@given(
    st.lists(
        st.tuples(st.sampled_from(("begin", "chunk", "last", "small", "next", "read")), st.integers(-5, 9_000)),
        max_size=40,
    )
)
@settings(max_examples=30, deadline=None)
def test_whatever_a_broker_says_nothing_but_errors_of_ours_comes_out_and_nothing_is_kept(
    steps: list[tuple[str, int]],
) -> None:
    stage = Stage()
    hand: Delivery | None = None
    for number, (step, size) in enumerate(steps, 1):
        match step:
            case "begin":
                stage.world.begin(stage.consumer, size, number)
            case "chunk" | "last":
                stage.world.chunk(stage.consumer, NOISE[: max(0, size)], last=step == "last")
            case "small":
                stage.world.small(stage.consumer, "x", number)
            case "next":
                hand = stage.nowait() or hand
            case _ if hand is not None and hand.is_large:
                with suppress(CorewireError):
                    reading = stage.read(hand)
                    stage.world.engine.abandon(stage.world.now, reading)
                    assert not reading.done or reading.error is None or isinstance(reading.error, CorewireError)
            case _:
                pass
    while stage.nowait() is not None:
        pass
    stage.world.run(stage.world.engine.rollback(stage.world.now, stage.session))
    arrivals = stage.world.engine._consumer(stage.consumer)._arrivals
    assert (arrivals.arriving, arrivals.in_hand) == (False, None)
