"""The generated codec against the construct reference, the vectors of the Java encoders and the captures of real peers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.engine.wire_samples import PACKETS, changes, conditions, sample
from tests.engine.wire_strategies import instances, longs, versions
from tests.engine.wire_vectors import CAPTURES, Vector, captured, vectors

from corewire.errors import LocalProtocolError, RemoteProtocolError
from corewire.wire import packets, registry, spec
from corewire.wire.framing import channel_id, frame_header
from corewire.wire.versions import VERSION

if TYPE_CHECKING:
    from pathlib import Path

FEW = settings(max_examples=8, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)


@pytest.mark.parametrize("cls", PACKETS, ids=lambda cls: cls.NAME)
@FEW
@given(data=st.data(), version=versions, channel=longs)
def test_codec_and_reference_agree_on_random_packets(
    cls: type[Any], data: st.DataObject, version: int, channel: int
) -> None:
    packet = data.draw(instances(cls, version))
    frame = registry.encode(packet, channel, version)
    payload = frame[13:]
    assert frame[:13] == frame_header(cls.TYPE, channel, len(payload))
    assert payload == spec.build(packet, version)
    assert registry.decode(frame, version, strict=True) == packet
    assert spec.parse(cls, payload, version) == (packet, len(payload))


@pytest.mark.parametrize("vector", vectors(), ids=lambda vector: f"{vector.name}@{vector.version}")
def test_frames_of_the_java_encoders_decode_and_encode_to_themselves(vector: Vector) -> None:
    packet = registry.decode(vector.frame, vector.version, strict=True)
    assert (packet.TYPE, len(vector.frame)) == (vector.type, vector.size)
    assert registry.encode(packet, channel_id(vector.frame), vector.version) == vector.frame
    assert spec.parse(type(packet), vector.frame[13:], vector.version) == (packet, vector.size - 13)
    assert spec.build(packet, vector.version) == vector.frame[13:]


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_frames_of_real_peers_decode_and_encode_to_themselves(path: Path) -> None:
    seen = 0
    for item in captured(path):
        packet = registry.decode(item.frame, item.version, strict=True)
        assert registry.encode(packet, channel_id(item.frame), item.version) == item.frame, item.line
        seen += 1
    assert seen > 0


def test_every_type_of_the_protocol_has_a_class() -> None:
    positive = {*range(10, 14), *range(20, 23), *range(30, 37), *range(39, 47), 49, 50, *range(51, 83)}
    replication = {*range(90, 102), 103, *range(104, 107), *range(110, 117), 120, 121, 122, 124, 125, 126, 127}
    assert {cls.TYPE for cls in PACKETS} == positive | replication | set(range(-22, 0))


# -- each field is on the wire -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cls", "name"),
    [(cls, field.name) for cls in PACKETS for field in spec.fields(cls)],
    ids=lambda item: getattr(item, "NAME", item),
)
def test_a_changed_field_changes_the_bytes_and_comes_back(cls: type[Any], name: str) -> None:
    needed = conditions(cls, name)
    packet = sample(cls, **needed)
    before = registry.encode(packet, 10, VERSION)
    others = list(changes(cls, name, packet))
    assert others
    for other in others:
        changed = sample(cls, **{**needed, name: other})
        after = registry.encode(changed, 10, VERSION)
        assert after != before
        assert after[13:] == spec.build(changed, VERSION)
        assert registry.decode(after, VERSION, strict=True) == changed


# -- what is absent, left over or missing --------------------------------------------------------------------------------


def test_absent_optional_groups_are_none_and_stay_absent() -> None:
    whole = packets.CreateQueueV2("a", "q", exclusive=True, ring_size=8)
    frame = registry.encode(whole, 10, VERSION)
    cut = frame[: frame.index(b"\xff\xff\xff\xff\xff\x00") + 6]  # right behind purge_on_no_consumers
    cut = frame_header(whole.TYPE, 10, len(cut) - 13) + cut[13:]
    packet = registry.decode(cut, VERSION, strict=True)
    assert isinstance(packet, packets.CreateQueueV2)
    assert (packet.groups_present, packet.exclusive, packet.ring_size, packet.enabled) == (0, None, None, None)
    assert registry.encode(packet, 10, VERSION) == cut


def test_left_over_bytes_are_ignored_unless_strict() -> None:
    frame = registry.encode(packets.Ping(60000), 0, VERSION)
    longer = frame_header(10, 0, 11) + frame[13:] + b"abc"
    assert registry.decode(longer, VERSION) == packets.Ping(60000)
    with pytest.raises(RemoteProtocolError, match="3 bytes are left over") as caught:
        registry.decode(longer, VERSION, strict=True)
    assert (caught.value.packet, caught.value.offset) == ("PING", 21)


@pytest.mark.parametrize(
    "packet",
    [
        packets.ReplicationSyncFile(7, 0, journal=1, data=b"12345"),
        packets.ReplicationSyncFile(7, 1, store_name="store", data=b"12345", padding=b"what the buffer held"),
        packets.ReplicationSyncFile(7, 2, data=b""),
        packets.ReplicationSyncFile(7, 2, data=None),
        packets.ReplicationSyncFile(-1),
    ],
    ids=["journal", "page with padding", "large message", "close", "no file"],
)
def test_pieces_of_files_keep_their_form_and_padding(packet: packets.ReplicationSyncFile) -> None:
    frame = registry.encode(packet, 2, VERSION)
    assert frame[13:] == spec.build(packet, VERSION)
    assert registry.decode(frame, VERSION, strict=True) == packet


@pytest.mark.parametrize(
    ("version", "size"), [(0, 9), (121, 1), (128, 1), (129, 1), (130, 9), (133, 9), (134, 13), (136, 13)]
)
def test_trailer_of_sends_depends_on_the_version(version: int, size: int) -> None:
    message = b"\0\0\0\x0d" + bytes(28)
    frame = registry.encode(packets.SessionSend(message, True, 5, 6), 10, version)
    embedded = len(message) + (4 if 0 < version < 129 else 0)
    assert len(frame) == 13 + embedded + size


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (packets.Ping(2**63), "cannot be written"),
        (packets.Ping("soon"), "cannot be written"),  # type: ignore[arg-type]
        (packets.DeleteQueue(None), "cannot be written"),  # type: ignore[arg-type]
        (packets.ClusterTopology(False, "node"), "last is missing"),
        (packets.SessionSendContinuation(b"", False), "message_body_size is missing"),
        (packets.ReplicationSyncFile(1, 5, data=b""), "unknown type 5"),
    ],
    ids=["too large", "wrong type", "no string", "no last", "no size", "unknown file type"],
)
def test_what_the_wire_cannot_hold_is_a_local_error(packet: Any, reason: str) -> None:
    with pytest.raises(LocalProtocolError, match=reason):
        registry.encode(packet, 10, VERSION)


def test_a_channel_that_the_wire_cannot_hold_is_a_local_error() -> None:
    with pytest.raises(LocalProtocolError):
        registry.encode(packets.Ping(1), 2**63, VERSION)


@pytest.mark.parametrize("units", [0, 8, 9, 4094, 4095, 4096])
@pytest.mark.parametrize("character", ["x", "\0", "\u00e9", "\u20ac", "\ud800"])
def test_strings_survive_at_the_borders_of_their_three_encodings(character: str, units: int) -> None:
    for text in (character * units, character * (units - 2) + "\U0001f600" if units else ""):
        for packet in (packets.SessionAddMetadata(text, text), packets.SessionQueueQuery(text)):
            frame = registry.encode(packet, 10, VERSION)
            assert frame[13:] == spec.build(packet, VERSION)
            assert registry.decode(frame, VERSION, strict=True) == packet
            assert spec.parse(type(packet), frame[13:], VERSION) == (packet, len(frame) - 13)
