"""
The few packets that make up nearly all traffic, by hand: whole frames to plain values and back.

Brokers and clients keep a message as the bytes that its producer wrote, so sending and delivering it is a header before and a
trailer behind them, and nothing is decoded that is not looked at. The layouts are those of ``wire/packets``, and the tests hold
both against each other. Parsers take frames of the right type as ``FrameReader`` cuts them and raise RemoteProtocolError where a
frame is too short for what it must hold; the 1.x form of sends and deliveries is the registry's business. Builders raise
``struct.error`` for numbers out of range.
"""

from __future__ import annotations

from codecs import utf_16_le_decode, utf_16_le_encode
from struct import Struct
from struct import error as StructError
from typing import TYPE_CHECKING, Final

from corewire.errors import RemoteProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable

    from corewire.wire.versions import Capabilities

NULL_RESPONSE: Final = 21
PACKETS_CONFIRMED: Final = 22
ACKNOWLEDGE: Final = 41
FLOW_TOKEN: Final = 70
SEND: Final = 71
RECEIVE: Final = 75
REQUEST_CREDITS: Final = 79
PRODUCER_CREDITS: Final = 80
INDIVIDUAL_ACKNOWLEDGE: Final = 81
FAIL_CREDITS: Final = 82

SEND_TRAILER_PLAIN: Final = 1  #: bytes behind the message of a send: the response flag,
SEND_TRAILER_CORRELATED: Final = 9  #: a correlation id too,
SEND_TRAILER_NAMED: Final = 13  #: and the producer's id

_AT: Final = 13  # where payloads begin
_LENGTH: Final = 4  # the length field does not count itself
_HEAD: Final = Struct(">ibq")
_SEND_PLAIN: Final = Struct(">?")
_SEND_CORRELATED: Final = Struct(">?q")
_SEND_NAMED: Final = Struct(">?qi")
_RECEIVE_TRAILER: Final = Struct(">qi")
_RECEIVE_TRAILER_SIZE: Final = 12
ACKNOWLEDGE_FIELDS: Final = Struct(">qq?").unpack_from
_FLOW_TOKEN: Final = Struct(">qi")
_INT: Final = Struct(">i")
_LONG: Final = Struct(">q")
_CREDITS: Final = Struct(">ii")
# Whole frames; a flag is written as a signed byte, -1 for true.
_SEND_PLAIN_END: Final = Struct(">b")
_SEND_CORRELATED_END: Final = Struct(">bq")
_SEND_NAMED_END: Final = Struct(">bqi")
_ACKNOWLEDGE_FRAME: Final = Struct(">ibqqqb")
_CONFIRMED_FRAME: Final = Struct(">ibqi")
_FLOW_TOKEN_FRAME: Final = Struct(">ibqqi")
_NULL_RESPONSE_FRAME: Final = Struct(">ibqq")
_CREDITS_HEAD: Final = Struct(">ibqii")


_CREDITS_NAMES: Final = {
    REQUEST_CREDITS: "SESS_PRODUCER_REQUEST_CREDITS",
    PRODUCER_CREDITS: "SESS_PRODUCER_CREDITS",
    FAIL_CREDITS: "SESS_PRODUCER_FAIL_CREDITS",
}


def _short(name: str, frame: bytes) -> RemoteProtocolError:
    return RemoteProtocolError(f"a frame of {len(frame)} bytes is too short", packet=name, offset=len(frame))


# -- messages ------------------------------------------------------------------------------------------------------------


def send_trailer(allowed: Capabilities) -> int:
    """Return how many bytes stand behind the message in a SESS_SEND between peers of this version."""
    if allowed.producer_ids:
        return SEND_TRAILER_NAMED
    return SEND_TRAILER_CORRELATED if allowed.correlation_ids else SEND_TRAILER_PLAIN


def parse_send(frame: bytes, trailer: int) -> tuple[bytes, bool, int, int]:
    """
    Take a SESS_SEND apart: message, whether a response is asked for, correlation id (else 0), sender id (else -1).

    ``trailer`` is what ``send_trailer`` says.
    """
    end = len(frame) - trailer
    if end < _AT:
        raise _short("SESS_SEND", frame)
    if trailer == SEND_TRAILER_NAMED:
        requires_response, correlation_id, sender_id = _SEND_NAMED.unpack_from(frame, end)
        return frame[_AT:end], requires_response, correlation_id, sender_id
    if trailer == SEND_TRAILER_CORRELATED:
        requires_response, correlation_id = _SEND_CORRELATED.unpack_from(frame, end)
        return frame[_AT:end], requires_response, correlation_id, -1
    return frame[_AT:end], _SEND_PLAIN.unpack_from(frame, end)[0], 0, -1


def send_frame(
    channel: int,
    message: bytes,
    requires_response: bool,
    correlation_id: int = 0,
    sender_id: int = -1,
    trailer: int = SEND_TRAILER_NAMED,
) -> bytes:
    """Put a SESS_SEND around a message."""
    head = _HEAD.pack(len(message) + trailer + _AT - _LENGTH, SEND, channel)
    if trailer == SEND_TRAILER_NAMED:
        return b"".join((head, message, _SEND_NAMED_END.pack(-requires_response, correlation_id, sender_id)))
    if trailer == SEND_TRAILER_CORRELATED:
        return b"".join((head, message, _SEND_CORRELATED_END.pack(-requires_response, correlation_id)))
    return b"".join((head, message, _SEND_PLAIN_END.pack(-requires_response)))


