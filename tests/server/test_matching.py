"""What identifiers of filters stand for."""

from __future__ import annotations

from typing import Any

import pytest

from corewire.wire.message import encode_message
from corewire_server.core.filters import Filter
from corewire_server.core.matching import Values, accepts

USER_ID = bytes.fromhex("123e4567e89b42d3f456426614174000")


def message(**options: Any) -> bytes:
    return encode_message(b"body", address="a.b", **options)


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("AMQPriority = 7", {"priority": 7}),
        ("AMQTimestamp = 5", {"timestamp": 5}),
        ("AMQExpiration = 9", {"expiration": 9}),
        ("AMQDurable = 'DURABLE'", {"durable": True}),
        ("AMQDurable = 'NON_DURABLE'", {"durable": False}),
        ("AMQAddress = 'a.b'", {}),
        (f"AMQSize = {len(message())}", {}),
        ("AMQUserID = 'ID:123e4567-e89b-12d3-b456-426614174000'", {"user_id": USER_ID}),
        ("AMQUserID = 'native'", {"properties": {"NATIVE_MESSAGE_ID": "native"}}),
        ("AMQUserID IS NULL", {}),
        ("AMQGroupID = 'g'", {"properties": {"_AMQ_GROUP_ID": "g"}}),
        ("AMQOther = 3", {"properties": {"AMQOther": 3}}),
        ("colour = 'red'", {"properties": {"colour": "red"}}),
        ("colour IS NULL", {}),
        ("_AMQ_Hops = 258", {"properties": {"_AMQ_Hops": b"\0\0\x01\x02"}}),
    ],
)
def test_an_identifier_is_a_header_or_a_property(text: str, options: dict[str, Any]) -> None:
    assert accepts(Filter(text), Values(message(**options)))


def test_a_message_whose_properties_cannot_be_read_matches_nothing() -> None:
    broken = message()[:-1] + b"\x01\0\0\0\x01\xff\xff\xff\xff"
    assert not accepts(Filter("colour IS NULL"), Values(broken))
