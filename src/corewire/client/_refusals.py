"""What a broker's EXCEPTION stands for: the error, what it is about, and where it was said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from corewire.errors import (
    AddressDoesNotExist,
    AddressExists,
    AddressFull,
    BrokerError,
    CorewireError,
    DeleteAddressError,
    UnexpectedRoutingType,
)
from corewire.wire.packets import ExceptionResponse

if TYPE_CHECKING:
    from corewire.client._calls import Packet

#: Of a packet that names a queue and its address, these mean the address.
_OF_ADDRESSES: Final = (AddressDoesNotExist, AddressExists, AddressFull, DeleteAddressError, UnexpectedRoutingType)


def refusal(answer: Packet, asked: Packet, connection: str | None) -> CorewireError | None:
    """The error that the answer to a packet stands for, None for a good one. ``connection``: to which broker."""
    if not isinstance(answer, ExceptionResponse):
        return None
    error = BrokerError.from_code(answer.code, answer.message)
    error.subject = _subject(asked, of_address=isinstance(error, _OF_ADDRESSES))
    error.connection = connection
    return error


def _subject(asked: Packet, *, of_address: bool) -> str | None:
    """What a packet is about, where it names that."""
    address: str | None = getattr(asked, "address", None)
    queue: str | None = getattr(asked, "queue_name", None)
    if queue is not None and not (of_address and address is not None):
        return f"queue {queue!r}"
    return None if address is None else f"address {address!r}"
