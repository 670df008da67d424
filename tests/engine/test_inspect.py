"""``decode --check`` and JSON: what is good, what is bad and why, and how values are shown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.engine.wire_vectors import CAPTURES, captured, vectors

from corewire.errors import RemoteProtocolError
from corewire.wire import inspect, packets, registry
from corewire.wire.framing import frame_header
from corewire.wire.message import CoreMessage, encode_message
from corewire.wire.versions import VERSION

if TYPE_CHECKING:
    from pathlib import Path

PING = "000000110a0000000000000000000000000000ea60"


def reason_of(line: str) -> str:
    good, bad = inspect.check([line])
    assert (good, len(bad)) == (0, 1)
    return str(bad[0])


def send(message: bytes) -> bytes:
    return registry.encode(packets.SessionSend(message), 10, VERSION)


def shown(packet: registry.Packet, version: int = VERSION) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(inspect.to_json(registry.encode(packet, 10, version), version))
    return found


# -- check -----------------------------------------------------------------------------------------------------------------


def test_all_vectors_are_good() -> None:
    lines = [f"{vector.version}\t{vector.frame.hex()}" for vector in vectors()]
    assert inspect.check(lines) == (len(lines), [])


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_all_captures_are_good(path: Path) -> None:
    lines = [f"{item.version}\t{item.frame.hex().upper()}" for item in captured(path)]
    assert inspect.check(lines) == (len(lines), [])


def test_comments_and_empty_lines_are_skipped_but_counted_as_lines() -> None:
    good, bad = inspect.check(["# a comment\n", "\n", f"  {PING}\r\n", "", "nothing", f"0\t{PING}"])
    assert good == 2
    assert [item.line for item in bad] == [5]


@pytest.mark.parametrize("line", ["zz", "0a0", "0x0a", f"{PING} {PING}", "{00*4}", f"{VERSION} {PING}"])
def test_a_line_that_is_not_hex_is_bad(line: str) -> None:
    assert reason_of(line).startswith("line 1, no packet: ")


@pytest.mark.parametrize("version", ["1", "120", "137", "-1", "x", "\u0661", "9" * 100, "000000136" + "0" * 9])
def test_an_unknown_version_is_bad(version: str) -> None:
    assert "is not a version" in reason_of(f"{version}\t{PING}")


def test_the_default_version_may_be_given() -> None:
    send_129 = registry.encode(packets.SessionSend(encode_message(b"", address="a")), 10, 129)
    assert inspect.check([send_129.hex()])[0] == 0
    assert inspect.check([send_129.hex()], version=129) == (1, [])


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (PING[:-2], "line 1, no packet, offset 0: 20 bytes are not the frame that its length says"),
        ("00000012" + PING[8:] + "00", "line 1, PING, offset 21: 1 bytes are left over"),
        ("00000009660000000000000001", "line 1, type 102, offset 4: unknown packet type 102"),
        ("0000000a2c000000000000000a01", "line 1, SESS_ROLLBACK, offset 13: encodes to ff where 01 was"),
        ("0000000d67" + "00" * 7 + "02" + "00" * 4, "line 1, REPLICATION_SYNC_FILE, offset 13: 8 bytes are needed"),
    ],
)
def test_a_bad_frame_is_named_with_packet_offset_and_reason(frame: str, reason: str) -> None:
    assert reason_of(frame).startswith(reason)


def test_a_lie_inside_a_message_is_found() -> None:
    message = encode_message(b"body", address="a", properties={"key": 1})
    assert inspect.check([send(message).hex()]) == (1, [])
    assert "left over in the message" in reason_of(send(message + b"\0").hex())
    assert "SESS_SEND, offset 72: unknown property type 12" in reason_of(
        send(message[:-5] + b"\x0c" + message[-4:]).hex()
    )
    assert "SESS_SEND, offset 13: a body of -13 bytes" in reason_of(send(bytes(4) + message[4:]).hex())
    twice = encode_message(b"", address="a", properties={"a": 1, "b": 2}).replace(b"b\0", b"a\0")
    assert "SESS_SEND, offset 56: encodes to" in reason_of(send(twice).hex())


def test_a_durable_flag_of_1x_is_good_in_1x_only() -> None:
    message = encode_message(b"", address="a", durable=True)
    at = CoreMessage(message).properties_at - 18
    odd = message[:at] + b"\xff" + message[at + 1 :]
    packet = packets.SessionSend(odd)
    assert inspect.check([f"128\t{registry.encode(packet, 10, 128).hex()}"]) == (1, [])
    assert "encodes to" in reason_of(send(odd).hex())


def test_headers_of_large_messages_are_checked_too() -> None:
    headers = encode_message(b"", address="a", properties={"key": "text"})[4:]
    for packet in (packets.SessionSendLarge(headers), packets.SessionReceiveLargeMessage(1, 1, 5, headers)):
        assert inspect.check([registry.encode(packet, 10, VERSION).hex()]) == (1, [])
    cut = registry.encode(packets.SessionSendLarge(headers[:10]), 10, VERSION)
    assert "SESS_SEND_LARGE, offset 23: the message breaks off" in reason_of(cut.hex())
    cut = registry.encode(packets.SessionReceiveLargeMessage(1, 1, 5, headers[:10]), 10, VERSION)
    assert "SESS_RECEIVE_LARGE_MSG, offset 43: the message breaks off" in reason_of(cut.hex())


def test_the_version_gate_of_a_field_makes_its_bytes_left_over() -> None:
    consumer = registry.encode(packets.SessionCreateConsumer(0, "q", priority=7), 10, VERSION)
    assert inspect.check([consumer.hex()]) == (1, [])
    assert "4 bytes are left over" in reason_of(f"129\t{consumer.hex()}")


# -- JSON ------------------------------------------------------------------------------------------------------------------


def test_a_packet_is_shown_with_what_its_header_says() -> None:
    assert shown(packets.PacketsConfirmed(4)) == {
        "type": "PACKETS_CONFIRMED",
        "code": 22,
        "channel": 10,
        "size": 17,
        "version": VERSION,
        "fields": {"command_id": 4},
    }


def test_messages_are_shown_by_their_fields() -> None:
    properties: dict[str, Any] = {"text": "x", "raw": b"\x01", "real": 0.5, "none": None, "not": float("nan")}
    message = encode_message(b"\x41", address="a", durable=True, user_id=bytes(16), properties=properties)
    assert shown(packets.SessionReceiveMessage(message, 5, 1))["fields"]["message"] == {
        "id": 0,
        "address": "a",
        "user_id": "00" * 16,
        "type": 0,
        "durable": True,
        "expiration": 0,
        "timestamp": 0,
        "priority": 4,
        "properties": {"text": "x", "raw": "01", "real": 0.5, "none": None, "not": "nan"},
        "body": "41",
    }
    assert "body" not in shown(packets.SessionSendLarge(message[5:]))["fields"]["message"]


def test_composites_and_lists_are_nested() -> None:
    connector = packets.TransportConfiguration("netty", "f.C", {"port": 61616})
    assert shown(packets.BackupRegistration("u", "p", True, connector))["fields"]["connector"] == {
        "name": "netty",
        "factory_class_name": "f.C",
        "params": {"port": 61616},
    }
    xids = packets.SessionXaInDoubtXidsResponse([packets.Xid(7, b"\1", b"\2")])
    assert shown(xids)["fields"]["xids"] == [{"format_id": 7, "branch_qualifier": "01", "global_transaction_id": "02"}]


def test_lone_surrogates_are_escaped_in_json() -> None:
    text = inspect.to_json(registry.encode(packets.SessionQueueQuery("\ud800\u20ac"), 10, VERSION))
    assert '"queue_name": "\\ud800\u20ac"' in text
    text.encode()


def test_a_bad_frame_has_no_json() -> None:
    with pytest.raises(RemoteProtocolError):
        inspect.to_json(frame_header(10, 0, 0))
    with pytest.raises(RemoteProtocolError) as caught:
        inspect.to_json(send(b"\0\0\0\x0d"))
    assert caught.value.packet == "SESS_SEND"
