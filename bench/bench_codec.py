"""
Packets: by hand and generated, against construct interpreting the same declarations, in the same rounds.

The numbers to hold are those of the pure column in bench/README.md; construct is the reference, not the rival.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from bench import data
from bench.compare import compare

from corewire.wire import hot, packets, registry, spec
from corewire.wire.framing import HEADER_SIZE
from corewire.wire.message import CoreMessage, encode_message

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_benchmark.fixture import BenchmarkFixture

CHANNEL = 10
RAW = data.message(durable=True)
STAMPED = data.message(durable=True, message_id=4711)
SEND = data.send(CHANNEL, durable=True)
receive_frame = hot.receive_frames(CHANNEL, 3)
RECEIVE = hot.receive_frame(CHANNEL, STAMPED, 3, 1)
ACKNOWLEDGE = hot.acknowledge_frame(CHANNEL, 3, 4711, False)
CONFIRMED = hot.packets_confirmed_frame(CHANNEL, 4711)


class Case(NamedTuple):
    """One operation: ours, and others that give the same."""

    ours: Callable[[], Any]
    others: dict[str, Callable[[], Any]]


def by_construct(frame: bytes) -> Callable[[], Any]:
    """Read a frame's payload by its declaration."""
    cls = type(registry.decode(frame, data.VERSION))
    return lambda: spec.parse(cls, frame[HEADER_SIZE:], data.VERSION)[0]


def built_by_construct(frame: bytes) -> Callable[[], bytes]:
    """Write a packet's payload by its declaration."""
    packet = registry.decode(frame, data.VERSION)
    return lambda: frame[:HEADER_SIZE] + spec.build(packet, data.VERSION)


def read_properties() -> dict[str, Any]:
    """Header and properties of the message in a send."""
    return CoreMessage(hot.parse_send(SEND, 13)[0]).properties


def read_whole() -> tuple[dict[str, Any], bytes]:
    """Header, properties and body of the message in a delivery."""
    message = CoreMessage(hot.parse_receive(RECEIVE)[0])
    return message.properties, message.body


def generated(frame: bytes) -> dict[str, Callable[[], Any]]:
    """What reads any packet: the generated codec, and construct."""
    return {"generated": lambda: registry.decode(frame, data.VERSION), "construct": by_construct(frame)}


def rebuilt(frame: bytes) -> dict[str, Callable[[], Any]]:
    """What writes any packet."""
    packet = registry.decode(frame, data.VERSION)
    return {
        "generated": lambda: registry.encode(packet, CHANNEL, data.VERSION),
        "construct": built_by_construct(frame),
    }


def stamp() -> bytes:
    """What a broker does to a message."""
    message = CoreMessage(RAW)
    message.stamp(4711)
    return message.raw


def build_send() -> bytes:
    """From fields to a frame."""
    raw = encode_message(
        data.BODY,
        address=data.ADDRESS,
        durable=True,
        timestamp=1_700_000_000_000,
        properties=data.PROPERTIES,
    )
    return hot.send_frame(CHANNEL, raw, False)


CASES = {
    "parse SEND, properties lazy": Case(lambda: CoreMessage(hot.parse_send(SEND, 13)[0]), generated(SEND)),
    "parse SEND and 3 properties": Case(read_properties, {}),
    "parse RECEIVE, properties, body": Case(read_whole, {}),
    "parse ACKNOWLEDGE": Case(lambda: hot.parse_acknowledge(ACKNOWLEDGE), generated(ACKNOWLEDGE)),
    "parse PACKETS_CONFIRMED": Case(lambda: hot.parse_packets_confirmed(CONFIRMED), generated(CONFIRMED)),
    "build SEND from fields": Case(build_send, {}),
    "parse and stamp a message": Case(stamp, {}),
    "build RECEIVE around a message": Case(lambda: receive_frame(STAMPED, 1), rebuilt(RECEIVE)),
    "build ACKNOWLEDGE": Case(lambda: hot.acknowledge_frame(CHANNEL, 3, 4711, False), rebuilt(ACKNOWLEDGE)),
    "build PACKETS_CONFIRMED": Case(lambda: hot.packets_confirmed_frame(CHANNEL, 4711), rebuilt(CONFIRMED)),
}


def repeated(work: Callable[[], Any], times: int) -> Callable[[], int]:
    """Do it many times; the sum tells that it was done."""

    def run() -> int:
        done = 0
        for _ in range(times):
            done += work() is not None
        return done

    return run


@pytest.mark.parametrize("name", CASES)
def test_packet(benchmark: BenchmarkFixture, size: int, name: str) -> None:
    case = CASES[name]
    if "build" in name:
        assert len({work() for work in (case.ours, *case.others.values())}) == 1, "the same bytes"

    def prepare() -> tuple[Callable[[], int], Mapping[str, Callable[[], int]]]:
        return repeated(case.ours, size), {other: repeated(work, size) for other, work in case.others.items()}

    compare(benchmark, prepare, name=f"codec, {name}", units=size, rounds=5)


def test_confirmations_and_sends_are_what_the_declarations_say() -> None:
    acknowledge = registry.decode(ACKNOWLEDGE, data.VERSION)
    assert acknowledge == packets.SessionAcknowledge(3, 4711, requires_response=False)
    for frame in (SEND, RECEIVE, ACKNOWLEDGE, CONFIRMED):
        assert by_construct(frame)() == registry.decode(frame, data.VERSION)
        assert built_by_construct(frame)() == frame
    assert build_send() == SEND
    assert stamp() == STAMPED
