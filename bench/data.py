"""What all benches work on: one message of ordinary size, in frames of the newest version, and streams cut as sockets cut them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from corewire.values import Long
from corewire.wire import hot
from corewire.wire.message import encode_message

if TYPE_CHECKING:
    from collections.abc import Iterable

    from corewire.values import PropertyValue

VERSION: Final = 136
READ_BYTES: Final = 64 * 1024  # what the runtime asks of a socket at once
WINDOW_BYTES: Final = 1024 * 1024  # of confirmations, and of a consumer's credits: the usual setting of Java clients

ADDRESS: Final = "orders"
BODY: Final = bytes(range(100))
PROPERTIES: Final[dict[str, PropertyValue]] = {"customer": "ACME-42", "number": Long(4711), "total": 99.5}


def message(*, durable: bool = False, body: bytes = BODY, message_id: int = 0) -> bytes:
    """A message as its producer writes it, or with ``message_id`` as a broker does."""
    return encode_message(
        body,
        address=ADDRESS,
        message_id=message_id,
        durable=durable,
        timestamp=1_700_000_000_000,
        properties=PROPERTIES,
    )


def send(
    channel: int, *, durable: bool = False, body: bytes = BODY, answer: bool = False, correlation_id: int = 0
) -> bytes:
    """A SESS_SEND: 267 bytes with the usual body."""
    return hot.send_frame(channel, message(durable=durable, body=body), answer, correlation_id)


def reads(frames: Iterable[bytes], size: int = READ_BYTES) -> list[bytes]:
    """The stream of these frames in reads of ``size`` bytes."""
    stream = b"".join(frames)
    return [stream[at : at + size] for at in range(0, len(stream), size)]
