"""Broken frames: the codec refuses exactly what the reference refuses, with nothing but RemoteProtocolError, and claims cost nothing."""

from __future__ import annotations

import tracemalloc
from typing import Any

import construct as c
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.engine.wire_samples import PACKETS, sample
from tests.engine.wire_strategies import instances, versions
from tests.engine.wire_vectors import Vector, vectors

from corewire import values
from corewire.errors import LocalProtocolError, RemoteProtocolError
from corewire.wire import hot, packets, registry, spec
from corewire.wire.framing import HEADER_SIZE, frame_header, packet_type
from corewire.wire.packets import composites, federation
from corewire.wire.versions import VERSION, capabilities

MANY = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
CLASSES = {cls.TYPE: cls for cls in PACKETS}
NESTED = [
    packets.ReplicationPageWrite(1, composites.PagedMessage(2, 1, b"headers", None, [3]), "a"),
    packets.ReplicationPageWrite(
        1, composites.PagedMessage(2, 0, None, composites.PersistedMessage(1, 4, "a", b"message"), [3, 5]), None
    ),
    packets.FederationDownstreamConnect(
        "f",
        federation.FederationCredentials("u", None),
        [
            federation.FederationQueuePolicy("q", True, 1, "t", [federation.QueueMatcher("a", None)], []),
            federation.FederationAddressPolicy("a", True, 1, 2, 3, None, ["i"], ["e"], False),
            federation.FederationPolicySet("s", ["q", "a"]),
        ],
        [federation.FederationTransformer("t", "c", [federation.TransformerProperty("k", "v")])],
        federation.FederationStream(
            "u",
            federation.FederationConnection("u", "p", True, 1, 2, 3, 4, 0.5, 6, 7, 8, 9, 10),
            ["s"],
            packets.TransportConfiguration("n", "c", {"b": True, "i": 1, "l": values.Long(1), "s": "x"}),
        ),
    ),
]
MAX_INT = b"\x7f\xff\xff\xff"


def reframed(frame: bytes) -> bytes:
    """Correct the length of a frame that was cut or stretched."""
    return frame_header(packet_type(frame), 10, len(frame) - HEADER_SIZE) + frame[HEADER_SIZE:]


def read(frame: bytes, version: int) -> Any:
    """Return the packet, or None where it is refused as it should be."""
    try:
        return registry.decode(frame, version)
    except RemoteProtocolError as error:
        refusal = error
    assert refusal.packet is not None
    assert refusal.offset is not None
    assert 0 <= refusal.offset <= len(frame)
    return None


def read_by_reference(frame: bytes, version: int) -> Any:
    try:
        return spec.parse(CLASSES[packet_type(frame)], frame[HEADER_SIZE:], version)[0]
    except (c.ConstructError, UnicodeDecodeError):
        return None


def assert_agree(frame: bytes, version: int) -> None:
    # Compared as text, so that not-a-numbers are equal to themselves.
    assert repr(read(frame, version)) == repr(read_by_reference(frame, version))


@pytest.mark.parametrize("vector", vectors(), ids=lambda vector: f"{vector.name}@{vector.version}")
def test_frames_cut_anywhere_are_refused_like_the_reference_refuses_them(vector: Vector) -> None:
    for end in range(HEADER_SIZE, len(vector.frame)):
        assert_agree(reframed(vector.frame[:end]), vector.version)


@pytest.mark.parametrize("cls", PACKETS, ids=lambda cls: cls.NAME)
def test_whole_packets_cut_anywhere_are_refused_like_the_reference_refuses_them(cls: type[Any]) -> None:
    for version in (0, 128, 129, VERSION):
        frame = registry.encode(sample(cls), 10, version)
        for end in range(HEADER_SIZE, len(frame)):
            assert_agree(reframed(frame[:end]), version)


@pytest.mark.parametrize("packet", NESTED, ids=lambda packet: packet.NAME)
def test_nested_values_cut_anywhere_are_refused_like_the_reference_refuses_them(packet: Any) -> None:
    frame = registry.encode(packet, 10, VERSION)
    assert registry.decode(frame, VERSION, strict=True) == packet
    for end in range(HEADER_SIZE, len(frame)):
        assert_agree(reframed(frame[:end]), VERSION)


@MANY
@given(vector=st.sampled_from(vectors()), data=st.data(), version=versions)
def test_frames_with_changed_bytes_are_read_like_the_reference_reads_them(
    vector: Vector, data: st.DataObject, version: int
) -> None:
    frame = bytearray(vector.frame)
    for _ in range(data.draw(st.integers(1, 4))):
        frame[data.draw(st.integers(4, len(frame) - 1))] = data.draw(st.sampled_from([0, 1, 127, 128, 255]))
    changed = bytes(frame)
    if packet_type(changed) in CLASSES:
        assert_agree(changed, version)
    else:
        assert read(changed, version) is None


@MANY
@given(cls=st.sampled_from(PACKETS), data=st.data(), version=versions)
def test_random_packets_with_a_changed_byte_are_read_like_the_reference_reads_them(
    cls: type[Any], data: st.DataObject, version: int
) -> None:
    frame = bytearray(registry.encode(data.draw(instances(cls, version)), 10, version))
    if len(frame) > HEADER_SIZE:
        frame[data.draw(st.integers(HEADER_SIZE, len(frame) - 1))] = data.draw(st.integers(0, 255))
    assert_agree(bytes(frame), version)


@MANY
@given(cls=st.sampled_from(PACKETS), payload=st.binary(max_size=64), version=versions)
def test_garbage_is_read_like_the_reference_reads_it(cls: type[Any], payload: bytes, version: int) -> None:
    assert_agree(frame_header(cls.TYPE, 10, len(payload)) + payload, version)


