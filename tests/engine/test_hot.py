"""The hand-written codec of the hot packets is the generated one's equal, both ways and at every version."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.wire_strategies import blobs, ints, longs, texts

from corewire.errors import RemoteProtocolError
from corewire.wire import hot, registry
from corewire.wire.framing import frame_header
from corewire.wire.packets import (
    NullResponse,
    PacketsConfirmed,
    SessionAcknowledge,
    SessionFlowToken,
    SessionIndividualAcknowledge,
    SessionProducerCredits,
    SessionProducerFailCredits,
    SessionProducerRequestCredits,
    SessionReceiveMessage,
    SessionSend,
)
from corewire.wire.versions import VERSION, capabilities

modern = st.sampled_from([0, *range(129, VERSION + 1)])


@given(channel=longs, message=blobs, asks=st.booleans(), correlation=longs, sender=ints, version=modern)
def test_sends(channel: int, message: bytes, asks: bool, correlation: int, sender: int, version: int) -> None:
    allowed = capabilities(version)
    packet = SessionSend(
        message, asks, correlation if allowed.correlation_ids else 0, sender if allowed.producer_ids else -1
    )
    frame = registry.encode(packet, channel, version)
    trailer = hot.send_trailer(allowed)
    assert hot.send_frame(channel, message, asks, correlation, sender, trailer) == frame
    parsed = hot.parse_send(frame, trailer)
    assert parsed == (message, asks, packet.correlation_id, packet.sender_id)


@given(channel=longs, message=blobs, consumer=longs, count=ints, version=modern)
def test_deliveries(channel: int, message: bytes, consumer: int, count: int, version: int) -> None:
    frame = registry.encode(SessionReceiveMessage(message, consumer, count), channel, version)
    assert hot.receive_frame(channel, message, consumer, count) == frame
    assert hot.receive_frames(channel, consumer)(message, count) == frame
    assert hot.parse_receive(frame) == (message, consumer, count)


@given(channel=longs, consumer=longs, message=longs, asks=st.booleans(), individual=st.booleans())
def test_acknowledgements(channel: int, consumer: int, message: int, asks: bool, individual: bool) -> None:
    cls, kind = (
        (SessionIndividualAcknowledge, hot.INDIVIDUAL_ACKNOWLEDGE)
        if individual
        else (SessionAcknowledge, hot.ACKNOWLEDGE)
    )
    frame = registry.encode(cls(consumer, message, asks), channel, VERSION)
    assert hot.acknowledge_frame(channel, consumer, message, asks, kind) == frame
    assert hot.parse_acknowledge(frame) == (consumer, message, asks)


@given(channel=longs, number=ints)
def test_confirmations(channel: int, number: int) -> None:
    frame = registry.encode(PacketsConfirmed(number), channel, VERSION)
    assert hot.packets_confirmed_frame(channel, number) == frame
    assert hot.parse_packets_confirmed(frame) == number


@given(channel=longs, correlation=st.none() | longs)
def test_plain_responses(channel: int, correlation: int | None) -> None:
    frame = registry.encode(NullResponse(correlation), channel, VERSION)
    assert hot.null_response_frame(channel, correlation) == frame
    assert hot.parse_null_response(frame) == correlation


@given(channel=longs, consumer=longs, credit=ints)
def test_consumer_credits(channel: int, consumer: int, credit: int) -> None:
    frame = registry.encode(SessionFlowToken(consumer, credit), channel, VERSION)
    assert hot.flow_token_frame(channel, consumer, credit) == frame
    assert hot.parse_flow_token(frame) == (consumer, credit)


@given(
    channel=longs,
    credit=ints,
    address=texts,
    cls=st.sampled_from([SessionProducerRequestCredits, SessionProducerCredits, SessionProducerFailCredits]),
)
def test_producer_credits(channel: int, credit: int, address: str, cls: Any) -> None:
    frame = registry.encode(cls(credit, address), channel, VERSION)
    assert hot.credits_frame(cls.TYPE, channel, credit, address) == frame
    assert hot.parse_credits(frame) == (credit, address)


@pytest.mark.parametrize("length", [-2, 3, 6])
def test_an_address_with_a_wrong_length_is_refused(length: int) -> None:
    payload = bytes(4) + length.to_bytes(4, "big", signed=True) + b"abcd"
    with pytest.raises(RemoteProtocolError, match=f"an address of {length} bytes") as caught:
        hot.parse_credits(frame_header(hot.PRODUCER_CREDITS, 10, len(payload)) + payload)
    assert (caught.value.packet, caught.value.offset) == ("SESS_PRODUCER_CREDITS", 17)
