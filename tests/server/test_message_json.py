"""Messages as JSON and back: nothing is lost."""

from __future__ import annotations

import json
import math
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corewire import Message, MessageType, Object
from corewire.client.message import encode
from corewire.values import Byte, Char, Float, Long, Queue, Short
from corewire.wire.message import CoreMessage, encode_message
from corewire_server.cli.message_json import from_json, to_json

if TYPE_CHECKING:
    from corewire.values import Body

TEXTS = st.text(st.characters(exclude_categories=()), max_size=20)  # lone surrogates too
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**31), 2**31 - 1),
    st.integers(-(2**63), 2**63 - 1).map(Long),
    st.integers(-(2**15), 2**15 - 1).map(Short),
    st.integers(-128, 127).map(Byte),
    st.floats(width=32, allow_nan=False).map(Float),
    st.floats(allow_nan=False),
    TEXTS,
    st.characters(max_codepoint=0xFFFF).map(Char),
    st.binary(max_size=20),
)
NAMES = st.text("abcdefghij", min_size=1, max_size=8)
BODIES: st.SearchStrategy[Body] = st.one_of(
    st.none(),
    TEXTS,
    st.binary(max_size=40),
    st.binary(max_size=40).map(Object),
    st.dictionaries(NAMES, VALUES, max_size=5),
    st.lists(VALUES, max_size=5),
)


def bytes_of(message: Message) -> bytes:
    return encode(message, Queue("q"), now_ms=1_000_000, user_id=bytes(16))


@given(
    body=BODIES,
    properties=st.dictionaries(NAMES, VALUES, max_size=5),
    durable=st.booleans(),
    priority=st.integers(0, 9),
)
def test_a_message_comes_back_to_the_byte(body: Body, properties: dict[str, Any], durable: bool, priority: int) -> None:
    message = Message(
        body, properties=properties, durable=durable, priority=priority, correlation_id="c", reply_to="topic://t"
    )
    text = to_json(message)
    assert text.isascii()
    assert "\n" not in text
    assert bytes_of(from_json(text)) == bytes_of(message)


def test_what_is_no_number_stays_none() -> None:
    found = from_json(to_json(Message([math.nan, Float("nan")]))).stream  # which one it is, is not kept
    assert [(type(value), math.isnan(float(value or 0))) for value in found] == [(float, True), (Float, True)]


def test_headers_have_the_names_of_the_api() -> None:
    message = Message(
        b"\0\1",
        correlation_id=b"\2",
        jms_type="kind",
        group_id="g",
        group_sequence=3,
        duplicate_id="d",
        last_value="v",
        content_type="image/png",
        deliver_at=datetime(2030, 1, 2, 3, 4, 5, 678000, UTC),
        properties={"small": Short(1), "ratio": math.inf},
    )
    shown = json.loads(to_json(message))
    assert shown == {
        "body": {"$bytes": "AAE="},
        "type": "bytes",
        "durable": True,
        "priority": 4,
        "properties": {"small": {"$short": 1}, "ratio": {"$double": "inf"}},
        "correlation_id": {"$bytes": "Ag=="},
        "jms_type": "kind",
        "group_id": "g",
        "group_sequence": 3,
        "duplicate_id": "d",
        "last_value": "v",
        "content_type": "image/png",
        "deliver_at": "2030-01-02T03:04:05.678+00:00",
    }
    assert json.loads(to_json(from_json(json.dumps(shown)))) == shown


def test_an_expiration_is_the_same_instant() -> None:
    at = datetime(2031, 2, 3, 4, 5, 6, 789000, UTC)
    made = from_json(json.dumps({"body": "x", "expiration": at.isoformat()}))
    sent = CoreMessage(encode(made, Queue("q"), now_ms=1_000_000, user_id=bytes(16)))
    assert sent.expiration == round(at.timestamp() * 1000)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (MessageType.TEXT, b"\0"),
        (MessageType.DEFAULT, b""),
        (MessageType.DEFAULT, b"\1\2"),
        (MessageType.OBJECT, b""),
        (MessageType.EMBEDDED, b"\3"),
    ],
)
def test_what_python_values_do_not_say_is_kept(kind: MessageType, body: bytes) -> None:
    raw = encode_message(body, address="q", type=kind, user_id=uuid.uuid1().bytes, timestamp=7, expiration=99_000)
    message = from_json(to_json(received(raw)))
    sent = CoreMessage(encode(message, Queue("q"), now_ms=1_000_000, user_id=None))
    before = CoreMessage(raw)
    for name in ("type", "body", "user_id", "expiration", "durable", "priority"):
        assert getattr(sent, name) == getattr(before, name), name


def received(raw: bytes) -> Message:
    message = Message()
    message._hold(CoreMessage(raw))
    return message


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('{"body": "x"}', MessageType.TEXT),
        ('{"body": null}', MessageType.DEFAULT),
        ('{"body": null, "type": "text"}', MessageType.TEXT),
        ('{"body": {"$bytes": "AA=="}}', MessageType.BYTES),
        ('{"body": {"$bytes": "AA=="}, "type": "default"}', MessageType.DEFAULT),
        ('{"body": {"a": 1}}', MessageType.MAP),
        ('{"body": {"$bytes": "AA=="}, "type": "map"}', MessageType.MAP),
        ('{"body": [1]}', MessageType.STREAM),
        (
            '{"body": "x", "address": "a", "broker_id": 7, "delivery_count": 2, "routing_type": "anycast"}',
            MessageType.TEXT,
        ),
    ],
)
def test_the_type_is_what_the_body_looks_like_unless_it_is_named(text: str, kind: MessageType) -> None:
    assert from_json(text).type is kind


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "not JSON"),
        ("[]", "a message is a JSON object"),
        ('{"body": 7}', "no message has type"),
        ('{"body": "x", "type": "bytes"}', "no message has type"),
        ('{"body": "x", "type": "nonsense"}', "no message has type"),
        ('{"body": {"a": {"b": 1}}}', "no value of a property"),
        ('{"body": "x", "colour": "red"}', "colour"),
        ('{"body": "x", "priority": "high"}', "priority"),
        ('{"body": "x", "properties": []}', "properties"),
        ('{"body": "x", "properties": {"a": {"$short": 70000}}}', "70000"),
        ('{"body": "x", "deliver_at": "tomorrow"}', "deliver_at"),
        ('{"body": "x", "deliver_at": "2030-01-01T00:00:00"}', "offset"),
        ('{"body": {"$bytes": "?"}}', "base64"),
    ],
)
def test_what_is_no_message_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        from_json(text)
