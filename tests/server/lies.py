"""Frames with a right outer length and lies inside: sizes and counts that the bytes behind them do not bear out."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Any

from corewire.wire import packets, registry
from corewire.wire.message import encode_message

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSION = 136
CLAIMS = (2**31 - 1, -1, 0x7FFF_FFF0, 3, 0x7FFE, 100_000)
_int = Struct(">i")

BEFORE_LOGIN: tuple[tuple[int, Any], ...] = (
    (1, packets.CreateSession("name", 10, VERSION, "user", "password")),
    (1, packets.CreateSessionV2("name", 10, VERSION, "user", "password", client_id="me")),
    (1, packets.ReattachSession("name", 3)),
    (1, packets.CheckForFailover("node")),
    (0, packets.SubscribeTopologyV2(client_version=VERSION)),
    (0, packets.Ping(60_000)),
)
MESSAGE = encode_message(b"body", address="q", properties={"_AMQ_DUPL_ID": "id", "key": b"value", "n": 1})
IN_SESSION: tuple[Any, ...] = (
    packets.SessionSend(MESSAGE, requires_response=True, correlation_id=-2),
    packets.SessionCreateConsumer(0, "q", "a = 1", requires_response=True),
    packets.CreateAddress("a", [0, 1], requires_response=True),
    packets.CreateQueueV2("a", "q2", filter="a = 1", group_first_key="key", requires_response=True),
    packets.CreateSharedQueueV2("a", "q3", filter="a = 1", requires_response=True),
    packets.SessionQueueQuery("q"),
    packets.SessionBindingQuery("q"),
    packets.SessionAddMetadata2("key", "value", requires_confirmation=True),
    packets.SessionProducerRequestCredits(10, "q"),
    packets.SessionXaInDoubtXids(),
    packets.SessionSendLarge(MESSAGE),
    packets.SessionSendContinuation(b"chunk", continues=True, requires_response=False),
)


def spoilt(channel: int, packet: Any) -> Iterator[bytes]:
    """The frame with each of the claims written over each place of its payload, and cut short there."""
    frame = registry.encode(packet, channel, VERSION)
    for at in range(13, len(frame) - 3):
        for claim in CLAIMS:
            yield frame[:at] + _int.pack(claim) + frame[at + 4 :]
        yield _int.pack(at - 4) + frame[4:at]


def honest(channel: int, packet: Any) -> bytes:
    """The frame as it should be."""
    return registry.encode(packet, channel, VERSION)


def crowded() -> bytes:
    """A message with 100 000 properties, among them one that the broker heeds."""
    values: dict[str, Any] = {f"key{number}": number for number in range(100_000)}
    raw = encode_message(b"", address="q", properties={**values, "_AMQ_DUPL_ID": "id"})
    return registry.encode(packets.SessionSend(raw, requires_response=True, correlation_id=-3), 10, VERSION)