def parse_receive(frame: bytes) -> tuple[bytes, int, int]:
    """Take a SESS_RECEIVE_MSG apart: message, consumer id, delivery count."""
    end = len(frame) - _RECEIVE_TRAILER_SIZE
    if end < _AT:
        raise _short("SESS_RECEIVE_MSG", frame)
    consumer_id, delivery_count = _RECEIVE_TRAILER.unpack_from(frame, end)
    return frame[_AT:end], consumer_id, delivery_count


def receive_frame(channel: int, message: bytes, consumer_id: int, delivery_count: int) -> bytes:
    """Put a SESS_RECEIVE_MSG around a message."""
    return receive_frames(channel, consumer_id)(message, delivery_count)


def receive_frames(channel: int, consumer_id: int) -> Callable[[bytes, int], bytes]:
    """Return ``receive_frame`` for one consumer: it takes message and delivery count."""
    head, trailer, join = _HEAD.pack, _RECEIVE_TRAILER.pack, b"".join
    more = _RECEIVE_TRAILER_SIZE + _AT - _LENGTH
    first = trailer(consumer_id, 1)

    def frame(message: bytes, delivery_count: int) -> bytes:
        return join(
            (
                head(len(message) + more, RECEIVE, channel),
                message,
                first if delivery_count == 1 else trailer(consumer_id, delivery_count),
            )
        )

    return frame


# -- acknowledgements, confirmations, responses ----------------------------------------------------------------------------


def parse_acknowledge(frame: bytes) -> tuple[int, int, bool]:
    """Take either acknowledgement apart: consumer id, message id, whether a response is asked for."""
    try:
        consumer_id, message_id, requires_response = ACKNOWLEDGE_FIELDS(frame, _AT)
    except StructError:
        raise too_short(frame) from None
    return consumer_id, message_id, requires_response


def too_short(frame: bytes) -> RemoteProtocolError:
    """Return what ``parse_acknowledge`` raises; for those who call ``ACKNOWLEDGE_FIELDS`` instead."""
    name = "SESS_ACKNOWLEDGE" if frame[_LENGTH] == ACKNOWLEDGE else "SESS_INDIVIDUAL_ACKNOWLEDGE"
    return _short(name, frame)


def acknowledge_frame(
    channel: int, consumer_id: int, message_id: int, requires_response: bool, kind: int = ACKNOWLEDGE
) -> bytes:
    """Make an acknowledgement; ``kind`` is ACKNOWLEDGE (all up to the message) or INDIVIDUAL_ACKNOWLEDGE."""
    return _ACKNOWLEDGE_FRAME.pack(26, kind, channel, consumer_id, message_id, -requires_response)


def parse_packets_confirmed(frame: bytes) -> int:
    """Return the number of the last command that is confirmed."""
    try:
        command_id: int = _INT.unpack_from(frame, _AT)[0]
    except StructError:
        raise _short("PACKETS_CONFIRMED", frame) from None
    return command_id


def packets_confirmed_frame(channel: int, command_id: int) -> bytes:
    """Confirm all commands up to a number."""
    return _CONFIRMED_FRAME.pack(13, PACKETS_CONFIRMED, channel, command_id)


def parse_null_response(frame: bytes) -> int | None:
    """Return the correlation id, or None for the short form. Between peers without correlation ids do not ask."""
    if len(frame) < _AT + 8:
        return None
    correlation_id: int = _LONG.unpack_from(frame, _AT)[0]
    return correlation_id


def null_response_frame(channel: int, correlation_id: int | None) -> bytes:
    """Make a NULL_RESPONSE; None makes the short form of peers without correlation ids."""
    if correlation_id is None:
        return _HEAD.pack(9, NULL_RESPONSE, channel)
    return _NULL_RESPONSE_FRAME.pack(17, NULL_RESPONSE, channel, correlation_id)


# -- credits ---------------------------------------------------------------------------------------------------------------


def parse_flow_token(frame: bytes) -> tuple[int, int]:
    """Take a consumer's credits apart: consumer id, bytes."""
    try:
        consumer_id, credit = _FLOW_TOKEN.unpack_from(frame, _AT)
    except StructError:
        raise _short("SESS_FLOWTOKEN", frame) from None
    return consumer_id, credit


def flow_token_frame(channel: int, consumer_id: int, credit: int) -> bytes:
    """Give a consumer's sender so many bytes."""
    return _FLOW_TOKEN_FRAME.pack(21, FLOW_TOKEN, channel, consumer_id, credit)


def parse_credits(frame: bytes) -> tuple[int, str]:
    """Take a packet about producer credits apart (request, grant or refusal): bytes, address."""
    try:
        credit, length = _CREDITS.unpack_from(frame, _AT)
    except StructError:
        raise _short(_CREDITS_NAMES[frame[_LENGTH]], frame) from None
    at = _AT + _CREDITS.size
    if length < 0 or length & 1 or length > len(frame) - at:
        raise RemoteProtocolError(f"an address of {length} bytes", packet=_CREDITS_NAMES[frame[_LENGTH]], offset=at - 4)
    return credit, utf_16_le_decode(frame[at : at + length], "surrogatepass", True)[0]


def credits_frame(kind: int, channel: int, credit: int, address: str) -> bytes:
    """Make a packet about producer credits; ``kind`` is REQUEST_CREDITS, PRODUCER_CREDITS or FAIL_CREDITS."""
    raw = utf_16_le_encode(address, "surrogatepass")[0]
    return _CREDITS_HEAD.pack(len(raw) + 17, kind, channel, credit, len(raw)) + raw