@pytest.mark.parametrize("frame", [b"", b"\0\0\0\x09", b"\0\0\0\x0a" + bytes(9), b"\xff" * 13, bytes(13)])
def test_what_is_no_frame_at_all_is_refused(frame: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="are not the frame"):
        registry.decode(frame, VERSION)


@pytest.mark.parametrize("kind", [0, 15, 37, 102, 123, -23, -128])
def test_an_unknown_type_is_refused_by_number(kind: int) -> None:
    with pytest.raises(RemoteProtocolError, match=f"unknown packet type {kind}") as caught:
        registry.decode(frame_header(kind, 10, 0), VERSION)
    assert (caught.value.packet, caught.value.offset) == (f"type {kind}", 4)


@pytest.mark.parametrize(
    ("cls", "payload", "offset"),
    [
        (packets.SessionQueueQuery, b"\0\0\0\3abc", 13),
        (packets.SessionQueueQuery, MAX_INT + b"ab", 13),
        (packets.SessionQueueQuery, b"\xff\xff\xff\xfe" + b"ab", 13),
        (packets.ReattachSession, b"\xff\xff\xff\xff", 13),
        (packets.ReattachSession, MAX_INT + MAX_INT + b"ab", 17),
        (packets.ReattachSession, b"\0\0\0\x09\0\x09" + b"\xff" * 9, 19),
        (packets.ReattachSession, b"\0\0\0\x09\0\x04\xf0\x9f\x98\x80", 17),
        (packets.ReattachSession, b"\0\0\0\x0a\0\x09123456789", 13),
        (packets.CreateAddress, b"\0\0\0\0\xff\xff\xff\xff", 17),
        (packets.CreateAddress, b"\0\0\0\0" + MAX_INT, 17),
        (packets.BackupRegistration, bytes(9) + bytes(8) + b"\0\0\0\1\0\0\0\0\x04", 38),
        (packets.ReplicationSyncFile, bytes(8) + b"\3", 21),
        (packets.FederationDownstreamConnect, bytes(5) + b"\0\0\0\1\0\0\0\1\0x", 22),
    ],
    ids=[
        *("odd length", "long length", "negative length", "negative units", "long text", "not utf", "four bytes"),
        *("other units", "negative count", "high count", "unknown parameter", "unknown file", "unknown class"),
    ],
)
def test_lies_are_named_with_packet_and_offset(cls: Any, payload: bytes, offset: int) -> None:
    frame = frame_header(cls.TYPE, 10, len(payload)) + payload
    assert read_by_reference(frame, VERSION) is None
    with pytest.raises(RemoteProtocolError) as caught:
        registry.decode(frame, VERSION)
    assert (caught.value.packet, caught.value.offset) == (cls.NAME, offset)
    assert f"at offset {offset}" in str(caught.value)


@pytest.mark.parametrize("message", [b"\0\0\0\x0c" + bytes(30), b"\0\0\0\x2c" + bytes(30)], ids=["negative", "long"])
def test_a_message_with_a_lying_end_cannot_be_written_for_1x_peers(message: bytes) -> None:
    packet = packets.SessionSend(message)
    with pytest.raises(LocalProtocolError, match="the body's end lies outside"):
        registry.encode(packet, 10, 128)
    with pytest.raises(c.ConstructError):
        spec.build(packet, 128)


@pytest.mark.parametrize("end_of_body", [16, 60])
def test_a_1x_message_with_a_lying_end_is_refused(end_of_body: int) -> None:
    payload = end_of_body.to_bytes(4, "big") + bytes(36)
    frame = frame_header(hot.SEND, 10, len(payload)) + payload
    assert_agree(frame, 128)
    assert read(frame, 128) is None


@pytest.mark.parametrize("cls", PACKETS, ids=lambda cls: cls.NAME)
def test_claims_of_length_cost_no_memory(cls: type[Any]) -> None:
    frames = [frame_header(cls.TYPE, 10, 4 * n) + MAX_INT * n for n in range(1, 40)]
    tracemalloc.start()
    try:
        for frame in frames:
            read(frame, VERSION)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@MANY
@given(payload=st.binary(max_size=40))
def test_hot_parsers_raise_nothing_but_remote_errors(payload: bytes) -> None:
    parsers = [
        (hot.RECEIVE, hot.parse_receive),
        (hot.ACKNOWLEDGE, hot.parse_acknowledge),
        (hot.INDIVIDUAL_ACKNOWLEDGE, hot.parse_acknowledge),
        (hot.PACKETS_CONFIRMED, hot.parse_packets_confirmed),
        (hot.NULL_RESPONSE, hot.parse_null_response),
        (hot.FLOW_TOKEN, hot.parse_flow_token),
        *((kind, hot.parse_credits) for kind in (hot.REQUEST_CREDITS, hot.PRODUCER_CREDITS, hot.FAIL_CREDITS)),
        *((hot.SEND, lambda frame, size=size: hot.parse_send(frame, size)) for size in (1, 9, 13)),
    ]
    for kind, parse in parsers:
        frame = frame_header(kind, 10, len(payload)) + payload
        refusal = None
        try:
            parse(frame)
        except RemoteProtocolError as error:
            refusal = error
        assert refusal is None or (refusal.packet == registry.packet_name(kind) and refusal.offset is not None)


def test_trailers_follow_the_version() -> None:
    assert [hot.send_trailer(capabilities(version)) for version in (0, 129, 130, 133, 134, 136)] == [9, 1, 9, 9, 13, 13]
