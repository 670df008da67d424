"""Sends taken apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corewire.errors import RemoteProtocolError
from corewire.wire import hot
from corewire.wire.message import CoreMessage, encode_message
from corewire.wire.primitives import put_simple_string
from corewire_server.core.intake import NOTHING, Reserved, parse_head, stamped
from corewire_server.core.refusal import Refused

if TYPE_CHECKING:
    from corewire.values import PropertyValue


def frame(message: bytes) -> tuple[bytes, int]:
    data = hot.send_frame(10, message, False)
    return data, len(data) - hot.SEND_TRAILER_NAMED


@given(
    body=st.binary(max_size=40),
    address=st.one_of(st.none(), st.text(max_size=20)),
    user_id=st.one_of(st.none(), st.binary(min_size=16, max_size=16)),
    durable=st.booleans(),
    expiration=st.integers(0, 2**62),
    priority=st.integers(0, 9),
    properties=st.dictionaries(st.text(max_size=5), st.integers(-5, 5), max_size=3),
    other=st.text(max_size=3).map(lambda name: b"\x01" + put_simple_string(name)),
)
def test_a_send_is_read_as_the_message_class_reads_it(
    body: bytes,
    address: str | None,
    user_id: bytes | None,
    durable: bool,
    expiration: int,
    priority: int,
    properties: dict[str, int],
    other: bytes,
) -> None:
    raw = encode_message(
        body,
        address=address,
        user_id=user_id,
        durable=durable,
        expiration=expiration,
        priority=priority,
        properties=properties,
    )
    data, end = frame(raw)
    id_at, field, is_durable, until, level, properties_at = parse_head(data, end)
    message = CoreMessage(raw)
    assert (field[5:].decode("utf-16-le", "surrogatepass") if field[0] else None) == message.address
    for guess in (field, other):
        assert parse_head(data, end, guess) == (id_at, field, is_durable, until, level, properties_at)
    assert (bool(is_durable), until, level) == (durable, expiration, priority)
    assert properties_at - 13 == message.properties_at
    message.stamp(77)
    assert stamped(data, end, id_at, 77) == message.raw


@given(st.binary(max_size=80))
def test_other_bytes_raise_the_peers_error_only(junk: bytes) -> None:
    data, end = frame(junk)
    raised: RemoteProtocolError | None = None
    try:
        parse_head(data, end)
    except RemoteProtocolError as error:
        raised = error
    assert raised is None or (raised.packet == "SESS_SEND" and raised.offset is not None)


def test_plain_properties_are_not_even_decoded() -> None:
    data, end = frame(encode_message(b"", address="a", properties={"mine": 1}))
    at = parse_head(data, end)[-1]
    assert Reserved(10).find(data, at, end) is NOTHING


def test_what_jms_clients_write_into_every_message_is_not_decoded_either() -> None:
    mine: dict[str, PropertyValue] = {"__AMQ_CID": "client", "number": 1}
    asked: dict[str, PropertyValue] = {"_AMQ_DUPL_ID": "id"}
    data, end = frame(encode_message(b"", address="a", properties=mine))
    assert Reserved(10).find(data, parse_head(data, end)[-1], end) is NOTHING
    for both in ({**mine, **asked}, {**asked, **mine}):
        data, end = frame(encode_message(b"", address="a", properties=both))
        assert Reserved(10).find(data, parse_head(data, end)[-1], end).duplicate_id == "id".encode("utf-16-le")


def test_what_was_seen_is_remembered_within_bounds() -> None:
    reserved = Reserved(2)
    for number in range(5):
        data, end = frame(encode_message(b"", address="a", properties={"_AMQ_ROUTING_TYPE": number % 2, "n": number}))
        at = parse_head(data, end)[-1]
        found = reserved.find(data, at, end)
        assert found.routing_type == number % 2
        assert reserved.find(data, at, end) is found


def test_a_long_duplicate_id_is_known_by_its_hash() -> None:
    keys = []
    for tail in (b"1", b"2", b"1"):
        data, end = frame(encode_message(b"", address="a", properties={"_AMQ_DUPL_ID": b"x" * 10_000 + tail}))
        keys.append(Reserved(10).find(data, parse_head(data, end)[-1], end).duplicate_id)
    assert keys[0] == keys[2] != keys[1]
    assert all(key is not None and len(key) == 32 for key in keys)


def test_what_is_not_built_is_refused() -> None:
    data, end = frame(encode_message(b"", address="a", properties={"_AMQ_SCHED_DELIVERY": 5}))
    with pytest.raises(Refused, match="scheduled delivery"):
        Reserved(10).find(data, parse_head(data, end)[-1], end)
