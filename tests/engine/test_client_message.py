"""Messages: what was given can be read, what came too, sending makes the bytes, sending on keeps what it should."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from tests.engine.strategies import property_maps

from corewire.client._headers import KEYWORDS
from corewire.client.message import Message, encode
from corewire.errors import BodyTypeMismatch, RemoteProtocolError
from corewire.values import (
    Address,
    Byte,
    Char,
    Float,
    Json,
    Long,
    MessageType,
    Object,
    Queue,
    RoutingType,
    Short,
    Topic,
)
from corewire.wire.message import CoreMessage, encode_message

if TYPE_CHECKING:
    from corewire.values import Body, Headers, PropertyValue

QUEUE = Queue("q")
NOW_MS = 1_700_000_000_000
USER_ID = bytes.fromhex("101112131415161798191a1b1c1d1e1f")
V1 = "ID:10111213-1415-1617-9819-1a1b1c1d1e1f"


class Received(Message):
    """A message as it came."""

    def __init__(self, raw: bytes) -> None:
        self._hold(CoreMessage(raw))


def travelled(message: Message, to: Queue | Topic | Address = QUEUE, **more: Any) -> Received:
    """Send a message, and receive it."""
    return Received(encode(message, to, **{"now_ms": NOW_MS, "user_id": USER_ID, **more}))


def test_sending_a_text_makes_the_bytes_of_the_reference() -> None:
    raw = encode(Message("Hi"), Queue("q"), now_ms=0x0102030405060708, user_id=USER_ID)
    assert raw.hex() == (
        "0000001601000000044800690000000000000000000100000002710001101112131415161798191a1b1c1d1e1f0301"
        "0000000000000000010203040506070804010000000100000022"
        "5f0041004d0051005f0052004f005500540049004e0047005f00540059005000450003" + "01"
    )


def test_every_header_arrives() -> None:
    reply_to = Topic("answers")
    sent = Message(
        {"id": 7},
        durable=False,
        priority=9,
        ttl=60,
        delivery_delay=timedelta(minutes=5),
        properties={"region": "eu"},
        correlation_id="c",
        reply_to=reply_to,
        jms_type="order",
        group_id="g",
        group_sequence=3,
        duplicate_id=b"d",
        last_value="k",
        content_type="x/y",
    )
    now = datetime.fromtimestamp(NOW_MS / 1000, UTC)
    for message in (sent, travelled(sent)):
        assert (message.type, message.map, message.durable, message.priority) == (MessageType.MAP, {"id": 7}, False, 9)
        assert message.properties == {"region": "eu"}
        assert message.properties is message.properties
        assert (message.correlation_id, message.reply_to, message.jms_type) == ("c", reply_to, "order")
        assert (message.group_id, message.group_sequence, message.duplicate_id) == ("g", 3, b"d")
        assert (message.last_value, message.content_type) == ("k", "x/y")
    assert (sent.timestamp, sent.expiration, sent.deliver_at, sent.message_id, sent.routing_type) == (None,) * 5
    came = travelled(sent)
    assert (came.timestamp, came.expiration) == (now, now + timedelta(seconds=60))
    assert (came.deliver_at, came.message_id) == (now + timedelta(minutes=5), V1)
    assert came.routing_type is RoutingType.ANYCAST


def test_defaults_are_durable_normal_priority_and_for_ever() -> None:
    came = travelled(Message())
    assert (came.type, came.body, came.data, came.durable, came.priority) == (MessageType.DEFAULT, None, b"", True, 4)
    assert (came.expiration, came.deliver_at, came.correlation_id, came.reply_to) == (None, None, None, None)
    assert (came.jms_type, came.group_id, came.group_sequence, came.duplicate_id) == (None, None, None, None)


def test_destinations_say_the_routing_type() -> None:
    assert travelled(Message(), Topic("t")).routing_type is RoutingType.MULTICAST
    assert travelled(Message(), Address("a")).routing_type is None
    assert CoreMessage(encode(Message(), Queue("a::q"), now_ms=1, user_id=None)).address == "a::q"


def test_the_message_s_own_id_and_group_win() -> None:
    own = Message(message_id=V1, group_id="mine")
    came = travelled(own, user_id=bytes(16), group_id="auto", client_id="cid")
    assert (came.message_id, came.group_id) == (V1, "mine")
    assert travelled(Message(), group_id="auto").group_id == "auto"
    assert came._of.properties["__AMQ_CID"] == "cid"
    assert came.properties == {}
    assert travelled(Message(), user_id=None).message_id is None


def test_a_message_is_sent_many_times_and_does_not_change() -> None:
    message = Message("x", ttl=1, properties={"a": 1})
    assert encode(message, Queue("q"), now_ms=5, user_id=None) == encode(message, Queue("q"), now_ms=5, user_id=None)
    assert travelled(message, now_ms=10).expiration != travelled(message, now_ms=20).expiration
    assert message.routing_type is None


def test_what_was_given_may_be_changed_afterwards() -> None:
    body, properties = {"a": 1}, {"p": 1}
    message = Message(body, properties=properties)
    body["a"] = properties["p"] = 2
    assert message.map == {"a": 1}
    assert message.properties == {"p": 1}
    with pytest.raises(AttributeError):
        message.priority = 9  # type: ignore[misc]


@pytest.mark.parametrize(
    ("body", "attribute"),
    [("x", "text"), (b"x", "data"), (Object(b"x"), "data"), ({"a": 1}, "map"), ([1], "stream"), (None, "data")],
)
def test_the_attribute_of_another_type_is_refused(body: Any, attribute: str) -> None:
    message = Message(body)
    for name in ("text", "data", "map", "stream"):
        if name == attribute:
            getattr(message, name)
        else:
            with pytest.raises(BodyTypeMismatch, match=f"a {message.type.name} message, not"):
                getattr(message, name)


def test_json_is_read_from_text_and_bytes() -> None:
    value = {"id": 7, "lines": [{"sku": "x"}]}
    assert Message(Json(value)).json() == travelled(Message(Json(value))).json() == value
    assert Message(Json(value)).content_type == "application/json"
    assert Message(Json(value), content_type="application/ld+json").content_type == "application/ld+json"
    assert Message(b"[1]").json() == [1]
    with pytest.raises(BodyTypeMismatch):
        Message({}).json()
    with pytest.raises(ValueError, match="Expecting value"):
        Message("no json").json()
    with pytest.raises(ValueError, match="nested too deeply"):
        Message("[" * 100_000).json()


def test_a_null_text_is_kept_as_one() -> None:
    null = Received(encode_message(b"\x00", address="q", type=3))
    assert (null.type, null.body, null.text) == (MessageType.TEXT, None, "")
    assert CoreMessage(encode(null, Queue("q"), now_ms=1, user_id=None)).body == b"\x00"


def test_replace_changes_what_is_given() -> None:
    message = Message(Json([1]), priority=9, properties={"a": 1}, duplicate_id="d", group_sequence=2, message_id=V1)
    other = message.replace(priority=1)
    assert (other.priority, other.json(), other.duplicate_id) == (1, [1], "d")
    assert other.properties == {"a": 1}
    assert (other.group_sequence, other.message_id, other.content_type) == (2, V1, "application/json")
    assert (message.priority, type(other)) == (9, Message)
    text = message.replace("text", properties={"b": 2})
    assert (text.text, text.content_type, text.priority) == ("text", None, 9)
    assert text.properties == {"b": 2}
    assert message.replace(None).type is MessageType.DEFAULT
    assert message.replace(Json(2)).json() == 2
    with pytest.raises(ValueError, match="priority"):
        message.replace(priority=10)


TYPES: dict[str, PropertyValue] = {
    "boolean": True,
    "byte": Byte(1),
    "short": Short(2),
    "int": 3,
    "long": Long(4),
    "float": Float(1.5),
    "double": 2.5,
    "text": "x",
    "bytes": b"y",
    "char": Char("z"),
    "null": None,
}


@pytest.mark.parametrize("body", ["text", b"bytes", None, {"a": 1}, [1], Json({"a": 1})], ids=repr)
@pytest.mark.parametrize("typed", [False, True], ids=["", "content type"])
def test_around_another_body_are_the_headers_that_it_would_be_made_with(body: Body, typed: bool) -> None:
    headers: Headers = {"durable": False, "priority": 7, "ttl": 5, "delivery_delay": 3, "properties": {"a": 1}}
    headers |= {"group_id": "g", "message_id": V1}
    if typed:
        headers["content_type"] = "text/plain"
    blank = Message(None, **headers)
    made = blank._around(body)
    assert made._draft() == Message(body, **headers)._draft()
    assert blank._draft() == Message(None, **headers)._draft()


def test_sending_on_keeps_body_properties_types_and_headers_but_not_the_journey() -> None:
    sent = Message(
        TYPES,
        properties=TYPES,
        durable=False,
        priority=2,
        ttl=60,
        correlation_id="c",
        duplicate_id="d",
        deliver_at=FUTURE,
    )
    came = travelled(sent)
    on = travelled(came, Topic("t"), user_id=bytes(16), now_ms=NOW_MS + 7)
    assert on.map == TYPES
    for values in (on.map, on.properties):
        assert [type(value) for value in values.values()] == [type(value) for value in TYPES.values()]
    assert (on.durable, on.priority, on.correlation_id, on.expiration) == (False, 2, "c", came.expiration)
    assert (on.duplicate_id, on.deliver_at, on.routing_type) == (None, None, RoutingType.MULTICAST)
    assert on.message_id != came.message_id
    assert on.timestamp != came.timestamp
    given = travelled(came.replace(duplicate_id="e", ttl=5))
    assert (given.duplicate_id, given.map, given.expiration) == (
        "e",
        TYPES,
        datetime.fromtimestamp(NOW_MS / 1000 + 5, UTC),
    )


FUTURE = datetime(2030, 1, 1, tzinfo=UTC)


@given(property_maps())
def test_any_properties_of_a_peer_are_shown_or_have_an_attribute(values: dict[str, PropertyValue]) -> None:
    came = Received(encode_message(b"", address=None, properties=values))
    assert came.properties == {name: value for name, value in values.items() if name not in KEYWORDS}
    for name in ("correlation_id", "reply_to", "jms_type", "group_id", "group_sequence", "routing_type"):
        getattr(came, name)


def test_reserved_properties_of_odd_types_do_no_harm() -> None:
    came = Received(
        encode_message(
            b"",
            address=None,
            type=77,
            priority=-1,
            expiration=(1 << 63) - 1,
            properties={
                "JMSCorrelationID": Long(7),
                "JMSReplyTo": "foo://bar",
                "JMSType": b"x",
                "_AMQ_GROUP_ID": 5,
                "_AMQ_GROUP_SEQUENCE": "x",
                "_AMQ_ROUTING_TYPE": Byte(9),
                "_AMQ_SCHED_DELIVERY": 1000,
            },
        )
    )
    assert (came.type, came.priority, came.expiration) == (MessageType.DEFAULT, -1, None)
    assert (came.correlation_id, came.reply_to, came.jms_type, came.group_id) == ("7", Address("foo://bar"), None, "5")
    assert (came.group_sequence, came.routing_type) == (None, None)
    assert came.deliver_at == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert Received(encode_message(b"", address=None, properties={"JMSReplyTo": "plain"})).reply_to == Address("plain")


def test_a_malformed_body_is_an_error_when_it_is_read_and_not_before() -> None:
    came = Received(encode_message(b"\x01\xff", address="q", type=5, properties={"a": 1}))
    assert came.properties == {"a": 1}
    with pytest.raises(RemoteProtocolError):
        came.map  # noqa: B018


def test_repr_shows_no_body() -> None:
    assert repr(Message("secret", durable=False)) == "<Message TEXT, 17 bytes, not durable>"
    assert repr(travelled(Message(b"secret"))) == f"<Received BYTES, 6 bytes, {V1}>"
